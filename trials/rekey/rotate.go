package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/patchbay/patchbay/trials/cluster"
)

// rotation is how the key was changed.
type rotation struct {
	kills   int
	took    time.Duration
	last    time.Duration // of the run that came to its end
	retired int
}

// rotate runs `patchbay key rotate`, kills it and all its children with SIGKILL after a while, and so on until one run comes to
// its end by itself. Each run is given longer by more than the one before.
func rotate(ctx context.Context, c *cluster.Cluster, kill, more time.Duration) (r rotation, err error) {
	began := time.Now()
	for {
		started := time.Now()
		printed, killed, err := runFor(ctx, c.Command(context.WithoutCancel(ctx), "key", "rotate", "--output", "json"), kill+time.Duration(r.kills)*more)
		if err != nil {
			return r, err
		}
		if killed {
			r.kills++
			continue
		}
		var report struct {
			Retired []uint32 `json:"retired_keys"`
			Damaged int      `json:"damaged"`
		}
		if err := json.Unmarshal(printed, &report); err != nil {
			return r, fmt.Errorf("key rotate printed something that is not the expected JSON: %w", err)
		}
		r.took, r.last, r.retired = time.Since(began), time.Since(started), len(report.Retired)
		if report.Damaged > 0 || r.retired == 0 {
			err = fmt.Errorf("the rotation ended with %d damaged secrets and %d retired keys", report.Damaged, r.retired)
		}
		return r, err
	}
}

// runFor runs a command in a process group of its own, and kills that when the time is over or ctx ends.
func runFor(ctx context.Context, command *exec.Cmd, most time.Duration) (printed []byte, killed bool, err error) {
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		return nil, false, err
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case err := <-ended:
		if err != nil {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
		}
		return stdout.Bytes(), false, err
	case <-timer.C:
	case <-ctx.Done():
	}
	failed := syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
	if err := <-ended; err == nil {
		return stdout.Bytes(), false, nil // it was faster
	}
	if errors.Is(failed, syscall.ESRCH) {
		failed = nil
	}
	return nil, true, errors.Join(failed, ctx.Err())
}
