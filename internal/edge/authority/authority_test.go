package authority_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/conntest"
	"github.com/patchbay/patchbay/internal/edge"
	"github.com/patchbay/patchbay/internal/edge/authority"
)

// bench is the authority's surface over an installation, with one application.
type bench struct {
	*conntest.Installation
	handler          http.Handler
	log              *strings.Builder
	clientID, secret string
	contract         *conntest.Contract // of the published description
	t                *testing.T
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{Installation: conntest.NewInstallation(t), log: &strings.Builder{}, contract: contract(t), t: t}
	surface, err := authority.New(authority.Options{Authority: b.Authority, CORS: true})
	if err != nil {
		t.Fatal(err)
	}
	b.handler = edge.Wrap(surface, edge.Options{Log: slog.New(slog.NewJSONHandler(b.log, nil))})
	b.clientID, b.secret = b.Application(t, auth.APIConnectorsReadWriteAll)
	return b
}

// contract is what the surface says of itself.
func contract(t *testing.T) *conntest.Contract {
	t.Helper()
	part, err := authority.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	text, err := edge.Document("test", "1", "", part)
	if err != nil {
		t.Fatal(err)
	}
	c, err := conntest.NewContract(text, "authority.error")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// form is a good token request.
func (b *bench) form() url.Values {
	return url.Values{
		"grant_type": {"client_credentials"}, "client_id": {b.clientID}, "client_secret": {b.secret},
		"scope": {"https://graph.microsoft.com/.default"},
	}
}

// do sends a request to the public host.
func (b *bench) do(method, target, body string, header ...string) *http.Response {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "patchbay.example:8443"
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for n := 0; n < len(header); n += 2 {
		if r.Header.Set(header[n], header[n+1]); header[n] == "Host" {
			r.Host = header[n+1]
		}
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	if err := b.contract.Check(conntest.Exchange{
		Method: method, Target: target, Status: w.Code, ContentType: w.Header().Get("Content-Type"), Answer: w.Body.Bytes(),
	}); err != nil {
		b.t.Error(err)
	}
	return w.Result()
}

// post sends a token request to the tenant's version 2 endpoint.
func (b *bench) post(form url.Values, header ...string) *http.Response {
	return b.do(http.MethodPost, "/"+b.Tenant.ID+"/oauth2/v2.0/token", form.Encode(), header...)
}

// members reads a JSON object.
func members(t *testing.T, res *http.Response) map[string]any {
	t.Helper()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatalf("status %d, not JSON: %q", res.StatusCode, raw)
	}
	return m
}

func TestTokenAnswer(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const correlation = "3f1c2d4e-aaaa-4bbb-8ccc-0123456789ab"
	res := b.post(b.form(), "Client-Request-Id", correlation)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %v", res.StatusCode, members(t, res))
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store, no-cache", "Pragma": "no-cache",
		"Client-Request-Id": correlation, "Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff", "Content-Encoding": "",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if !regexp.MustCompile(`^[0-9a-f-]{36}$`).MatchString(res.Header.Get("X-Ms-Request-Id")) {
		t.Errorf("x-ms-request-id %q", res.Header.Get("X-Ms-Request-Id"))
	}
	m := members(t, res)
	token, _ := m["access_token"].(string)
	delete(m, "access_token")
	if diff := cmp.Diff(map[string]any{"token_type": "Bearer", "expires_in": 3599.0, "ext_expires_in": 3599.0}, m); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if who, err := b.Verifier.Verify(t.Context(), token); err != nil || who.AppID != b.clientID {
		t.Errorf("the token is of %q (%v)", who.AppID, err)
	}
	if log := b.log.String(); strings.Contains(log, b.secret) || strings.Contains(log, token) || !strings.Contains(log, b.clientID) {
		t.Errorf("log line: %s", strings.ReplaceAll(strings.ReplaceAll(log, b.secret, "SECRET"), token, "TOKEN"))
	}
}

func TestTokenAnswerV1(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	form := b.form()
	form.Del("scope")
	form.Set("resource", "https://graph.microsoft.com")
	res := b.do(http.MethodPost, "/contoso.example/oauth2/token", form.Encode())
	m := members(t, res)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %v", res.StatusCode, m)
	}
	for name, want := range map[string]any{
		"token_type": "Bearer", "expires_in": "3599", "ext_expires_in": "3599", "resource": "https://graph.microsoft.com",
	} {
		if m[name] != want {
			t.Errorf("%s: %v, want %v", name, m[name], want)
		}
	}
	if on, _ := m["expires_on"].(string); len(on) != 10 {
		t.Errorf("expires_on %v", m["expires_on"])
	}
}

