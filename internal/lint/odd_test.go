package lint_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/credential"
	"github.com/patchbay/patchbay/internal/lint"
	"github.com/patchbay/patchbay/internal/outbound"
	"github.com/patchbay/patchbay/internal/target"
)

// odd wraps a guarded target: before sees each request first, and returns true if it has answered.
func odd(t *testing.T, before func(http.ResponseWriter, *http.Request, []byte) bool, change ...func(*httptest.Server)) endpoint {
	t.Helper()
	tgt, err := target.New(guarded(target.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	return handle(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if !before(w, r, body) {
			tgt.ServeHTTP(w, r)
		}
	}), change...)
}

// fails answers calls whose body has text as an endpoint does that cannot cope with it.
func fails(text string, status int) func(http.ResponseWriter, *http.Request, []byte) bool {
	return func(w http.ResponseWriter, _ *http.Request, body []byte) bool {
		if !bytes.Contains(body, []byte(text)) {
			return false
		}
		http.Error(w, "cannot cope", status)
		return true
	}
}

func answer(text string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, text)
	}
}

// TestOddEndpoints: endpoints that are right but for one thing, which is found and nothing else.
func TestOddEndpoints(t *testing.T) {
	t.Parallel()
	const here = " @b2x.postAttributeCollection"
	none := func(http.ResponseWriter, *http.Request, []byte) bool { return false }
	for name, c := range map[string]struct {
		before func(http.ResponseWriter, *http.Request, []byte) bool
		server func(*httptest.Server)
		want   []string
	}{
		"no Unicode":      {fails("李", 500), nil, []string{"wrong: contract/names in Chinese, Arabic and emoji" + here + " [Failed target_server_error]"}},
		"no mark-up":      {fails("O'Brien", 403), nil, []string{"wrong: contract/names with quotes and mark-up" + here + " [Failed target_forbade]"}},
		"no long values":  {fails("long value", 413), nil, []string{"wrong: contract/values of 1,000 characters" + here + " [Failed target_status_unexpected]"}},
		"one identity":    {fails("facebook.com", 500), nil, []string{"wrong: contract/several identities" + here + " [Failed target_server_error]"}},
		"known languages": {fails("x-unheard-of", 500), nil, []string{"wrong: contract/languages x-unheard-of" + here + " [Failed target_server_error]"}},
		"known attributes": {fails("LintUnknown", 400), nil, []string{
			"wrong: contract/unknown custom attributes" + here + " [Failed bad_request_without_validation_error]",
		}},
		"email wanted": {func(w http.ResponseWriter, r *http.Request, body []byte) bool {
			if json.Valid(body) && bytes.HasPrefix(body, []byte("{")) && !bytes.Contains(body, []byte(`"email"`)) {
				http.Error(w, "no email", http.StatusUnprocessableEntity)
				return true
			}
			return false
		}, nil, []string{"warning: contract/no email" + here + " [Failed target_status_unexpected]"}},
		"mark-up echoed": {func(w http.ResponseWriter, _ *http.Request, body []byte) bool {
			if !bytes.Contains(body, []byte("<script>")) {
				return false
			}
			answer(`{"version":"1.0.0","action":"ShowBlockPage","userMessage":"Sorry, <script>alert(1)</script>!"}`)(w)
			return true
		}, nil, []string{"warning: contract/names with quotes and mark-up" + here + " [ShowBlockPage blocked]"}},
		"a number for each delivery": {func(w http.ResponseWriter, r *http.Request, body []byte) bool {
			if r.Method != http.MethodPost || r.Header.Get("Authorization") != right() || !bytes.Contains(body, []byte(`"Lint Probe"`)) {
				return false
			}
			answer(fmt.Sprintf(`{"version":"1.0.0","action":"Continue","city":"C-%d"}`, time.Now().UnixNano()))(w)
			return true
		}, nil, []string{"warning: contract/the same invocation twice" + here + " [Continue continued]"}},
		"no charset": {func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if !strings.Contains(r.Header.Get("Content-Type"), "charset") {
				return false
			}
			w.WriteHeader(http.StatusUnsupportedMediaType)
			return true
		}, nil, []string{
			"warning: http/Content-Type: application/json; charset=utf-8 [Failed target_unsupported_media_type]",
			"warning: http/Content-Type: application/json;charset=UTF-8 [Failed target_unsupported_media_type]",
		}},
		"brotli": {func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if r.Header.Get("Accept-Encoding") == "gzip" && r.ProtoMajor == 1 {
				w.Header().Set("Content-Encoding", "br")
			}
			return false
		}, nil, []string{"wrong: http/Accept-Encoding: gzip [Failed answer_encoding_unknown]"}},
		"a login page for strangers": {func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if r.Header.Get("Authorization") == right() {
				return false
			}
			http.Redirect(w, r, "/login", http.StatusFound)
			return true
		}, nil, []string{
			"warning: credentials/without credentials [Failed target_redirected]", "warning: credentials/with a wrong password [Failed target_redirected]",
			"warning: credentials/with a wrong user name [Failed target_redirected]",
		}},
		"the user name is all": {func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if name, _, _ := r.BasicAuth(); name == username {
				r.SetBasicAuth(username, password)
			}
			return false
		}, nil, []string{"wrong: credentials/with a wrong password [Continue continued]"}},
		"400 for strangers": {func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if _, _, ok := r.BasicAuth(); ok {
				return false
			}
			w.WriteHeader(http.StatusBadRequest)
			return true
		}, nil, []string{"warning: credentials/without credentials [Failed bad_request_without_validation_error]"}},
		"falls over": {func(w http.ResponseWriter, r *http.Request, body []byte) bool {
			if r.Method == http.MethodPost && bytes.HasPrefix(body, []byte("{")) && json.Valid(body) {
				return false
			}
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}, nil, []string{
			"warning: http/GET", "warning: http/a body that is no JSON", "warning: http/a body that is no object", "warning: http/no body",
		}},
		"one call a connection": {none, func(s *httptest.Server) { s.Config.SetKeepAlivesEnabled(false); s.EnableHTTP2 = false }, []string{"warning: time and size/one connection for two calls"}},
		"TLS 1.2 only":          {none, func(s *httptest.Server) { s.TLS.MaxVersion = tls.VersionTLS12 }, []string{"warning: tls/TLS 1.3 only"}},
		"TLS 1.3 only": {none, func(s *httptest.Server) { s.TLS.MinVersion = tls.VersionTLS13 }, []string{
			"warning: tls/TLS 1.2 only", "warning: tls/the cipher suites of the original",
		}},
		"TLS 1.0 too": {none, func(s *httptest.Server) { s.TLS.MinVersion = tls.VersionTLS10 }, []string{"warning: tls/TLS 1.1 and 1.0"}},
		"CBC over TLS 1.2": {none, func(s *httptest.Server) {
			s.TLS.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256}
			s.EnableHTTP2 = false
		}, []string{"warning: tls/the cipher suites of the original"}},
		"nothing but HTTP/1.1": {none, func(s *httptest.Server) { s.EnableHTTP2 = false }, nil},
		"a certificate near its end": {none, func(s *httptest.Server) {
			soon := pair(t, 10*24*time.Hour)
			s.TLS.GetConfigForClient = nil
			s.TLS.Certificates = []tls.Certificate{soon}
		}, []string{"warning: tls/the server certificate's validity"}},
		"a large answer": {func(w http.ResponseWriter, r *http.Request, body []byte) bool {
			if r.Header.Get("Authorization") != right() || !bytes.Contains(body, []byte("LintUnknown")) {
				return false
			}
			answer(`{"version":"1.0.0","action":"Continue"` + strings.Repeat(" ", 100<<10) + `}`)(w)
			return true
		}, nil, []string{"warning: time and size/the largest answer"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var servers []func(*httptest.Server)
			if c.server != nil {
				servers = append(servers, c.server)
			}
			var server *httptest.Server
			e := odd(t, c.before, append(servers, func(s *httptest.Server) { server = s })...)
			for _, own := range server.TLS.Certificates {
				e.roots.AddCert(own.Leaf)
			}
			checks, sum := run(t, options(t, e))
			if diff := cmp.Diff(c.want, bad(checks)); diff != "" {
				t.Errorf("%s%+v", diff, sum)
			}
			for _, check := range checks {
				if (check.Verdict == lint.Wrong || check.Verdict == lint.Warning) && check.Advice == "" {
					t.Errorf("%s has no advice: %s", line(check), check.Detail)
				}
			}
		})
	}
}

