package graph_test

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/edge"
	"github.com/patchbay/patchbay/internal/manage"
	"github.com/patchbay/patchbay/internal/seal"
)

// leakRun sends secrets through every operation and keeps all that comes back.
type leakRun struct {
	*testing.T
	*aviary
	site    *site
	client  *http.Client
	caller  string
	answers bytes.Buffer
	states  map[int]int // answers by status
}

// TestNoSecretLeaks sends more than fifty secrets through every operation, succeeding and failing, and then looks for
// them in the database's files, the log at its most verbose, every answer, the audit and the metrics.
func TestNoSecretLeaks(t *testing.T) {
	t.Parallel()
	site := build(t, settings{edge: edge.Options{MaxBody: 64 << 10}})
	run := &leakRun{T: t, aviary: &aviary{t: t}, site: site, client: site.client(), caller: site.authorization(t, "admin"), states: map[int]int{}}
	keys := &aviary{t: t} // of targetUrls: they are shown and stored, but neither logged nor audited nor counted

	run.passwords()
	run.files()
	run.tokens()
	run.clientSecrets()
	run.targets(keys)
	if n := len(run.kept) + len(keys.kept); n < 50 {
		t.Fatalf("only %d canaries were sent", n)
	}
	for _, status := range []int{200, 201, 204, 400, 401, 403, 404, 412, 413, 415, 422} {
		if run.states[status] == 0 {
			t.Errorf("no answer was a %d: an operation is missing", status)
		}
	}

	audit := run.send("GET", "/v1.0/auditLogs/directoryAudits?$top=999", "").body
	run.masterKeys()
	metrics := httptest.NewRecorder()
	promhttp.HandlerFor(site.metrics, promhttp.HandlerOpts{}).ServeHTTP(metrics, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	database := run.database()
	for place, text := range map[string][]byte{
		"an answer": run.answers.Bytes(), "the audit": []byte(audit), "the log": []byte(site.log.String()),
		"the metrics": metrics.Body.Bytes(), "the database": database,
	} {
		if len(text) < 1000 {
			t.Errorf("%s is almost empty: %q", place, text)
		}
		run.absent(place, text)
		if place != "an answer" && place != "the database" {
			keys.absent(place, text)
		}
	}
	if len(keys.find(database)) == 0 || len(keys.find(run.answers.Bytes())) == 0 {
		t.Error("the keys of target URLs are not found where they are shown: the search does not work")
	}
}

// send sends a request as the administrator and keeps the answer.
func (r *leakRun) send(method, target, body string, header ...string) reply {
	r.Helper()
	return r.sendAs(r.caller, method, target, body, header...)
}

func (r *leakRun) sendAs(authorization, method, target, body string, header ...string) reply {
	r.Helper()
	got := r.site.do(r.T, r.client, authorization, method, target, body, header...)
	r.states[got.status]++
	fmt.Fprintf(&r.answers, "%v\n%s\n", got.header, got.body)
	return got
}

// passwords sends Basic passwords by every way a body can go and fail.
func (r *leakRun) passwords() {
	body := func(what string) string {
		return basicBody("n", "https://api.contoso.example/", "u", r.text(what))
	}
	configuration := func(what string) string {
		return fmt.Sprintf(`{"authenticationConfiguration":{"@odata.type":"#microsoft.graph.basicAuthentication","password":%q}}`, r.text(what))
	}
	id := r.send("POST", connectorsPath, body("a new password"), "Idempotency-Key", "one").id(r.T)
	path := connectorsPath + "/" + id
	r.send("POST", connectorsPath, body("the password of a reused key"), "Idempotency-Key", "one")
	const flow = "/v1.0/identity/b2xUserFlows/B2X_1_f/apiConnectorConfiguration"
	r.send("POST", "/v1.0/identity/b2xUserFlows", `{"id":"f","userFlowType":"signUpOrSignIn","userFlowTypeVersion":1,"apiConnectorConfiguration":{"postFederationSignup":{"id":"`+id+`"}}}`)
	r.send("POST", "/v1.0/identity/b2xUserFlows", `{"id":"g","userFlowType":"signUpOrSignIn","userFlowTypeVersion":1,"apiConnectorConfiguration":{"postFederationSignup":`+configuration("a password in a link")+`}}`)
	r.send("PATCH", flow+"/postFederationSignup", configuration("a password through a step"), "Prefer", "return=representation")
	r.send("PATCH", flow+"/postAttributeCollection", configuration("the password of no step"))
	r.send("PUT", flow+"/postFederationSignup/$ref", configuration("a password in a reference"))
	r.send("GET", flow+"?$expand=*", "")
	r.send("PATCH", path, configuration("a changed password"))
	r.send("PATCH", path, configuration("a password beside a representation"), "Prefer", "return=representation", "Accept", "application/json;odata.metadata=full")
	r.send("PATCH", path, configuration("a password with a stale tag"), "If-Match", `W/"1"`)
	r.send("PATCH", path, configuration("the password for nobody"), "If-Match", `nonsense`)
	r.send("PATCH", connectorsPath+"/none", configuration("the password of no connector"))
	r.send("PATCH", path, strings.TrimSuffix(configuration("a password that is cut off"), "}}"))
	r.send("PATCH", path, configuration("a password in text"), "Content-Type", "text/plain")
	r.send("PATCH", path, configuration("a password that is not gzip"), "Content-Encoding", "gzip")
	r.send("PATCH", path, configuration("a password in another encoding"), "Content-Encoding", "br")
	r.send("PATCH", path, r.zipped(configuration("a zipped password")), "Content-Encoding", "gzip")
	r.send("PATCH", path, configuration("a password before too much")+strings.Repeat(" ", 70<<10))
	r.send("PATCH", path, fmt.Sprintf(`{"authenticationConfiguration":{"@odata.type":"#microsoft.graph.basicAuthentication","username":"a:b","password":%q}}`, r.text("a password beside a wrong name")))
	r.send("PATCH", path, fmt.Sprintf(`{"authenticationConfiguration":{"@odata.type":"#microsoft.graph.basicAuthentication","password":[%q]}}`, r.text("a password in an array")))
	r.send("PATCH", path, fmt.Sprintf(`{"authenticationConfiguration":{"@odata.type":"#microsoft.graph.basicAuthentication","password":%q,"extra":1}}`, r.text("a password beside an unknown property")))
	r.send("PATCH", path, fmt.Sprintf(`{"authenticationConfiguration":{"@odata.type":"#microsoft.graph.basicAuthentication","password":%q,"password":"x"}}`, r.text("a password given twice")))
	r.send("PATCH", path, fmt.Sprintf(`{"authenticationConfiguration":{"@odata.type":"#microsoft.graph.apiKey","key":%q}}`, r.text("a key of an unknown type")))
	r.send("PATCH", path, fmt.Sprintf(`{"authenticationConfiguration":{"password":%q}}`, r.text("a password without a type")))
	r.send("PATCH", path, fmt.Sprintf(`{"authenticationConfiguration":{"@odata.type":"#microsoft.graph.basicAuthentication","password":"%s\u0001"}}`, r.plain("a password with a control character")))
	r.send("PATCH", path, fmt.Sprintf(`{"authenticationConfiguration":{"@odata.type":"#microsoft.graph.basicAuthentication","password":"%s%s"}}`, r.plain("a password that is too long"), strings.Repeat("x", 2000)))
	r.sendAs(r.site.authorization(r.T, "reader"), "PATCH", path, configuration("a password of one who may not"))
	r.sendAs(r.site.authorization(r.T, "other-tenant"), "PATCH", path, configuration("a password from another tenant"))
	r.sendAs(r.site.authorization(r.T, "nobody"), "PATCH", path, configuration("a password of a stranger"))
	r.send("PUT", path, configuration("a password by a wrong method"))
	for _, method := range []string{"PATCH", "POST"} {
		r.send("POST", "/v1.0/$batch", fmt.Sprintf(`{"requests":[{"id":"1","method":%q,"url":"/identity/apiConnectors/%s","headers":{"Content-Type":"application/json"},"body":%s},`+
			`{"id":"2","method":"PATCH","url":"/identity/apiConnectors/%s","headers":{"Content-Type":"application/json"},"body":%q}]}`,
			method, id, configuration("a password in a batch"), id, base64.StdEncoding.EncodeToString([]byte(configuration("a password in base64 in a batch")))))
	}
	r.send("POST", "/v1.0/$batch", fmt.Sprintf(`{"requests":[{"id":"1","method":"PATCH","url":"/x","body":%s}]`, configuration("a password in a broken batch")))
	r.send("GET", path, "")
	r.send("GET", connectorsPath, "", "Accept", "application/json;odata.metadata=full")
	r.send("DELETE", connectorsPath+"/"+r.send("POST", connectorsPath, body("the password of a deleted connector")).id(r.T), "")
}

func (r *leakRun) zipped(text string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(text)); err != nil {
		r.Fatal(err)
	}
	if err := w.Close(); err != nil {
		r.Fatal(err)
	}
	return out.String()
}

