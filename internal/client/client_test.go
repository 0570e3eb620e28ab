package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	good := Options{URL: "https://localhost:1", TenantID: "t", ClientID: "c", ClientSecret: "s"}
	noCertificate := filepath.Join(t.TempDir(), "none.pem")
	if err := os.WriteFile(noCertificate, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		change func(*Options)
		want   string
	}{
		"no URL":              {func(o *Options) { o.URL = "" }, "--url"},
		"no tenant":           {func(o *Options) { o.TenantID = "" }, "--tenant"},
		"no app":              {func(o *Options) { o.ClientID = "" }, "--client-id"},
		"no secret":           {func(o *Options) { o.ClientSecret = "" }, "--client-secret-file"},
		"a path for a tenant": {func(o *Options) { o.TenantID = "a/b" }, "must be an id or a name"},
		"no scheme":           {func(o *Options) { o.URL = "patchbay.example" }, "must be a URL"},
		"in the clear":        {func(o *Options) { o.URL = "http://patchbay.example" }, "in the clear"},
		"authority clear":     {func(o *Options) { o.AuthorityHost = "http://login.example" }, "in the clear"},
		"a user in the URL":   {func(o *Options) { o.URL = "https://u:canary@patchbay.example" }, "must be a URL"},
		"no CA file":          {func(o *Options) { o.CAFile = noCertificate + ".x" }, "the CA file"},
		"an empty CA file":    {func(o *Options) { o.CAFile = noCertificate }, "no certificate in PEM"},
		"no certificate":      {func(o *Options) { o.ClientSecret, o.CertificateFile = "", noCertificate }, "certificate and its private key"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := good
			tt.change(&o)
			_, err := New(o)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "canary") {
				t.Errorf("New: %v, want an error with %q", err, tt.want)
			}
		})
	}
	for _, local := range []string{"http://localhost:8080", "http://127.0.0.1:8080/patchbay/", "http://[::1]:80"} {
		o := good
		o.URL = local
		if _, err := New(o); err != nil {
			t.Errorf("New of %s: %v", local, err)
		}
	}
}

func TestPrintsNoSecret(t *testing.T) {
	t.Parallel()
	password := "canary"
	var log bytes.Buffer
	options, change := Options{ClientSecret: "canary", Token: "canary"}, Change{Password: &password, PKCS12: []byte("canary")}
	for _, v := range []any{options, &options, change, &change} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "canary") || strings.Contains(text, "63616e617279") {
				t.Errorf("%s of a %T shows the secret", verb, v)
			}
		}
		slog.New(slog.NewJSONHandler(&log, nil)).Info("options", "value", v)
	}
	if strings.Contains(log.String(), "canary") {
		t.Error("the log shows the secret")
	}
}

// TestDo checks what goes over the wire and what comes back.
func TestDo(t *testing.T) {
	t.Parallel()
	s := newService(t)
	type request struct{ Method, URI, Body, ContentType, Accept, Authorization, Agent string }
	var got request
	s.mux.HandleFunc("/v1.0/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h := r.Header
		got = request{r.Method, r.URL.RequestURI(), string(body), h.Get("Content-Type"), h.Get("Accept"), h.Get("Authorization"), h.Get("User-Agent")}
		if h.Get("Client-Request-Id") == "" {
			t.Error("no client-request-id was sent")
		}
		w.Header().Set("ETag", `W/"1"`)
		answer(w, http.StatusCreated, `{"id":"1"}`)
	})
	c := s.client(t)
	tests := []struct {
		method, path string
		body         any
		header       http.Header
		want         request
	}{
		{"GET", "/v1.0/a?$top=1", nil, nil, request{"GET", "/v1.0/a?$top=1", "", "", "application/json", "Bearer canary-token-1", "patchbay"}},
		{"PATCH", "/v1.0/a", json.RawMessage(`{"b": 1, "a": "<"}`), nil, request{"PATCH", "/v1.0/a", `{"b": 1, "a": "<"}`, "application/json", "application/json", "Bearer canary-token-1", "patchbay"}},
		{"POST", "/v1.0/a", map[string]string{"a": "<&>"}, http.Header{"Accept": {"text/plain"}, "Content-Type": {"text/json"}}, request{"POST", "/v1.0/a", `{"a":"<&>"}`, "text/json", "text/plain", "Bearer canary-token-1", "patchbay"}},
		{"DELETE", s.URL + "/v1.0/whole", []byte{}, nil, request{"DELETE", "/v1.0/whole", "", "application/json", "application/json", "Bearer canary-token-1", "patchbay"}},
	}
	for _, tt := range tests {
		res, err := c.Do(t.Context(), tt.method, tt.path, tt.body, tt.header)
		if err != nil {
			t.Fatalf("%s %s: %v", tt.method, tt.path, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s %s sent (-want +got):\n%s", tt.method, tt.path, diff)
		}
		if res.Status != http.StatusCreated || res.Header.Get("ETag") != `W/"1"` || string(res.Body) != `{"id":"1"}` {
			t.Errorf("%s %s: answer %d %s", tt.method, tt.path, res.Status, res.Body)
		}
	}
	if n := s.tokensGiven(); n != 1 {
		t.Errorf("%d tokens were fetched for %d requests, want 1", n, len(tests))
	}
}