// TestTokenRequestForms sends good requests in every way that clients have.
func TestTokenRequestForms(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	key := conntest.NewClientKey(t, b.Clock.Now(), time.Hour)
	if _, err := b.Manage.AddCertificate(t.Context(), b.Operator, b.clientID, "", key.PEM()); err != nil {
		t.Fatal(err)
	}
	without := func(names ...string) url.Values {
		form := b.form()
		for _, n := range names {
			form.Del(n)
		}
		return form
	}
	basic := func(id, secret string) string {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.SetBasicAuth(id, secret)
		return r.Header.Get("Authorization")
	}
	assertion := without("client_secret")
	assertion.Set("client_assertion_type", conntest.AssertionType)
	assertion.Set("client_assertion", key.Assertion(t, b.clientID, conntest.BaseURL+"/"+b.Tenant.ID+"/oauth2/v2.0/token"))
	assertion.Set("client_info", "1")
	msal := b.form()
	msal.Set("scope", "https://graph.microsoft.com/.default openid offline_access profile")
	msal.Set("claims", `{"access_token":{"xms_cc":{"values":["CP1"]}}}`)
	for name, res := range map[string]*http.Response{
		"secret in the body":   b.post(b.form()),
		"charset":              b.post(b.form(), "Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
		"MSAL for Go":          b.post(msal),
		"HTTP Basic":           b.post(without("client_id", "client_secret"), "Authorization", basic(b.clientID, b.secret)),
		"HTTP Basic, encoded":  b.post(without("client_id", "client_secret"), "Authorization", basic(url.QueryEscape(b.clientID), strings.ReplaceAll(b.secret, "_", "%5F"))),
		"HTTP Basic, id twice": b.post(without("client_secret"), "Authorization", basic(b.clientID, b.secret)),
		"assertion":            b.post(assertion),
		"tenant in upper case": b.do(http.MethodPost, "/"+strings.ToUpper(b.Tenant.ID)+"/oauth2/v2.0/token", b.form().Encode()),
		"another host":         b.post(b.form(), "Host", "login.microsoftonline.com"),
	} {
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d, %v", name, res.StatusCode, members(t, res)["error_description"])
		}
	}
}

