package main

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// setting is a Relay before a server that tells what it was sent.
type setting struct {
	server *httptest.Server
	relay  *relay
	roots  *x509.CertPool // of the file that Relay printed
}

// newSetting starts both. Relay maps graph.microsoft.com only.
func newSetting(t *testing.T) *setting {
	t.Helper()
	s := &setting{server: httptest.NewUnstartedServer(http.HandlerFunc(tell)), roots: x509.NewCertPool()}
	s.server.EnableHTTP2 = true
	s.server.StartTLS()
	t.Cleanup(s.server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.server.Certificate().Raw})
	if err := os.WriteFile(ca, authority, 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	s.relay, err = start(t.Context(), options{listen: "127.0.0.1:0", to: s.server.URL, ca: ca, maps: []string{"graph.microsoft.com:443"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.relay.stop)
	printed, err := os.ReadFile(s.relay.caFile())
	if err != nil {
		t.Fatal(err)
	}
	s.roots.AppendCertsFromPEM(printed)
	return s
}

// told is what the server got, as it tells it.
type told struct {
	Method, Host, Target, Protocol string
	Length                         int64
	Encoding                       []string
	Headers                        http.Header
	Body                           []byte
}

// tell answers with what was sent: compressed where "gzip" is in the query, without a type where "untyped" is, with a trailer
// where "trailer" is, and in two pieces.
func tell(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	answer, _ := json.Marshal(told{
		Method: req.Method, Host: req.Host, Target: req.RequestURI, Protocol: req.Proto, Length: req.ContentLength,
		Encoding: req.TransferEncoding, Headers: req.Header, Body: body,
	})
	w.Header().Set("X-Ms-Resource-Unit", "1")
	w.Header()["Set-Cookie"] = []string{"a=1", "b=2"}
	query := req.URL.RawQuery
	if strings.Contains(query, "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		answer = compressed(answer)
	}
	if strings.Contains(query, "untyped") {
		w.Header()["Content-Type"] = nil
	}
	if strings.Contains(query, "trailer") {
		w.Header().Set("Trailer", "X-Sum")
		defer w.Header().Set("X-Sum", "42")
	}
	w.WriteHeader(http.StatusTeapot)
	_, _ = w.Write(answer[:len(answer)/2])
	_ = http.NewResponseController(w).Flush()
	_, _ = w.Write(answer[len(answer)/2:])
}

func compressed(text []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(text)
	_ = z.Close()
	return b.Bytes()
}

// client is an HTTP client in one protocol that goes by a proxy unless that is nil.
func (s *setting) client(t *testing.T, http2 bool, proxy *url.URL) *http.Client {
	t.Helper()
	var protocols http.Protocols
	protocols.SetHTTP1(!http2)
	protocols.SetHTTP2(http2)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: s.roots, MinVersion: tls.VersionTLS12}, Protocols: &protocols,
		DisableCompression: true, Proxy: http.ProxyURL(proxy),
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport: transport, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (s *setting) proxyURL(t *testing.T) *url.URL {
	t.Helper()
	proxy, err := url.Parse(s.relay.proxyURL())
	if err != nil {
		t.Fatal(err)
	}
	return proxy
}

// requests are those that a proxy is apt to change.
var requests = []struct {
	name, method, target string
	headers              http.Header
	body                 func() io.Reader
}{
	{"a GET without a User-Agent", http.MethodGet, "/v1.0/identity/apiConnectors?%24top=1&$select=id", http.Header{"User-Agent": nil}, nil},
	{"a GET that accepts gzip", http.MethodGet, "/v1.0/x?gzip", http.Header{"Accept-Encoding": {"gzip, deflate, br"}}, nil},
	{"a path in other escapes", http.MethodGet, "/v1.0/a%2Fb('c%27')/%24ref?x=%C3%BC+y&&z", nil, nil},
	{"a path that should have been escaped", http.MethodGet, "/v1.0/x('{a}|b')?$filter=x eq 'y'", nil, nil},
	{"a question mark with nothing behind it", http.MethodGet, "/v1.0/x?", nil, nil},
	{"a PATCH in gzip", http.MethodPatch, "/v1.0/x", http.Header{"Content-Encoding": {"gzip"}}, func() io.Reader {
		return bytes.NewReader(compressed([]byte(`{"displayName": "\u003cx\u003e"}`)))
	}},
	{"a PATCH in chunks", http.MethodPatch, "/v1.0/x", nil, func() io.Reader { return io.MultiReader(strings.NewReader("{ }")) }},
	{"a POST without a body", http.MethodPost, "/v1.0/x", http.Header{"Content-Type": {"application/json"}}, nil},
	{"a DELETE with a type", http.MethodDelete, "/v1.0/x", http.Header{"Content-Type": {"application/json"}}, nil},
	{"a DELETE of length 0", http.MethodDelete, "/v1.0/x", http.Header{"Content-Length": {"0"}}, nil},
	{"headers that come more than once", http.MethodGet, "/v1.0/x", http.Header{
		"Prefer": {"a", "b"}, "X-Forwarded-For": {"192.0.2.1"}, "Forwarded": {"for=192.0.2.1"}, "Authorization": {"Bearer secret"},
	}, nil},
	{"an answer without a type, with a trailer", http.MethodGet, "/v1.0/x?untyped&trailer", nil, nil},
	{"a HEAD", http.MethodHead, "/v1.0/x", nil, nil},
}

// TestForwards sends each request to the server and through Relay, and wants no difference, neither there nor in the answer.
func TestForwards(t *testing.T) {
	t.Parallel()
	s := newSetting(t)
	for _, http2 := range []bool{false, true} {
		direct := s.client(t, http2, nil)
		ways := []struct {
			name, base string
			client     *http.Client
		}{
			{"front", s.relay.frontURL(), direct},
			{"proxy", "https://graph.microsoft.com", s.client(t, http2, s.proxyURL(t))},
		}
		for _, r := range requests {
			for _, way := range ways {
				t.Run(fmt.Sprintf("HTTP2 %t, %s, %s", http2, way.name, r.name), func(t *testing.T) {
					send := func(client *http.Client, base string) (*http.Response, []byte) {
						var body io.Reader
						if r.body != nil {
							body = r.body()
						}
						return exchange(t, client, r.method, base+r.target, r.headers, body)
					}
					want, wantBody := send(direct, s.server.URL)
					got, gotBody := send(way.client, way.base)
					if !bytes.Equal(gotBody, wantBody) {
						t.Errorf("body\n%q, want\n%q", gotBody, wantBody)
					}
					want.Header.Del("Date")
					got.Header.Del("Date")
					if got.StatusCode != want.StatusCode || got.Proto != want.Proto || got.ContentLength != want.ContentLength ||
						!reflect.DeepEqual(got.TransferEncoding, want.TransferEncoding) {
						t.Errorf("%d %s, length %d %v, want %d %s, length %d %v", got.StatusCode, got.Proto, got.ContentLength, got.TransferEncoding,
							want.StatusCode, want.Proto, want.ContentLength, want.TransferEncoding)
					}
					if !reflect.DeepEqual(got.Header, want.Header) || got.Trailer.Get("X-Sum") != want.Trailer.Get("X-Sum") {
						t.Errorf("headers %v %v, want %v %v", got.Header, got.Trailer, want.Header, want.Trailer)
					}
				})
			}
		}
	}
}

// exchange sends a request whose Host is Graph's, so that it does not tell the ways apart.
func exchange(t *testing.T, client *http.Client, method, target string, headers http.Header, body io.Reader) (*http.Response, []byte) {
	t.Helper()
	base, path := target, ""
	if i := strings.Index(target, "/v1.0/"); i >= 0 {
		base, path = target[:i], target[i:]
	}
	req, err := http.NewRequestWithContext(t.Context(), method, base, body)
	if err != nil {
		t.Fatal(err)
	}
	req.URL.Opaque = path // as it stands: Go would escape it
	if headers.Get("Content-Length") == "0" {
		req.TransferEncoding = []string{"identity"} // Go's way to say that the 0 is to be written
	}
	for name, values := range headers {
		req.Header[name] = values
	}
	req.Host = "graph.microsoft.com"
	answer, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	octets, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, octets
}

func TestFaults(t *testing.T) {
	t.Parallel()
	s := newSetting(t)
	client := s.client(t, true, nil)
	ask := func(fault string) {
		t.Helper()
		answer, text := exchange(t, client, http.MethodPost, s.relay.proxyURL()+control, nil, strings.NewReader(fault))
		if answer.StatusCode != http.StatusNoContent {
			t.Fatalf("%s: %d %s", fault, answer.StatusCode, text)
		}
	}
	get := func(path string) (*http.Response, string) {
		t.Helper()
		answer, text := exchange(t, client, http.MethodGet, s.relay.frontURL()+path, http.Header{"Authorization": {"Bearer secret"}}, nil)
		return answer, string(text)
	}
	client.Transport.(*http.Transport).Protocols.SetHTTP1(true) // the proxy's own port speaks no HTTP/2

	ask(`{"status":503,"retryAfter":1,"times":2}`)
	if answer, _ := get("/tenant/oauth2/v2.0/token"); answer.StatusCode != http.StatusTeapot {
		t.Errorf("a token was concerned: %d", answer.StatusCode)
	}
	for range 2 {
		answer, text := get("/v1.0/x")
		if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") != "1" || !strings.Contains(text, `{"error":{"code":"ServiceUnavailable",`) {
			t.Errorf("answered %d, %v, %s", answer.StatusCode, answer.Header, text)
		}
	}
	if answer, _ := get("/v1.0/x"); answer.StatusCode != http.StatusTeapot {
		t.Errorf("a third time: %d", answer.StatusCode)
	}
	ask(`{"redirect":"https://nowhere.invalid/x"}`)
	if answer, _ := get("/v1.0/x"); answer.StatusCode != http.StatusFound || answer.Header.Get("Location") != "https://nowhere.invalid/x" {
		t.Errorf("answered %d, %v", answer.StatusCode, answer.Header)
	}
	ask(`{"status":200,"path":"/subscriptions","method":"get","body":{"value":[]},"times":-1}`)
	for range 3 {
		if answer, text := get("/subscriptions?x"); answer.StatusCode != http.StatusOK || text != "{\"value\":[]}\n" {
			t.Errorf("answered %d, %s", answer.StatusCode, text)
		}
	}
	for _, wrong := range []string{"", "{}", `{"status":99}`, `{"status":503,"times":0}`, `{"state":503}`} {
		answer, _ := exchange(t, client, http.MethodPost, s.relay.frontURL()+control, nil, strings.NewReader(wrong))
		if answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %d", wrong, answer.StatusCode)
		}
	}

	seen := s.report(t, client)
	if seen.Requests != 8 || seen.Faults != 6 || seen.Pending != 1 || len(seen.Seen) != 8 {
		t.Errorf("%d requests, %d faults, %d pending, %d seen", seen.Requests, seen.Faults, seen.Pending, len(seen.Seen))
	}
	second := seen.Seen[1]
	if second.Target != "/v1.0/x" || second.Host != "graph.microsoft.com" || second.Status != 503 || !second.Fault || second.Protocol != "HTTP/2.0" {
		t.Errorf("seen %+v", second)
	}
	if got := second.Headers.Get("Authorization"); got != "Bearer ******" {
		t.Errorf("Authorization is shown as %q", got)
	}
	if answer, _ := exchange(t, client, http.MethodDelete, s.relay.proxyURL()+control, nil, nil); answer.StatusCode != http.StatusNoContent {
		t.Errorf("DELETE: %d", answer.StatusCode)
	}
	if seen := s.report(t, client); seen.Requests != 0 || seen.Pending != 0 {
		t.Errorf("after DELETE: %+v", seen)
	}
}

