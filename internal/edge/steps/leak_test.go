package steps_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/patchbay/patchbay/internal/manage"
)

// upload gives the site's connector a client certificate and returns its thumbprint.
func (s *site) upload(t testing.TB, name, password string, notBefore, notAfter time.Time) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: notBefore, NotAfter: notAfter,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	file, err := pkcs12.Modern2023.WithIterations(1000).Encode(key, certificate, nil, password)
	if err != nil {
		t.Fatal(err)
	}
	s.patch(t, manage.ConnectorPatch{Authentication: &manage.AuthenticationGiven{
		Type:    "#microsoft.graph.pkcs12Certificate",
		Members: map[string]any{"pkcs12Value": base64.StdEncoding.EncodeToString(file), "password": password},
	}})
	return fmt.Sprintf("%X", sha1.Sum(der))
}

func (s *site) patch(t testing.TB, patch manage.ConnectorPatch) {
	t.Helper()
	if _, err := s.in.Manage.UpdateConnector(t.Context(), s.in.Operator, s.connector, patch, manage.Precondition{}); err != nil {
		t.Fatal(err)
	}
}

// leakRun sends secrets through every operation and keeps what comes back.
type leakRun struct {
	*testing.T
	site    *site
	secrets map[string]string // what it is, by the secret
	values  map[string]string // likewise, of what answers may have and logs may not
	answers bytes.Buffer
	states  map[int]int
}

func (r *leakRun) secret(what string) string { return r.keep(r.secrets, rand.Text(), what) }

func (r *leakRun) keep(in map[string]string, text, what string) string {
	in[text] = what
	return text
}

func (r *leakRun) send(caller, method, path, body string, header ...string) string {
	r.Helper()
	got := r.site.do(r.T, caller, method, path, body, header...)
	r.states[got.status]++
	fmt.Fprintf(&r.answers, "%v\n%s\n", got.header, got.body)
	return got.body
}

// TestNoSecretLeaks: neither the secrets of callers nor those of connectors, and of the users' claims nothing, is in a
// log or a metric; the secrets are in no answer either.
func TestNoSecretLeaks(t *testing.T) {
	t.Parallel()
	site := build(t, settings{})
	r := &leakRun{T: t, site: site, secrets: map[string]string{}, values: map[string]string{}, states: map[int]int{}}
	r.callers()
	r.connectors()
	for _, status := range []int{200, 400, 401, 403, 404, 424} {
		if r.states[status] == 0 {
			t.Errorf("no answer was a %d: an operation is missing", status)
		}
	}
	places := map[string]string{"an answer": r.answers.String(), "the log": site.log.String(), "the metrics": site.exposition()}
	for place, text := range places {
		if len(text) < 1000 {
			t.Errorf("%s is almost empty", place)
		}
		for secret, what := range r.secrets {
			if contains(text, secret) {
				t.Errorf("%s has %s", place, what)
			}
		}
		for value, what := range r.values {
			if place != "an answer" && contains(text, value) {
				t.Errorf("%s has %s", place, what)
			}
		}
	}
	for value, what := range r.values {
		if strings.HasPrefix(what, "shown") && !contains(places["an answer"], value) {
			t.Errorf("%s is not found where it is: the search does not work", what)
		}
	}
}

// contains looks for a secret as it is, in hex and in base64.
func contains(text, secret string) bool {
	for lead := range 3 {
		code := strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", lead)+secret)), "=")
		if strings.Contains(text, code[(lead*8+5)/6:len(code)-1]) {
			return true
		}
	}
	return strings.Contains(text, secret) || strings.Contains(strings.ToLower(text), hex.EncodeToString([]byte(secret)))
}

// callers sends credentials of callers, right and wrong, to every route.
func (r *leakRun) callers() {
	for name, authorization := range r.site.callers {
		if token, isBearer := strings.CutPrefix(authorization, "Bearer ey"); isBearer {
			r.keep(r.secrets, token[len(token)-40:], "the token of "+name)
		}
		if code, isBasic := strings.CutPrefix(authorization, "Basic "); isBasic && (strings.HasPrefix(name, "basic-idp") || strings.HasPrefix(name, "basic-admin")) {
			plain, err := base64.StdEncoding.DecodeString(code)
			if err != nil {
				r.Fatal(err)
			}
			_, secret, _ := strings.Cut(string(plain), ":")
			r.keep(r.secrets, secret, "the client secret of "+name)
		}
	}
	client := "33333333-3333-4333-8333-333333333333"
	for name, authorization := range map[string]string{
		"a wrong secret":      basicHeader("contoso.example/"+client, r.secret("a wrong secret")),
		"mixed up":            basicHeader(r.secret("a secret sent as the name"), "contoso.example/"+client),
		"mixed up in part":    basicHeader("contoso.example/"+r.secret("a secret sent as the client id"), "x"),
		"mixed up as tenant":  basicHeader(r.secret("a secret sent as the tenant")+"/"+client, "x"),
		"no base64":           "Basic " + r.secret("a secret that is not base64"),
		"no token":            "Bearer " + r.secret("a token that is none"),
		"of an unknown kind":  "Digest " + r.secret("a digest"),
		"two parts of secret": basicHeader("contoso.example/"+client, "a:"+r.secret("a secret with a colon")),
	} {
		r.site.callers[name] = authorization
		for _, route := range []string{
			"POST " + stepPath, "GET /runtime/v1/invocations", "GET /runtime/v1/invocations/x", "POST /runtime/v1/invocations/x/replay",
			"GET /runtime/v1/connectors/x/callSettings", "PATCH /runtime/v1/connectors/x/callSettings", "GET /runtime/v1/certificates",
			"GET /runtime/v1/reasons", "POST /runtime/v1/adapters/kratos/B2X_1_flow/postFederationSignup", "GET /runtime/v1/none",
		} {
			method, path, _ := strings.Cut(route, " ")
			r.send(name, method, path, "{}")
		}
	}
}

