package target_test

import (
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/target"
)

// post sends a body as JSON and returns status, content type and body.
func post(t *testing.T, c *http.Client, url, body string, change ...func(*http.Request)) (status int, contentType, answer string, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for _, f := range change {
		f(req)
	}
	res, err := c.Do(req)
	if err != nil {
		return 0, "", "", err
	}
	defer res.Body.Close()
	content, err := io.ReadAll(res.Body)
	return res.StatusCode, res.Header.Get("Content-Type"), strings.TrimSpace(string(content)), err
}

// TestEmailChoosesTheAnswer covers every behaviour that gives a whole answer.
func TestEmailChoosesTheAnswer(t *testing.T) {
	t.Parallel()
	const sample = `{"version":"1.0.0","action":"Continue","extension_LoyaltyId":"L-sample"}`
	const page = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><h1>Sign in</h1></body></html>"
	blocked := `{"action":"ShowBlockPage","userMessage":"You cannot sign up here. Ask the help desk if you think that you should.","version":"1.0.0"}`
	for local, want := range map[string]string{
		"alice":           `200 application/json {"action":"Continue","extension_LoyaltyId":"L-7a64adf2","version":"1.0.0"}`,
		"block":           "200 application/json " + blocked,
		"Blocked.person":  "200 application/json " + blocked,
		"invalid.name":    `400 application/json {"action":"ValidationError","status":400,"userMessage":"Please correct what you typed.","version":"1.0.0"}`,
		"slow0":           `200 application/json {"action":"Continue","extension_LoyaltyId":"L-7cae86dd","version":"1.0.0"}`,
		"gzip":            "200 application/json " + sample,
		"bom":             "200 application/json \ufeff" + sample,
		"plain":           "200 text/plain " + sample,
		"html":            "200 text/html; charset=utf-8 " + page,
		"broken":          "200 application/json " + sample[:len(sample)-2],
		"empty":           "200 application/json ",
		"array":           "200 application/json [" + sample + "]",
		"noversion":       `200 application/json {"action":"Continue"}`,
		"lowercase":       `200 application/json {"version":"1.0.0","action":"continue"}`,
		"nomessage":       `200 application/json {"version":"1.0.0","action":"ShowBlockPage"}`,
		"wrongtype":       `200 application/json {"version":"1.0.0","action":"Continue","displayName":7}`,
		"null":            `200 application/json {"version":"1.0.0","action":"Continue","city":null}`,
		"validation200":   `200 application/json {"version":"1.0.0","status":400,"action":"ValidationError","userMessage":"Please correct what you typed."}`,
		"status":          `500 application/json {"error":"Internal Server Error"}`,
		"status400":       `400 application/json {"error":"Bad Request"}`,
		"status409.or.so": `409 application/json {"error":"Conflict"}`,
		"status204":       "204 application/json ",
		"status42":        `500 application/json {"error":"Internal Server Error"}`,
		"throttle":        `429 application/json {"error":"Too Many Requests"}`,
		"redirect":        `307 application/json {"error":"look elsewhere"}`,
		"bytes":           "200 application/json " + sample,
	} {
		t.Run(local, func(t *testing.T) {
			t.Parallel()
			r := run(t, target.Options{Pace: time.Microsecond})
			status, contentType, answer, err := post(t, r.client(), r.url, `{"email":"`+local+`@example.org"}`)
			if got := fmt.Sprintf("%d %s %s", status, contentType, answer); err != nil || got != want {
				t.Errorf("%v\n got %q\nwant %q", err, got, want)
			}
		})
	}
}

