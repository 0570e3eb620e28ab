package harness

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

// Relay is a running ../relay: a front of the server that answers with faults when it is asked to.
type Relay struct {
	URL   string `json:"url"`
	Proxy string `json:"proxy"`
	CA    string `json:"ca"`

	command *exec.Cmd
}

// Passed is a request that came by a relay.
type Passed struct {
	At      int64       `json:"at"` // milliseconds
	Host    string      `json:"host"`
	Method  string      `json:"method"`
	Target  string      `json:"target"`
	Status  int         `json:"status"`
	Headers http.Header `json:"headers"`
}

// StartRelay runs a relay of the server, whose proxy leads the hosts to it.
func StartRelay(ctx context.Context, binary string, to *Server, hosts ...string) (*Relay, error) {
	args := []string{"--to", to.Env["PATCHBAY_URL"], "--ca", to.Env["NODE_EXTRA_CA_CERTS"]}
	for _, host := range hosts {
		args = append(args, "--map", host)
	}
	r := &Relay{command: exec.CommandContext(ctx, binary, args...)}
	r.command.Env = Environment()
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
		return nil, errors.Join(fmt.Errorf("the relay did not say where it listens: %w", err), r.Stop())
	}
	return r, nil
}

// Stop ends the relay and reports whether it ended in good order.
func (r *Relay) Stop() error {
	_ = r.command.Process.Signal(os.Interrupt)
	timer := time.AfterFunc(StopWithin, func() { _ = r.command.Process.Kill() })
	defer timer.Stop()
	return r.command.Wait()
}

// Inject asks for a fault, having forgotten what was seen before.
func (r *Relay) Inject(t *testing.T, fault map[string]any) {
	t.Helper()
	r.control(t, http.MethodDelete, nil)
	body, err := json.Marshal(fault)
	if err != nil {
		t.Fatal(err)
	}
	r.control(t, http.MethodPost, body)
}

// Seen returns the requests to Graph since the last fault was asked for.
func (r *Relay) Seen(t *testing.T) []Passed {
	t.Helper()
	var report struct {
		Seen []Passed `json:"seen"`
	}
	if err := json.Unmarshal(r.control(t, http.MethodGet, nil), &report); err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(report.Seen, func(request Passed) bool { return !strings.HasPrefix(request.Target, "/v1.0/") })
}

func (r *Relay) control(t *testing.T, method string, body []byte) []byte {
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