// connectors runs steps with secrets of the connector, of its URL and of users.
func (r *leakRun) connectors() {
	claims := func() string {
		return fmt.Sprintf(`{"email":%q,"extension_Secret":%q}`, r.keep(r.values, rand.Text(), "shown: an email"), r.keep(r.values, rand.Text(), "shown: an attribute"))
	}
	steps := func() {
		var decision struct{ InvocationID string }
		given := claims()
		body := r.send("basic-admin", "POST", "/runtime/v1/userFlows/B2X_1_flow/steps/postAttributeCollection", `{"claims":`+given+`}`, "Idempotency-Key", rand.Text())
		if err := json.Unmarshal([]byte(body), &decision); err != nil {
			r.Fatal(err)
		}
		r.send("admin", "GET", "/runtime/v1/invocations/"+decision.InvocationID, "")
		r.send("admin", "POST", "/runtime/v1/invocations/"+decision.InvocationID+"/replay?receipt=true", `{"claims":`+given+`}`)
		r.send("admin", "POST", "/runtime/v1/invocations/"+decision.InvocationID+"/replay?receipt=true",
			fmt.Sprintf(`{"claims":%s,"targetUrl":"%s/?code=%s"}`, given, r.site.elsewhere.URL, r.secret("a key of another target")))
		r.send("basic-idp", "POST", "/runtime/v1/adapters/kratos/B2X_1_flow/postAttributeCollection", fmt.Sprintf(`{"flow_id":%q,"traits":{"email":%q}}`,
			rand.Text(), r.keep(r.values, rand.Text(), "a trait")))
	}
	for _, answer := range []string{
		"200 {\"version\":\"1.0.0\",\"action\":\"Continue\",\"city\":\"" + r.keep(r.values, rand.Text(), "shown: a city") + "\"}",
		"200 {\"version\":\"1.0.0\",\"action\":\"ShowBlockPage\",\"userMessage\":\"" + r.keep(r.values, rand.Text(), "shown: a message") + "\"}",
		"400 {\"version\":\"1.0.0\",\"status\":400,\"action\":\"ValidationError\",\"userMessage\":\"" + r.keep(r.values, rand.Text(), "shown: another message") + "\"}",
		"500 " + r.keep(r.secrets, rand.Text(), "the body of a failure"),
		"401 {}",
		"200 {\"version\":\"1.0.0\",\"action\":\"Continue\",\"city\":[\"" + r.keep(r.secrets, rand.Text(), "a claim of a wrong type") + "\"]}",
	} {
		status, body, _ := strings.Cut(answer, " ")
		r.site.target.says(status, "application/json", body)
		url := r.site.target.URL + "/check?code=" + r.secret("a key of the target")
		r.site.patch(r.T, manage.ConnectorPatch{TargetURL: &url, Authentication: &manage.AuthenticationGiven{
			Type: "#microsoft.graph.basicAuthentication", Members: map[string]any{"username": "u", "password": r.secret("the connector's password")},
		}})
		steps()
	}
	now := r.site.in.Clock.Now()
	r.site.upload(r.T, "leaf", r.secret("the password of a PKCS#12 file"), now.AddDate(0, 0, -1), now.AddDate(0, 0, 10))
	steps()
	r.send("admin", "GET", "/runtime/v1/certificates", "")
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte(r.secret("a PEM key"))})
	roots, err := json.Marshal(r.site.target.pem() + string(key))
	if err != nil {
		r.Fatal(err)
	}
	for _, settings := range []string{
		fmt.Sprintf(`{"trustedRoots":%s}`, roots), fmt.Sprintf(`{"pinnedKeys":[%q]}`, r.secret("a pin that is none")), fmt.Sprintf(`{"attempts":%q}`, r.secret("a number that is none")),
	} {
		r.send("admin", "PATCH", "/runtime/v1/connectors/"+r.site.connector+"/callSettings", settings)
	}
	r.send("admin", "GET", "/runtime/v1/invocations?top=1000", "")
	r.send("admin", "GET", "/runtime/v1/invocations/"+rand.Text(), "")
}