// files sends PKCS#12 files and their passwords, right and wrong. The files, the private keys in them in every form, and
// the passwords are secrets.
func (r *leakRun) files() {
	path := ""
	for _, name := range []string{"leaf", "second", "third", "short", "future", "expired"} {
		days := validities[name]
		password := r.plain("the password of the file " + name)
		file, err := makePFX(name, password, noon.AddDate(0, 0, days[0]), noon.AddDate(0, 0, days[1]))
		if err != nil {
			r.Fatal(err)
		}
		parsed, err := x509.ParsePKCS8PrivateKey(file.key)
		if err != nil {
			r.Fatal(err)
		}
		scalar, err := parsed.(*ecdsa.PrivateKey).Bytes()
		if err != nil {
			r.Fatal(err)
		}
		octets, err := base64.StdEncoding.DecodeString(file.value)
		if err != nil {
			r.Fatal(err)
		}
		r.keep("the key of the file "+name, scalar)
		r.keep("the middle of the file "+name, octets[len(octets)/2:len(octets)/2+32])
		if path == "" {
			path = connectorsPath + "/" + r.send("POST", connectorsPath, certificateBody("c", "https://api.contoso.example/", file.value, password)).id(r.T)
		} else {
			r.send("POST", path+"/uploadClientCertificate", uploadBody(file.value, password), "Idempotency-Key", name)
		}
		r.send("POST", path+"/uploadClientCertificate", uploadBody(file.value, r.text("a wrong password")))
		r.send("POST", path+"/uploadClientCertificate", uploadBody(file.value[:100], password))
		r.send("PATCH", path, certificateBody("c", "ftp://x", file.value, password))
		r.sendAs(r.site.authorization(r.T, "reader"), "POST", path+"/uploadClientCertificate", uploadBody(file.value, password))
	}
	pem := "-----BEGIN PRIVATE KEY-----\n" + r.plain("a PEM key")
	r.send("POST", path+"/uploadClientCertificate", uploadBody(pem, ""))
	r.send("POST", path+"/uploadClientCertificate", uploadBody(base64.StdEncoding.EncodeToString([]byte(pem)), ""))
	r.send("POST", path+"/uploadClientCertificate", uploadBody("eyJ"+r.plain("a JWE"), ""))
	r.send("GET", path, "")
	r.send("PATCH", path, fmt.Sprintf(`{"authenticationConfiguration":{"@odata.type":"#microsoft.graph.basicAuthentication","username":"u","password":%q}}`, r.text("the password after the certificates")))
}

