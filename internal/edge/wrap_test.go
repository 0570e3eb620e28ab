package edge

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// serve runs one request through Wrap and returns the answer and the log's lines.
func serve(t *testing.T, next http.HandlerFunc, opts Options, r *http.Request) (*httptest.ResponseRecorder, []map[string]any) {
	t.Helper()
	var log bytes.Buffer
	opts.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w := httptest.NewRecorder()
	Wrap(next, opts).ServeHTTP(w, r)
	var lines []map[string]any
	for line := range strings.Lines(log.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		lines = append(lines, fields)
	}
	return w, lines
}

// spelled is a header of an answer by its exact spelling.
func spelled(w *httptest.ResponseRecorder, name string) string {
	return strings.Join(map[string][]string(w.Result().Header)[name], "\n")
}

func TestOneLogLinePerRequest(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPatch, "/secret-path?query=secret", strings.NewReader("secret body"))
	r.Header.Set("Authorization", "Bearer secret")
	r.Header.Set("Client-Request-Id", "theirs")
	w, lines := serve(t, func(w http.ResponseWriter, r *http.Request) {
		x := From(r.Context())
		x.Route, x.TenantID, x.AppID = "/thing/{id}", "tenant", "app"
		x.Failure = errors.New("why")
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, "hello")
	}, Options{}, r)
	if w.Code != http.StatusConflict || len(lines) != 1 {
		t.Fatalf("%d, %d lines", w.Code, len(lines))
	}
	got := lines[0]
	if id, _ := got["request_id"].(string); len(id) != 36 {
		t.Errorf("request_id %v", got["request_id"])
	}
	for _, name := range []string{"time", "request_id", "duration_us"} {
		delete(got, name)
	}
	want := map[string]any{
		"level": "INFO", "msg": "request", "method": "PATCH", "route": "/thing/{id}", "status": 409.0, "answer_octets": 5.0,
		"client_ip": "192.0.2.1", "client_request_id": "theirs", "tenant_id": "tenant", "app_id": "app", "error": "why",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestLevel: an error line wakes somebody up, so a client's mistake is none, and a fault within a batch is one though its
// status is 200.
func TestLevel(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		fault  bool
		want   string
	}{{200, false, "INFO"}, {400, false, "INFO"}, {429, false, "INFO"}, {500, false, "ERROR"}, {503, false, "ERROR"}, {200, true, "ERROR"}} {
		_, lines := serve(t, func(w http.ResponseWriter, r *http.Request) {
			From(r.Context()).Failure, From(r.Context()).Fault = errors.New("not an apiconn.Error"), c.fault
			w.WriteHeader(c.status)
		}, Options{}, httptest.NewRequest(http.MethodGet, "/", nil))
		if lines[0]["level"] != c.want {
			t.Errorf("%d, fault %v: %v", c.status, c.fault, lines[0]["level"])
		}
	}
}

func TestPanicIsAnAnswer(t *testing.T) {
	t.Parallel()
	w, lines := serve(t, func(http.ResponseWriter, *http.Request) {
		panic(errors.New("out of range"))
	}, Options{}, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusInternalServerError || spelled(w, "request-id") == "" || w.Body.Len() != 0 {
		t.Errorf("%d %v %q", w.Code, w.Result().Header, w.Body)
	}
	if text, _ := lines[0]["error"].(string); len(lines) != 1 || lines[0]["level"] != "ERROR" || !strings.Contains(text, "out of range") || !strings.Contains(text, "wrap_test.go") {
		t.Errorf("%v", lines)
	}
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	for _, timeout := range []time.Duration{0, time.Minute} {
		serve(t, func(_ http.ResponseWriter, r *http.Request) {
			want := timeout
			if want == 0 {
				want = 30 * time.Second
			}
			at, ok := r.Context().Deadline()
			if left := time.Until(at); !ok || left > want || left < want-10*time.Second {
				t.Errorf("timeout %s leaves %s", timeout, left)
			}
		}, Options{Timeout: timeout}, httptest.NewRequest(http.MethodGet, "/", nil))
	}
}

func TestLargeAnswersAreCompressed(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("0123456789", 200)
	for _, c := range []struct {
		accept, body string
		zipped       bool
	}{{"gzip", large, true}, {"deflate, gzip;q=0.5, br", large, true}, {"gzip", "small", false}, {"", large, false}, {"identity", large, false}, {"gzip;q=0", large, false}} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept-Encoding", c.accept)
		w, lines := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json;odata.metadata=minimal;charset=utf-8")
			_, _ = io.WriteString(w, c.body)
		}, Options{}, r)
		got, octets := w.Body.String(), float64(w.Body.Len())
		if zipped := w.Header().Get("Content-Encoding") == "gzip"; zipped != c.zipped {
			t.Errorf("%q, %d octets: gzip %v", c.accept, len(c.body), zipped)
		} else if zipped {
			zr, err := gzip.NewReader(w.Body)
			if err != nil {
				t.Fatal(err)
			}
			plain, err := io.ReadAll(zr)
			if err != nil {
				t.Fatal(err)
			}
			got = string(plain)
		}
		if got != c.body || w.Header().Get("Vary") != "Accept-Encoding" || w.Code != http.StatusOK {
			t.Errorf("%q: %d octets, Vary %q, %d", c.accept, len(got), w.Header().Get("Vary"), w.Code)
		}
		if lines[0]["answer_octets"] != octets || lines[0]["status"] != 200.0 {
			t.Errorf("%q: the log says %v octets and status %v", c.accept, lines[0]["answer_octets"], lines[0]["status"])
		}
	}
}

// TestMetricsLabelsAreOurs: nothing that a client makes up becomes a label.
func TestMetricsLabelsAreOurs(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	metrics := NewMetrics(registry)
	for _, method := range []string{"GET", "PATCH", "BREW", "CANARY"} {
		serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPatch {
				From(r.Context()).Route = "/thing/{id}"
			}
			w.WriteHeader(http.StatusNoContent)
		}, Options{Metrics: metrics}, httptest.NewRequest(method, "/canary?canary", nil))
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]uint64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			labels := family.GetName()
			for _, label := range metric.GetLabel() {
				labels += " " + label.GetName() + "=" + label.GetValue()
			}
			counts[labels] = metric.GetHistogram().GetSampleCount()
		}
	}
	const name = "patchbay_http_request_duration_seconds"
	want := map[string]uint64{
		name + " method=GET route=none status=204":          1,
		name + " method=PATCH route=/thing/{id} status=204": 1,
		name + " method=other route=none status=204":        2,
	}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestUnwrap: http.ResponseController reaches the connection through the recorder.
func TestUnwrap(t *testing.T) {
	t.Parallel()
	inner := httptest.NewRecorder()
	if (&recorder{ResponseWriter: inner}).Unwrap() != http.ResponseWriter(inner) {
		t.Error("the recorder hides the writer")
	}
}

// TestLoggedErrorIsClipped: an error may quote what a client sent, and the log must not grow with it.
func TestLoggedErrorIsClipped(t *testing.T) {
	t.Parallel()
	_, lines := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		From(r.Context()).Failure = errors.New(strings.Repeat("é", 100_000))
	}, Options{}, httptest.NewRequest(http.MethodGet, "/", nil))
	if text, _ := lines[0]["error"].(string); len(text) > maxLogged+8 || !strings.HasSuffix(text, "é…") {
		t.Errorf("%d octets of error in the log, ending %q", len(text), text[len(text)-8:])
	}
}