// TestFaultsBreakTheAnswer covers every behaviour that gives none.
func TestFaultsBreakTheAnswer(t *testing.T) {
	t.Parallel()
	for local, want := range map[string]error{
		"reset": syscall.ECONNRESET, "cut": io.ErrUnexpectedEOF,
	} {
		t.Run(local, func(t *testing.T) {
			t.Parallel()
			r := run(t, target.Options{})
			c := r.client()
			c.Transport.(*http.Transport).ForceAttemptHTTP2 = false // whose errors name the frame
			if _, _, _, err := post(t, c, r.url, `{"email":"`+local+`@example.org"}`); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		})
	}
	t.Run("flaky", func(t *testing.T) {
		t.Parallel()
		r := run(t, target.Options{})
		again := func(req *http.Request) { req.Header.Set("Patchbay-Invocation-Id", "one") }
		if _, _, _, err := post(t, r.client(), r.url, `{"email":"flaky@example.org"}`, again); err == nil {
			t.Error("the first attempt was answered")
		}
		if status, _, _, err := post(t, r.client(), r.url, `{"email":"flaky@example.org"}`, again); err != nil || status != http.StatusOK {
			t.Errorf("the second attempt: %d, %v", status, err)
		}
	})
	t.Run("moody", func(t *testing.T) {
		t.Parallel()
		r := run(t, target.Options{Answer: "moody"})
		_, _, first, _ := post(t, r.client(), r.url, `{}`)
		_, _, second, _ := post(t, r.client(), r.url, `{}`)
		if !strings.Contains(first, "Continue") || !strings.Contains(second, "ShowBlockPage") {
			t.Errorf("%s, then %s", first, second)
		}
	})
	t.Run("endless", func(t *testing.T) {
		t.Parallel()
		r := run(t, target.Options{Answer: "endless"})
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url, strings.NewReader("{}"))
		req.Header.Set("Content-Type", "application/json")
		res, err := r.client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, res.Body, 1<<20); err != nil {
			t.Error(err)
		}
		res.Body.Close()
	})
}

// TestSlowAndSilentEnd: neither a behaviour that waits nor an open connection keeps Serve from ending.
func TestSlowAndSilentEnd(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"silent", "slow", "bytes"} {
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			r := run(t, target.Options{Answer: answer, Pace: time.Hour})
			asked := make(chan struct{})
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url, io.MultiReader(strings.NewReader("{}"), &signal{asked}))
			req.Header.Set("Content-Type", "application/json")
			finished := make(chan struct{})
			go func() {
				defer close(finished)
				if res, err := r.client().Do(req); err == nil {
					io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
			}()
			<-asked
			began := time.Now()
			if err := r.stop(); err != nil {
				t.Error(err)
			}
			<-finished
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("the end took %v", took)
			}
		})
	}
}

// signal is the end of a request's body; reading it closes read.
type signal struct{ read chan struct{} }

func (s *signal) Read([]byte) (int, error) {
	close(s.read)
	return 0, io.EOF
}

func TestDelay(t *testing.T) {
	t.Parallel()
	const delay = 50 * time.Millisecond
	r := run(t, target.Options{Delay: delay})
	began := time.Now()
	if status, _, _, err := post(t, r.client(), r.url, `{}`); err != nil || status != http.StatusOK {
		t.Errorf("%d, %v", status, err)
	}
	if took := time.Since(began); took < delay {
		t.Errorf("answered after %v", took)
	}
}