// tokens keeps the signatures of the tokens that were sent, and sends some that are refused.
func (r *leakRun) tokens() {
	for _, caller := range []string{"admin", "reader", "expired", "personal", "audience", "forged"} {
		authorization := r.site.authorization(r.T, caller)
		r.keep("the token of "+caller, []byte(authorization[len(authorization)-40:]))
		r.sendAs(authorization, "GET", connectorsPath, "")
	}
	r.keep("the token that all this was done with", []byte(r.caller[len(r.caller)-40:]))
	for _, kind := range []string{"Bearer ", "Basic ", "Bearer a.b."} {
		r.sendAs(kind+r.plain("a token that is none"), "GET", connectorsPath, "")
	}
	r.send("POST", "/v1.0/$batch", fmt.Sprintf(`{"requests":[{"id":"1","method":"GET","url":"/identity/apiConnectors","headers":{"Authorization":"Bearer %s"}}]}`, r.plain("a token in a batch")))
}

// clientSecrets adds secrets to an application as the local command does.
func (r *leakRun) clientSecrets() {
	who := auth.Local().WithTenant(contoso)
	if _, err := r.site.manage.CreateTenant(r.Context(), who, "contoso.example", contoso); err != nil {
		r.Fatal(err)
	}
	app, err := r.site.manage.CreateApplication(r.Context(), who, "App", "APIConnectors.ReadWrite.All")
	if err != nil {
		r.Fatal(err)
	}
	for range 3 {
		added, err := r.site.manage.AddSecret(r.Context(), who, app.ClientID, "secret", time.Hour)
		if err != nil {
			r.Fatal(err)
		}
		r.keep("a client secret", []byte(added.Secret[len(added.Secret)-30:]))
	}
}