// TestGoesNowhereElse checks that a token follows neither links nor redirects to another place.
func TestGoesNowhereElse(t *testing.T) {
	t.Parallel()
	s, other := newService(t), newService(t)
	s.mux.HandleFunc("GET /v1.0/redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/v1.0/x", http.StatusTemporaryRedirect)
	})
	s.mux.HandleFunc("GET /v1.0/list", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, `{"value":[1],"@odata.nextLink":"`+other.URL+`/v1.0/list"}`)
	})
	c := s.client(t)
	for _, target := range []string{other.URL + "/v1.0/x", "//" + strings.TrimPrefix(other.URL, "https://") + "/x", "x", "http://" + strings.TrimPrefix(s.URL, "https://") + "/x"} {
		if _, err := c.Do(t.Context(), http.MethodGet, target, nil, nil); err == nil || !strings.Contains(err.Error(), "leads away") {
			t.Errorf("Do of %s: %v, want it refused", target, err)
		}
	}
	refused := (*Error)(nil)
	if _, err := c.Do(t.Context(), http.MethodGet, "/v1.0/redirect", nil, nil); !errors.As(err, &refused) || refused.Status != http.StatusTemporaryRedirect {
		t.Errorf("a redirect: %v, want it to be an error", err)
	}
	var seen int
	var last error
	for _, err := range c.All(t.Context(), "/v1.0/list") {
		if last = err; err == nil {
			seen++
		}
	}
	if seen != 1 || last == nil || !strings.Contains(last.Error(), "leads away") {
		t.Errorf("a foreign next link: %d elements, %v", seen, last)
	}
	if got := other.requests(); len(got) != 0 {
		t.Errorf("the other place got %v", got)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	s := newService(t)
	answers := map[string]struct {
		status int
		header string
		body   string
		want   Error
		text   string
	}{
		"graph": {
			http.StatusNotFound, "", `{"error":{"code":"ResourceNotFound","message":"No such thing.","innerError":{"request-id":"r-1"}}}`,
			Error{Status: http.StatusNotFound, Code: "ResourceNotFound", Message: "No such thing.", RequestID: "r-1"},
			"No such thing. (ResourceNotFound, request-id r-1)",
		},
		"header": {
			http.StatusBadRequest, "r-2", `{"error":{"code":"BadRequest","message":"No."}}`,
			Error{Status: http.StatusBadRequest, Code: "BadRequest", Message: "No.", RequestID: "r-2"},
			"No. (BadRequest, request-id r-2)",
		},
		"html":  {http.StatusBadGateway, "", `<html>`, Error{Status: http.StatusBadGateway}, "the service answered 502 Bad Gateway"},
		"empty": {http.StatusForbidden, "", "", Error{Status: http.StatusForbidden}, "the service answered 403 Forbidden"},
	}
	s.mux.HandleFunc("GET /v1.0/{name}", func(w http.ResponseWriter, r *http.Request) {
		a := answers[r.PathValue("name")]
		if a.header != "" {
			w.Header().Set("Request-Id", a.header)
		}
		answer(w, a.status, a.body)
	})
	c := s.client(t)
	for name, tt := range answers {
		_, err := c.Do(t.Context(), http.MethodGet, "/v1.0/"+name, nil, nil)
		got := (*Error)(nil)
		if !errors.As(err, &got) {
			t.Errorf("%s: %v is no Error", name, err)
			continue
		}
		tt.want.Body = []byte(tt.body)
		if len(got.Body) == 0 {
			got.Body = []byte{}
		}
		if diff := cmp.Diff(&tt.want, got); diff != "" || got.Error() != tt.text {
			t.Errorf("%s: %q (-want +got):\n%s", name, got.Error(), diff)
		}
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	s := newService(t)
	o := s.options(t)
	untrusting := o
	untrusting.CAFile = ""
	c := newClient(t, untrusting)
	if _, err := c.Do(t.Context(), http.MethodGet, "/v1.0/x?$filter=canary", nil, nil); err == nil || !strings.Contains(err.Error(), "certificate") || strings.Contains(err.Error(), "canary") {
		t.Errorf("without the authority: %v", err)
	}
	c = newClient(t, o)
	if _, err := c.tokens.get(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := c.Do(t.Context(), http.MethodGet, "/v1.0/x?$filter=canary", nil, nil); err == nil || !strings.Contains(err.Error(), "does not answer") || strings.Contains(err.Error(), "canary") {
		t.Errorf("a service that is gone: %v", err)
	}
}

func TestAll(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.mux.HandleFunc("GET /v1.0/graph", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("page") == "2" {
			answer(w, http.StatusOK, `{"value":[3]}`)
			return
		}
		answer(w, http.StatusOK, `{"value":[1,{"b":1,"a":2}],"@odata.nextLink":"`+s.URL+`/v1.0/graph?page=2"}`)
	})
	s.mux.HandleFunc("GET /runtime/v1/list", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("page") == "2" {
			answer(w, http.StatusOK, `{"value":[2]}`)
			return
		}
		answer(w, http.StatusOK, `{"value":[1],"nextLink":"/runtime/v1/list?page=2"}`)
	})
	s.mux.HandleFunc("GET /v1.0/circle", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, `{"value":[1],"@odata.nextLink":"`+s.URL+`/v1.0/circle"}`)
	})
	s.mux.HandleFunc("GET /v1.0/text", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, `2`) })
	c := s.client(t)
	list := func(path string) (got []string) {
		for element, err := range c.All(t.Context(), path) {
			if err != nil {
				return append(got, err.Error())
			}
			got = append(got, string(element))
		}
		return got
	}
	for path, want := range map[string][]string{
		"/v1.0/graph":      {"1", `{"b":1,"a":2}`, "3"},
		"/runtime/v1/list": {"1", "2"},
		"/v1.0/circle":     {"1", "1", "the listing goes round in a circle"},
		"/v1.0/text":       {"the answer is no listing: json: cannot unmarshal number into Go value of type client.page"},
		"/v1.0/none":       {"the service answered 404 Not Found"},
	} {
		if diff := cmp.Diff(want, list(path)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	before := len(s.requests())
	for range c.All(t.Context(), "/v1.0/graph") {
		break
	}
	if n := len(s.requests()) - before; n != 1 {
		t.Errorf("a listing that was left after one element took %d requests, want 1", n)
	}
}

// TestOneTokenForMany checks that requests at the same time share the fetching of a token.
func TestOneTokenForMany(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.mux.HandleFunc("GET /v1.0/x", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, `{}`) })
	c := s.client(t)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := c.Do(context.WithoutCancel(t.Context()), http.MethodGet, "/v1.0/x", nil, nil); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := s.tokensGiven(); n != 1 {
		t.Errorf("%d tokens were fetched, want 1", n)
	}
}