func TestOptionsChooseTheAnswer(t *testing.T) {
	t.Parallel()
	claims := map[string]any{"extension_Age": int64(42), "extension_Vip": true, "city": "Ulm"}
	for name, c := range map[string]struct {
		options target.Options
		body    string
		want    string
	}{
		"message of a block":      {target.Options{Answer: "block", Message: "No."}, `{}`, `200 {"action":"ShowBlockPage","userMessage":"No.","version":"1.0.0"}`},
		"message of a validation": {target.Options{Answer: "validation", Message: "No."}, `{}`, `400 {"action":"ValidationError","status":400,"userMessage":"No.","version":"1.0.0"}`},
		"claims":                  {target.Options{Claims: claims}, `{}`, `200 {"action":"Continue","city":"Ulm","extension_Age":42,"extension_Vip":true,"version":"1.0.0"}`},
		"no claims":               {target.Options{Claims: map[string]any{}}, `{}`, `200 {"action":"Continue","version":"1.0.0"}`},
		"name trimmed":            {target.Options{}, `{"displayName":"  Ann   Lee "}`, `200 {"action":"Continue","displayName":"Ann Lee","extension_LoyaltyId":"L-e3b0c442","version":"1.0.0"}`},
		"email ignored":           {target.Options{IgnoreEmail: true, Claims: map[string]any{}}, `{"email":"block@example.org"}`, `200 {"action":"Continue","version":"1.0.0"}`},
		"email before option":     {target.Options{Answer: "html", Claims: map[string]any{}}, `{"email":"slow0@example.org"}`, `200 {"action":"Continue","version":"1.0.0"}`},
		"no object":               {target.Options{}, `[]`, `400 {"error":"body is no JSON object"}`},
		"null":                    {target.Options{}, `null`, `400 {"error":"body is no JSON object"}`},
		"two objects":             {target.Options{}, `{} {}`, `400 {"error":"body is no JSON object"}`},
		"nothing":                 {target.Options{}, ``, `400 {"error":"body is no JSON object"}`},
		"too much":                {target.Options{}, `{"email":"` + strings.Repeat("a", 1<<20) + `"}`, `413 {"error":"body too large"}`},
		"careless":                {target.Options{Careless: true, Claims: map[string]any{}}, `{`, `200 {"action":"Continue","version":"1.0.0"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, c.options)
			status, _, answer, err := post(t, r.client(), r.url, c.body)
			if got := fmt.Sprintf("%d %s", status, answer); err != nil || got != c.want {
				t.Errorf("%v\n got %s\nwant %s", err, got, c.want)
			}
		})
	}
}

func TestRefusesWhatIsNoCall(t *testing.T) {
	t.Parallel()
	r := run(t, target.Options{})
	for want, change := range map[int]func(*http.Request){
		http.StatusMethodNotAllowed:     func(q *http.Request) { q.Method = http.MethodPut },
		http.StatusUnsupportedMediaType: func(q *http.Request) { q.Header.Set("Content-Type", "text/plain") },
		http.StatusOK:                   func(q *http.Request) { q.Header.Set("Content-Type", "application/json; charset=UTF-8") },
	} {
		if status, _, _, err := post(t, r.client(), r.url, `{}`, change); err != nil || status != want {
			t.Errorf("%d, %v, want %d", status, err, want)
		}
	}
}

func TestBasic(t *testing.T) {
	t.Parallel()
	r := run(t, target.Options{Basic: target.NewBasic("ann", "s3cret:Ωmega")})
	for name, c := range map[string]struct {
		change func(*http.Request)
		want   int
	}{
		"right":          {func(q *http.Request) { q.SetBasicAuth("ann", "s3cret:Ωmega") }, http.StatusOK},
		"wrong password": {func(q *http.Request) { q.SetBasicAuth("ann", "s3cret") }, http.StatusUnauthorized},
		"wrong user":     {func(q *http.Request) { q.SetBasicAuth("bob", "s3cret:Ωmega") }, http.StatusUnauthorized},
		"none":           {func(*http.Request) {}, http.StatusUnauthorized},
		"another scheme": {func(q *http.Request) { q.Header.Set("Authorization", "Bearer s3cret") }, http.StatusUnauthorized},
	} {
		if status, _, _, err := post(t, r.client(), r.url, `{}`, c.change); err != nil || status != c.want {
			t.Errorf("%s: %d, %v, want %d", name, status, err, c.want)
		}
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if text := r.lines.String(); strings.Count(text, "\n") != 5 || strings.Contains(text, "s3cret") || strings.Contains(text, "ann") {
		t.Error("a line is missing, or shows the user name or the password")
	}
}

func TestClientCertificates(t *testing.T) {
	t.Parallel()
	known, stranger := pair(t), pair(t)
	thumbprint := func(c tls.Certificate) string { return fmt.Sprintf("certificate=%X ", sha1.Sum(c.Leaf.Raw)) }
	roots := x509.NewCertPool()
	roots.AddCert(known.Leaf)
	for name, c := range map[string]struct {
		demand target.Demand
		roots  *x509.CertPool
		shown  []tls.Certificate
		ok     bool
		line   string
	}{
		"ignored":                     {target.Ignored, nil, []tls.Certificate{known}, true, "certificate=- "},
		"optional, none":              {target.Optional, roots, nil, true, "certificate=- "},
		"optional, known":             {target.Optional, roots, []tls.Certificate{known}, true, thumbprint(known)},
		"optional, anybody":           {target.Optional, nil, []tls.Certificate{stranger}, true, thumbprint(stranger)},
		"required, none":              {target.Required, roots, nil, false, ""},
		"required, known":             {target.Required, roots, []tls.Certificate{known}, true, thumbprint(known)},
		"required, stranger":          {target.Required, roots, []tls.Certificate{stranger}, false, ""},
		"required of anybody, none":   {target.Required, nil, nil, false, ""},
		"required of anybody, anyone": {target.Required, nil, []tls.Certificate{stranger}, true, thumbprint(stranger)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, target.Options{ClientCertificates: c.demand, ClientRoots: c.roots})
			client := r.client()
			if len(c.shown) > 0 { // whatever authorities the server names
				client.Transport.(*http.Transport).TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					return &c.shown[0], nil
				}
			}
			status, _, _, err := post(t, client, r.url, `{}`)
			if ok := err == nil && status == http.StatusOK; ok != c.ok {
				t.Errorf("%d, %v", status, err)
			}
			if err := r.stop(); err != nil { // the line is printed after the answer
				t.Fatal(err)
			}
			if line := r.lines.String(); !strings.Contains(line, c.line) || (c.line == "") != (line == "") {
				t.Errorf("the line is %q", line)
			}
		})
	}
}

// TestEitherCredential: where a certificate suffices, callers prove themselves by one or by the password.
func TestEitherCredential(t *testing.T) {
	t.Parallel()
	r := run(t, target.Options{Basic: target.NewBasic("ann", "s3cret"), ClientCertificates: target.Optional, CertificateSuffices: true})
	login := func(q *http.Request) { q.SetBasicAuth("ann", "s3cret") }
	for name, c := range map[string]struct {
		client *http.Client
		change func(*http.Request)
		want   int
	}{
		"certificate": {r.client(pair(t)), func(*http.Request) {}, http.StatusOK},
		"password":    {r.client(), login, http.StatusOK},
		"both":        {r.client(pair(t)), login, http.StatusOK},
		"neither":     {r.client(), func(*http.Request) {}, http.StatusUnauthorized},
	} {
		if status, _, _, err := post(t, c.client, r.url, `{}`, c.change); err != nil || status != c.want {
			t.Errorf("%s: %d, %v, want %d", name, status, err, c.want)
		}
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	at := func() time.Time { return time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC) }
	const body = `{"email":"block@example.org","step":"PostAttributeCollection","extension_\u001bred":"hidden value"}`
	for name, c := range map[string]struct {
		show bool
		want string
	}{
		"names": {false, "2030-01-02T03:04:05Z POST /check invocation=id?1 step=PostAttributeCollection claims=email,extension_?red,step certificate=- behaviour=block action=ShowBlockPage status=200\n"},
		"values": {true, `2030-01-02T03:04:05Z POST /check invocation=id?1 step=PostAttributeCollection claims={"email":"block@example.org","extension_\u001bred":"hidden value","step":"PostAttributeCollection"} ` +
			"certificate=- behaviour=block action=ShowBlockPage status=200\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, target.Options{Now: at, ShowValues: c.show})
			if _, _, _, err := post(t, r.client(), r.url+"?code=key", body, func(q *http.Request) { q.Header.Set("Patchbay-Invocation-Id", "id 1") }); err != nil {
				t.Fatal(err)
			}
			if err := r.stop(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, r.lines.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]target.Options{
		`there is no behaviour "maybe"`:               {Answer: "maybe"},
		`not "sometimes"`:                             {ClientCertificates: "sometimes"},
		`the name "action" is a part of every answer`: {Claims: map[string]any{"action": "x"}},
		"a delay cannot be negative":                  {Delay: -1},
	} {
		if _, err := target.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestTableIsWhole: every behaviour is named, told and reached by one email.
func TestTableIsWhole(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, b := range target.Behaviours() {
		if b.Name == "" || b.What == "" || seen[b.Name] || (b.Prefix != "" && seen["prefix "+b.Prefix]) {
			t.Errorf("the row %+v", b.Name)
		}
		seen[b.Name], seen["prefix "+b.Prefix] = true, true
		if _, err := target.New(target.Options{Answer: b.Name}); err != nil {
			t.Error(err)
		}
	}
}