// masterKeys changes the master key twice. All three and what is derived from them are secrets. What is recorded under them is not
// known afterwards to a process that has the first one, so it comes last.
func (r *leakRun) masterKeys() {
	rotation := manage.KeyRotation{Store: r.site.manage.Store, Keys: r.site.keys, Master: r.site.master}
	for n := range 3 {
		_, encoded, _ := strings.Cut(rotation.Master.Text(), ":")
		raw, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			r.Fatal(err)
		}
		r.keep(fmt.Sprint("the master key ", n), raw)
		for _, info := range []string{"wrap key ring", "wrap earlier roots", "mac", "journal", "journal mac"} {
			key, err := hkdf.Key(sha256.New, raw, nil, "patchbay 1 "+info, 32)
			if err != nil {
				r.Fatal(err)
			}
			r.keep(fmt.Sprintf("the key of the master key %d for %s", n, info), key)
		}
		next, err := seal.GenerateMasterKey(seal.Production)
		if err != nil {
			r.Fatal(err)
		}
		if n == 2 {
			return
		}
		if err := rotation.Rewrap(r.Context(), auth.Local(), next); err != nil {
			r.Fatal(err)
		}
		rotation.Master = next
	}
}

// targets sends target URLs with a key in the query, as Azure Functions have them.
func (r *leakRun) targets(keys *aviary) {
	path := connectorsPath + "/" + r.send("POST", connectorsPath, basicBody("n", "https://api.contoso.example/?code="+keys.plain("a key"), "u", "p")).id(r.T)
	for _, target := range []string{"https://api.contoso.example/check?code=%s", "https://api.contoso.example/check?x=1&code=%s&y", "https://api.contoso.example/?%s"} {
		r.send("PATCH", path, fmt.Sprintf(`{"targetUrl":%q}`, fmt.Sprintf(target, keys.plain("a changed key"))))
	}
	for _, target := range []string{"http://api.contoso.example/?code=%s", "https://api.contoso.example/?code=%s#x", "https://u:p@api.contoso.example/?code=%s", "api?code=%s", "https://a b/?code=%s"} {
		r.send("PATCH", path, fmt.Sprintf(`{"targetUrl":%q}`, fmt.Sprintf(target, keys.plain("a key in a refused URL"))))
	}
	for _, filter := range []string{"targetUrl eq 'https://x.example/?code=%s'", "targetUrl has 'https://x.example/?code=%s'", "targetUrl eq 'https://x.example/?code=%s", "%s eq 'x'", "targetUrl eq %s"} {
		query := url.QueryEscape(fmt.Sprintf(filter, keys.plain("a key in a filter")))
		r.send("GET", connectorsPath+"?$filter="+query, "")
		r.send("GET", connectorsPath+"/$count?$filter="+query, "")
	}
	for _, option := range []string{"$top", "$select", "$orderby", "$skiptoken", "$expand", "$format", "$unknown"} {
		r.send("GET", connectorsPath+"?"+option+"="+keys.plain("a key in "+option), "")
	}
	r.send("GET", connectorsPath, "")
	r.send("DELETE", path, "")
}

// database is what all files of the database hold.
func (r *leakRun) database() []byte {
	names, err := filepath.Glob(r.site.database + "*")
	if err != nil {
		r.Fatal(err)
	}
	if !slices.Contains(names, r.site.database+"-wal") {
		r.Errorf("no write-ahead log among %q", names)
	}
	var all []byte
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			r.Fatal(err)
		}
		all = append(all, content...)
	}
	return all
}
