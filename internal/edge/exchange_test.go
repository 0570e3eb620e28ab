package edge

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/patchbay/patchbay/internal/apiconn"
)

func TestClientRequestID(t *testing.T) {
	t.Parallel()
	for given, kept := range map[string]bool{
		"7d1c6a2e-40e5-4a36-8f6b-0d3f5f1f9a11": true, "not-a-guid": true, strings.Repeat("x", 128): true, `"quoted"`: true,
		"": false, strings.Repeat("x", 129): false, "two words": false, "tab\tbed": false, "ünicode": false, "line\nbreak": false, "\x7f": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Client-Request-Id"] = []string{given}
		x, r := begin(r, Options{})
		want := given
		if !kept {
			want = x.RequestID
		}
		if x.ClientRequestID != want {
			t.Errorf("%q became %q", given, x.ClientRequestID)
		}
		if _, err := uuid.Parse(x.RequestID); err != nil || From(r.Context()) != x || apiconn.RequestID(r.Context()) != x.RequestID {
			t.Errorf("the request id %q is no GUID or not in the context", x.RequestID)
		}
	}
}

func TestClientIP(t *testing.T) {
	t.Parallel()
	cases := []struct {
		trust     bool
		remote    string
		forwarded []string
		want      string
	}{
		{false, "192.0.2.1:1234", nil, "192.0.2.1"},
		{false, "192.0.2.1:1234", []string{"198.51.100.7"}, "192.0.2.1"},
		{true, "192.0.2.1:1234", nil, "192.0.2.1"},
		{true, "192.0.2.1:1234", []string{"198.51.100.7"}, "198.51.100.7"},
		{true, "192.0.2.1:1234", []string{"10.0.0.1, 203.0.113.5,198.51.100.7"}, "198.51.100.7"},
		{true, "192.0.2.1:1234", []string{"10.0.0.1", "198.51.100.7"}, "198.51.100.7"},
		{true, "192.0.2.1:1234", []string{"198.51.100.7, nonsense"}, "192.0.2.1"},
		{true, "192.0.2.1:1234", []string{"2001:db8::1"}, "2001:db8::1"},
		{false, "[2001:db8::1]:1234", nil, "2001:db8::1"},
		{false, "@", nil, "@"},
	}
	for _, c := range cases {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.remote
		r.Header["X-Forwarded-For"] = c.forwarded
		if x, _ := begin(r, Options{TrustProxyHeaders: c.trust}); x.ClientIP != c.want {
			t.Errorf("%+v: %q", c, x.ClientIP)
		}
	}
}

func TestBaseURL(t *testing.T) {
	t.Parallel()
	cases := []struct {
		trust           bool
		host, forwarded string
		want            string
	}{
		{false, "graph.example", "", "https://graph.example"},
		{false, "localhost:8443", "evil.example", "https://localhost:8443"},
		{true, "inner:80", "outer.example", "https://outer.example"},
		{true, "inner:80", "", "https://inner:80"},
		{true, "inner:80", "outer.example/x", "https://localhost"},
		{false, "[::1]:8443", "", "https://[::1]:8443"},
		{false, `a"b`, "", "https://localhost"},
		{false, "a b", "", "https://localhost"},
		{false, "user@host", "", "https://localhost"},
		{false, "", "", "https://localhost"},
		{false, strings.Repeat("a", 256), "", "https://localhost"},
	}
	for _, c := range cases {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = c.host
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-Host", c.forwarded)
		}
		_, r = begin(r, Options{TrustProxyHeaders: c.trust})
		if got := BaseURL(r); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

// TestOutsideAWrappedRequest: a handler can be tested by itself.
func TestOutsideAWrappedRequest(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("hello"))
	if body, err := ReadBody(r); err != nil || string(body) != "hello" {
		t.Errorf("%q, %v", body, err)
	}
	if From(r.Context()).RequestID != "" {
		t.Error("a request id out of nowhere")
	}
}
