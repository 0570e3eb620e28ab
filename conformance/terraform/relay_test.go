package conformance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// relay is a running ../relay: a front of the server that answers with faults when it is asked to.
type relay struct {
	URL   string `json:"url"`
	Proxy string `json:"proxy"`
	CA    string `json:"ca"`

	command *exec.Cmd
}

// passed is a request that came by a relay.
type passed struct {
	At      int64       `json:"at"` // milliseconds
	Host    string      `json:"host"`
	Method  string      `json:"method"`
	Target  string      `json:"target"`
	Status  int         `json:"status"`
	Headers http.Header `json:"headers"`
}

// startRelay runs a relay of the server, whose proxy leads the hosts to it.
func startRelay(ctx context.Context, binary string, to *server, hosts ...string) (*relay, error) {
	args := []string{"--to", to.env["PATCHBAY_URL"], "--ca", to.env["NODE_EXTRA_CA_CERTS"]}
	for _, host := range hosts {
		args = append(args, "--map", host)
	}
	r := &relay{command: exec.CommandContext(ctx, binary, args...)}
	r.command.Env = environment()
	r.command.Stderr = os.Stderr
	stdout, err := r.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := r.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, r)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the relay did not say where it listens: %w", err), r.stop())
	}
	return r, nil
}

func (r *relay) stop() error {
	_ = r.command.Process.Signal(os.Interrupt)
	timer := time.AfterFunc(stopWithin, func() { _ = r.command.Process.Kill() })
	defer timer.Stop()
	return r.command.Wait()
}

// inject asks for a fault, having forgotten what was seen before.
func (r *relay) inject(t *testing.T, fault map[string]any) {
	t.Helper()
	r.control(t, http.MethodDelete, nil)
	body, err := json.Marshal(fault)
	if err != nil {
		t.Fatal(err)
	}
	r.control(t, http.MethodPost, body)
}

// seen returns the requests to Graph since the last fault was asked for.
func (r *relay) seen(t *testing.T) []passed {
	t.Helper()
	var report struct {
		Seen []passed `json:"seen"`
	}
	if err := json.Unmarshal(r.control(t, http.MethodGet, nil), &report); err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(report.Seen, func(request passed) bool { return !strings.HasPrefix(request.Target, "/v1.0/") })
}

func (r *relay) control(t *testing.T, method string, body []byte) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, r.Proxy+"/__relay", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= http.StatusBadRequest {
		t.Fatalf("the relay answered %d, %v: %s", response.StatusCode, err, answer)
	}
	return answer
}