func TestTokenErrors(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	with := func(name, value string) url.Values {
		form := b.form()
		if form.Set(name, value); value == "" {
			form.Del(name)
		}
		return form
	}
	twice := b.form()
	twice.Add("client_id", "x")
	basic := httptest.NewRequest(http.MethodGet, "/", nil)
	basic.SetBasicAuth(b.clientID, "wrong")
	inURL := "/" + b.Tenant.ID + "/oauth2/v2.0/token?" + b.form().Encode()
	for name, tc := range map[string]struct {
		res    *http.Response
		status int
		code   string
		number float64
	}{
		"unknown tenant":        {b.do(http.MethodPost, "/nobody.example/oauth2/v2.0/token", b.form().Encode()), 400, "invalid_request", 90002},
		"any tenant":            {b.do(http.MethodPost, "/common/oauth2/v2.0/token", b.form().Encode()), 400, "invalid_request", 90002},
		"unknown application":   {b.post(with("client_id", "3f1c2d4e-aaaa-4bbb-8ccc-0123456789ab")), 400, "unauthorized_client", 700016},
		"wrong secret":          {b.post(with("client_secret", "canary-7f3a9c")), 401, "invalid_client", 7000215},
		"no credential":         {b.post(with("client_secret", "")), 401, "invalid_client", 7000218},
		"no grant type":         {b.post(with("grant_type", "")), 400, "invalid_request", 900144},
		"another grant":         {b.post(with("grant_type", "password")), 400, "unsupported_grant_type", 70003},
		"bad scope":             {b.post(with("scope", "User.Read")), 400, "invalid_scope", 70011},
		"another resource":      {b.post(with("scope", "https://management.azure.com/.default")), 400, "invalid_resource", 500011},
		"repeated parameter":    {b.post(twice), 400, "invalid_request", 90100},
		"broken encoding":       {b.do(http.MethodPost, "/"+b.Tenant.ID+"/oauth2/v2.0/token", "client_secret=canary-7f3a9c%zz"), 400, "invalid_request", 90100},
		"JSON":                  {b.post(b.form(), "Content-Type", "application/json"), 400, "invalid_request", 900144},
		"parameters in the URL": {b.do(http.MethodPost, inURL, ""), 400, "invalid_request", 900144},
		"too large":             {b.post(with("scope", strings.Repeat("x", 2<<20))), 413, "invalid_request", 90100},
		"another encoding":      {b.post(b.form(), "Content-Encoding", "br"), 415, "invalid_request", 90100},
		"two credentials":       {b.post(b.form(), "Authorization", basic.Header.Get("Authorization")), 400, "invalid_request", 90100},
		"method":                {b.do(http.MethodGet, "/"+b.Tenant.ID+"/oauth2/v2.0/token", ""), 405, "invalid_request", 900561},
		"interactive":           {b.do(http.MethodGet, "/"+b.Tenant.ID+"/oauth2/v2.0/authorize", ""), 400, "unsupported_grant_type", 70003},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := members(t, tc.res)
			if tc.res.StatusCode != tc.status || m["error"] != tc.code {
				t.Fatalf("status %d with %v, want %d with %s", tc.res.StatusCode, m, tc.status, tc.code)
			}
			if diff := cmp.Diff([]any{tc.number}, m["error_codes"]); diff != "" {
				t.Errorf("error_codes (-want +got):\n%s", diff)
			}
			shape := regexp.MustCompile(`^AADSTS\d+: [^\r\n]+\.\r\nTrace ID: [0-9a-f-]{36}\r\nCorrelation ID: [0-9a-f-]{36}\r\nTimestamp: \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$`)
			text, _ := m["error_description"].(string)
			if !shape.MatchString(text) || strings.Contains(text, "canary") {
				t.Errorf("error_description %q", text)
			}
			for _, member := range []string{"timestamp", "trace_id", "correlation_id", "error_uri"} {
				if s, _ := m[member].(string); s == "" || member != "error_uri" && !strings.Contains(text, s) {
					t.Errorf("%s: %v", member, m[member])
				}
			}
			if got := tc.res.Header.Get("Cache-Control"); got != "no-store, no-cache" {
				t.Errorf("Cache-Control %q", got)
			}
		})
	}
	if strings.Contains(b.log.String(), "canary") || strings.Contains(b.log.String(), b.secret) {
		t.Error("a secret is in the log")
	}
	res := b.post(url.Values{"grant_type": {"client_credentials"}, "scope": {"https://graph.microsoft.com/.default"}}, "Authorization", basic.Header.Get("Authorization"))
	if res.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(res.Header.Get("WWW-Authenticate"), "Basic") {
		t.Errorf("wrong secret by HTTP Basic: status %d, WWW-Authenticate %q", res.StatusCode, res.Header.Get("WWW-Authenticate"))
	}
	res = b.do(http.MethodGet, "/nothing/here", "")
	if m := members(t, res); res.StatusCode != http.StatusNotFound || m["error"] != "invalid_request" {
		t.Errorf("unknown path: %d %v", res.StatusCode, m)
	}
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for path, methods := range map[string]string{
		"/" + b.Tenant.ID + "/oauth2/v2.0/token": "OPTIONS, POST", "/common/discovery/keys": "OPTIONS, GET, HEAD",
	} {
		res := b.do(http.MethodOptions, path, "", "Origin", "https://spa.example", "Access-Control-Request-Headers", "x-client-sku, client-request-id")
		if res.StatusCode != http.StatusNoContent || res.Header.Get("Access-Control-Allow-Methods") != methods ||
			res.Header.Get("Access-Control-Allow-Headers") != "x-client-sku, client-request-id" || res.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: status %d, %v", path, res.StatusCode, res.Header)
		}
	}
}

// TestNoCORS: with the setting off, no browser of another origin is let in.
func TestNoCORS(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	surface, err := authority.New(authority.Options{Authority: b.Authority})
	if err != nil {
		t.Fatal(err)
	}
	b.handler = edge.Wrap(surface, edge.Options{Log: noLog()})
	for _, method := range []string{http.MethodOptions, http.MethodGet} {
		for name := range b.do(method, "/common/discovery/keys", "", "Origin", "https://spa.example").Header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s answers with %s", method, name)
			}
		}
	}
}

func noLog() *slog.Logger { return slog.New(slog.DiscardHandler) }
