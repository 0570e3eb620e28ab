package conformance

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// open makes sure that the node says everywhere that it is open.
func (n *node) open(t *testing.T) {
	t.Helper()
	n.says(t, http.StatusOK, "ready", 0)
}

// says compares what the health listener says.
func (n *node) says(t *testing.T, status int, readiness string, sealed int) {
	t.Helper()
	if got, text := n.probe("/healthz"); got != http.StatusOK || text != "ok" {
		t.Errorf("/healthz: %d %s", got, text)
	}
	if got, text := n.probe("/readyz"); got != status || text != readiness {
		t.Errorf("/readyz: %d %s, want %d %s", got, text, status, readiness)
	}
	if _, metrics := n.probe("/metrics"); !strings.Contains(metrics, fmt.Sprintf("\npatchbay_sealed %d\n", sealed)) {
		t.Errorf("the metric patchbay_sealed is not %d", sealed)
	}
}

// becomes waits until the node is sealed for another reason.
func (n *node) becomes(t *testing.T, reason string) {
	t.Helper()
	err := eventually(n.ctx, opensWithin, func() error {
		if status, text := n.probe("/readyz"); status != http.StatusServiceUnavailable || text != "sealed: "+reason {
			return fmt.Errorf("/readyz: %d %s", status, text)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%v, want sealed: %s\n%s", err, reason, &n.Log)
	}
}

// sealed makes sure that the node is sealed for that reason, and that every surface says so in its own form.
func (n *node) sealed(t *testing.T, reason string) {
	t.Helper()
	n.becomes(t, reason)
	n.says(t, http.StatusServiceUnavailable, "sealed: "+reason, 1)
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{http.MethodGet, "/v1.0/identity/apiConnectors", nil},
		{http.MethodPatch, "/v1.0/identity/apiConnectors/" + n.connector, map[string]string{"displayName": "x"}},
		{http.MethodGet, "/v1.0/$metadata", nil},
		{http.MethodPost, "/beta/$batch", map[string]any{"requests": []any{}}},
		{http.MethodPost, stepPath, map[string]any{"claims": map[string]string{"email": "a@example.com"}}},
		{http.MethodGet, "/runtime/v1/invocations", nil},
		{http.MethodGet, "/runtime/v1/reasons", nil},
	} {
		request, err := n.request(c.method, c.path, c.body)
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Error struct {
				Code, Message string
				InnerError    map[string]string
			}
		}
		n.unavailable(t, request, &answer)
		if answer.Error.Code != "ServiceUnavailable" || !strings.Contains(answer.Error.Message, "sealed") || answer.Error.InnerError["request-id"] == "" {
			t.Errorf("%s %s: %+v", c.method, c.path, answer)
		}
	}
	var answer struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Codes       []int  `json:"error_codes"`
	}
	n.unavailable(t, n.tokenRequest(t), &answer)
	if answer.Error != "temporarily_unavailable" || len(answer.Codes) != 1 || !strings.Contains(answer.Description, "sealed") {
		t.Errorf("the token endpoint: %+v", answer)
	}
}

// unavailable sends a request that must be answered 503 with a Retry-After in JSON.
func (n *node) unavailable(t *testing.T, request *http.Request, into any) {
	t.Helper()
	response, err := n.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	what := request.Method + " " + request.URL.Path
	if after, err := strconv.Atoi(response.Header.Get("Retry-After")); response.StatusCode != http.StatusServiceUnavailable || err != nil || after < 1 {
		t.Errorf("%s: %d, Retry-After %q", what, response.StatusCode, response.Header.Get("Retry-After"))
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Errorf("%s: %v: %s", what, err, text)
	}
}

// toldOnce makes sure that the log of the running node has one line for each of the reasons, and one for the opening.
func (n *node) toldOnce(t *testing.T, reasons ...string) {
	t.Helper()
	log := n.Log.String()
	for _, reason := range reasons {
		if lines := strings.Count(log, `"reason":"`+reason+`"`); lines != 1 {
			t.Errorf("the log tells %d times that it is sealed because of %s", lines, reason)
		}
	}
	if lines := strings.Count(log, `"msg":"opened: `); lines != 1 {
		t.Errorf("the log tells %d times that it is open", lines)
	}
}