func (s *setting) report(t *testing.T, client *http.Client) report {
	t.Helper()
	var seen report
	_, text := exchange(t, client, http.MethodGet, s.relay.frontURL()+control, nil, nil)
	if err := json.Unmarshal(text, &seen); err != nil {
		t.Fatal(err)
	}
	return seen
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	s := newSetting(t)
	client := s.client(t, false, s.proxyURL(t))
	for _, target := range []string{"https://nowhere.invalid/", "https://graph.microsoft.com:8443/", "http://graph.microsoft.com/"} {
		answer, err := client.Get(target)
		if err == nil {
			_ = answer.Body.Close()
		}
		if err == nil && answer.StatusCode != http.StatusForbidden {
			t.Errorf("%s was answered %d", target, answer.StatusCode)
		}
	}
	want := map[string]int{"nowhere.invalid:443": 1, "graph.microsoft.com:8443": 1, "graph.microsoft.com": 1}
	if seen := s.report(t, s.client(t, true, nil)); !reflect.DeepEqual(seen.Refused, want) || seen.Requests != 0 {
		t.Errorf("refused %v, want %v; %d requests", seen.Refused, want, seen.Requests)
	}
	for _, wrong := range []options{{to: "http://localhost"}, {to: s.server.URL, ca: "nowhere.pem"}, {to: s.server.URL, ca: "go.mod"}} {
		if r, err := start(t.Context(), wrong); err == nil {
			r.stop()
			t.Errorf("%+v was taken", wrong)
		}
	}
}

// TestBreaksOff: an answer that the server does not finish must not look whole.
func TestBreaksOff(t *testing.T) {
	t.Parallel()
	s := newSetting(t)
	s.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	for _, http2 := range []bool{false, true} {
		answer, err := s.client(t, http2, nil).Get(s.relay.frontURL() + "/v1.0/x")
		if err != nil {
			continue // so early that there is no answer at all
		}
		if text, err := io.ReadAll(answer.Body); err == nil {
			t.Errorf("HTTP/2 %t: %q looks whole", http2, text)
		}
		_ = answer.Body.Close()
	}
}