// right is the header of the tests' credential.
func right() string {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(username, password)
	return r.Header.Get("Authorization")
}

// TestKeyInTheURL: a key in the query is seen for what it is.
func TestKeyInTheURL(t *testing.T) {
	t.Parallel()
	tgt, err := target.New(target.Options{})
	if err != nil {
		t.Fatal(err)
	}
	keyed := handle(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("code") != "key" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		tgt.ServeHTTP(w, r)
	}))
	keyed.url += "?code=key"
	o := options(t, keyed)
	o.Credential = outbound.Credential{}
	checks, _ := run(t, o)
	if diff := cmp.Diff([]string{"warning: credentials/without credentials [Continue continued]"}, bad(checks)); diff != "" {
		t.Error(diff)
	}
	if !slices.ContainsFunc(checks, func(c lint.Check) bool {
		return c.Name == "without the query of the URL" && c.Verdict == lint.Refused
	}) {
		t.Error("nothing tries the URL without its key")
	}

	o = options(t, serve(t, guarded(target.Options{})))
	o.URL += "?version=2" // no key
	if checks, _ := run(t, o); len(bad(checks)) > 0 {
		t.Error(bad(checks))
	}
}

// TestPasswordBeyondASCII: it works here and may not elsewhere.
func TestPasswordBeyondASCII(t *testing.T) {
	t.Parallel()
	const word = "pässword"
	o := options(t, serve(t, target.Options{Basic: target.NewBasic(username, word)}))
	o.Credential.Password = credential.NewSecret(word)
	checks, _ := run(t, o)
	if diff := cmp.Diff([]string{"warning: credentials/the characters of the password"}, bad(checks)); diff != "" {
		t.Error(diff)
	}
}

// TestPlainHTTP: an endpoint of a development machine, without TLS and without its checks.
func TestPlainHTTP(t *testing.T) {
	t.Parallel()
	tgt, err := target.New(guarded(target.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(tgt)
	t.Cleanup(server.Close)
	o := options(t, endpoint{url: server.URL})
	o.AllowHTTP = true
	o.Client = outbound.New(outbound.Options{Guard: o.Guard, AllowHTTP: true})
	t.Cleanup(o.Client.Close)
	checks, sum := run(t, o)
	if !sum.OK() || len(bad(checks)) > 0 {
		t.Error(bad(checks))
	}
	if slices.ContainsFunc(checks, func(c lint.Check) bool { return c.Group == "tls" }) {
		t.Error("TLS was examined where there is none")
	}
	if _, err := url.Parse(server.URL); err != nil {
		t.Fatal(err)
	}
}
