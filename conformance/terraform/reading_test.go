package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"
)

// tokens checks how the provider proves itself, by reading.
func (s *suite) tokens(t *testing.T) {
	reader := func(t *testing.T) *workspace {
		t.Helper()
		return s.usual(t, "reading", nil)
	}
	t.Run("ClientSecretCredential", func(t *testing.T) { reader(t).apply(t) })
	registered := newIdentity(t, "application", "")
	if err := s.server.AddCertificate(t.Context(), registered.certificateFile); err != nil {
		t.Fatal(err)
	}
	certificate := func(t *testing.T, i identity) *workspace {
		t.Helper()
		w := reader(t)
		delete(w.env, "ARM_CLIENT_SECRET")
		w.env["ARM_CLIENT_CERTIFICATE_PATH"] = i.pemFile // of PKCS#12 the provider reads no AES
		return w
	}
	t.Run("ClientCertificateCredential", func(t *testing.T) { certificate(t, registered).apply(t) })
	t.Run("a wrong secret is refused", func(t *testing.T) {
		w := reader(t)
		w.env["ARM_CLIENT_SECRET"] = "not the secret"
		w.fail(t, []string{"plan"}, "401", "invalid_client")
	})
	t.Run("a certificate that was not registered is refused", func(t *testing.T) {
		certificate(t, newIdentity(t, "stranger", "")).fail(t, []string{"plan"}, "401", "invalid_client")
	})
}

// reading checks the query options on five connectors of its own.
func (s *suite) reading(t *testing.T) {
	names := make([]string, 5)
	for i := range names {
		names[i] = fmt.Sprintf("reading %d", i+1)
		s.graph.create(t, names[i])
	}
	mine := []string{"startswith(displayName,'reading ')"}
	queries := []struct {
		name  string
		query map[string][]string
		want  []string
	}{
		{"$filter eq", map[string][]string{"$filter": {"displayName eq 'reading 3'"}}, names[2:3]},
		{"$orderby desc with $filter", map[string][]string{"$filter": mine, "$orderby": {"displayName desc"}}, []string{names[4], names[3], names[2], names[1], names[0]}},
		{"pages of 2 of 5: the provider follows @odata.nextLink", map[string][]string{"$filter": mine, "$top": {"2"}, "$orderby": {"displayName"}}, names},
	}
	w := s.usual(t, "reading", nil)
	for _, check := range queries {
		t.Run(check.name, func(t *testing.T) {
			w.set(t, map[string]any{"query": check.query})
			w.apply(t)
			var read struct {
				Names []string `json:"names"`
			}
			w.output(t, "read", &read)
			if !slices.Equal(read.Names, check.want) {
				t.Errorf("got %q, want %q", read.Names, check.want)
			}
		})
	}
	t.Run("$select leaves the rest out", func(t *testing.T) {
		w.set(t, map[string]any{"query": map[string][]string{"$filter": mine, "$select": {"id,displayName"}}})
		w.apply(t)
		var read struct {
			Names []string `json:"names"`
			URLs  []string `json:"urls"`
		}
		w.output(t, "read", &read)
		if len(read.Names) != len(names) || len(read.URLs) != 0 {
			t.Errorf("got %q and %q", read.Names, read.URLs)
		}
	})
}

// errors checks that every failure is printed with Graph's status, code and message.
func (s *suite) errors(t *testing.T) {
	apply, plan := []string{"apply", "-auto-approve"}, []string{"plan"}
	t.Run("400 for a targetUrl that is none", func(t *testing.T) {
		w := s.usual(t, "connector", map[string]any{"name": "wrong", "password": "password", "target_url": "ftp://api.contoso.example"})
		w.fail(t, apply, "RESPONSE 400", "ERROR CODE: BadRequest", "targetUrl")
	})
	t.Run("400 AADB2C90213 for a wrong PKCS#12 password", func(t *testing.T) {
		file := newIdentity(t, "wrong", "open sesame")
		w := s.usual(t, "certificate", map[string]any{"name": "wrong", "pkcs12": file.value(t), "password": "not it"})
		w.fail(t, apply, "RESPONSE 400", "ERROR CODE: AADB2C90213", "password")
	})
	t.Run("400 for a $filter on an unknown property", func(t *testing.T) {
		w := s.usual(t, "reading", map[string]any{"query": map[string][]string{"$filter": {"colour eq 'red'"}}})
		w.fail(t, plan, "RESPONSE 400", "ERROR CODE: BadRequest", "colour")
	})
	t.Run("403 for a write with Read.All, which may read", func(t *testing.T) {
		app, err := s.server.AddApplication(t.Context(), s.server.Env["AZURE_TENANT_ID"], "reader", "APIConnectors.Read.All")
		if err != nil {
			t.Fatal(err)
		}
		w := s.workspace(t, "connector", s.relay, s.server, app)
		w.set(t, map[string]any{"name": "forbidden", "password": "password"})
		w.fail(t, apply, "RESPONSE 403", "ERROR CODE: AADB2C", "APIConnectors.ReadWrite.All")
	})
	t.Run("404 for an unknown id", func(t *testing.T) {
		const noSuchID = "00000000-0000-4000-8000-000000000000"
		w := s.usual(t, "reading", map[string]any{"url": "identity/apiConnectors/" + noSuchID})
		w.fail(t, plan, "RESPONSE 404", "ERROR CODE: ResourceNotFound", noSuchID)
	})
	t.Run("412 for an If-Match with an ETag that is no longer so", func(t *testing.T) {
		id := s.graph.create(t, "moved on").ID
		etag := s.graph.must(t, http.MethodGet, "apiConnectors/"+id, nil, nil).Get("ETag")
		s.graph.must(t, http.MethodPatch, "apiConnectors/"+id, map[string]string{"displayName": "moved"}, nil)
		w := s.usual(t, "action", map[string]any{"connector": id, "etag": etag})
		w.fail(t, apply, "RESPONSE 412", "ERROR CODE: PreconditionFailed")
		s.graph.wantBasic(t, id, "moved", "user of moved on")
	})
	s.conflict(t)
}

func (s *suite) conflict(t *testing.T) {
	t.Helper()
	t.Run("409 for the deletion of a connector that a user flow calls", func(t *testing.T) {
		w := s.usual(t, "connector", map[string]any{"name": "in use", "password": "password"})
		w.apply(t)
		id := w.id(t)
		s.graph.must(t, http.MethodPost, "b2xUserFlows", map[string]any{
			"id": "user", "userFlowType": "signUpOrSignIn", "userFlowTypeVersion": 1,
			"apiConnectorConfiguration": map[string]any{"postFederationSignup": map[string]string{"id": id}},
		}, nil)
		w.fail(t, []string{"destroy", "-auto-approve"}, "RESPONSE 409", "ERROR CODE: Conflict", "B2X_1_user")
		s.graph.wantBasic(t, id, "in use", "user of in use")
	})
}

// faults are what goes wrong between client and server; a relay of their own makes them.
func (s *suite) faults(t *testing.T) {
	reader := func(t *testing.T) *workspace {
		t.Helper()
		return s.workspace(t, "reading", s.faulty, s.server, s.server.Developer())
	}
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusTooManyRequests} {
		t.Run(fmt.Sprintf("%d with Retry-After: the client waits, then succeeds", status), func(t *testing.T) {
			w := reader(t)
			s.faulty.Inject(t, map[string]any{"status": status, "retryAfter": 1, "times": 1})
			w.must(t, "plan")
			seen := s.faulty.Seen(t)
			if len(seen) < 2 || seen[0].Status != status || seen[1].Status != http.StatusOK {
				t.Fatalf("what was sent: %+v", seen)
			}
			if waited := seen[1].At - seen[0].At; waited < 1000 {
				t.Errorf("it waited %d ms, want 1000", waited)
			}
		})
	}
	t.Run("a redirect to another host does not take the token along", func(t *testing.T) {
		w := reader(t)
		s.faulty.Inject(t, map[string]any{"redirect": "https://" + foreign + "/v1.0/identity/apiConnectors"})
		w.fail(t, []string{"plan"}, "RESPONSE 401", "ERROR CODE: InvalidAuthenticationToken")
		seen := s.faulty.Seen(t)
		if len(seen) < 2 || seen[0].Headers.Get("Authorization") == "" || seen[1].Host != foreign || seen[1].Headers.Get("Authorization") != "" {
			t.Errorf("what was sent: %+v", seen)
		}
	})
}

// throttling checks the limit that Microsoft documents for this family: 200 requests a minute per application and tenant. The
// provider waits as long as it is told to.
func (s *suite) throttling(t *testing.T) {
	const limit = 200
	t.Run("429 after 200 requests in a minute: the provider waits as long as Retry-After says, then succeeds", func(t *testing.T) {
		others, err := newGraph(t.Context(), s.throttled)
		if err != nil {
			t.Fatal(err)
		}
		for range limit {
			others.must(t, http.MethodGet, "apiConnectors?$top=1", nil, nil)
		}
		refused := time.Now()
		status, headers := others.do(t, http.MethodGet, "apiConnectors?$top=1", nil, nil)
		seconds, err := strconv.Atoi(headers.Get("Retry-After"))
		// A minute, and the second in which the first request of it was made.
		if status != http.StatusTooManyRequests || err != nil || seconds < 1 || seconds > 61 {
			t.Fatalf("the next one is answered %d with Retry-After %q", status, headers.Get("Retry-After"))
		}
		w := s.workspace(t, "reading", s.tight, s.throttled, s.throttled.Developer())
		w.must(t, "plan")
		seen := s.tight.Seen(t)
		if len(seen) < 2 || seen[0].Status != http.StatusTooManyRequests || seen[len(seen)-1].Status != http.StatusOK {
			t.Fatalf("what was sent: %+v", seen)
		}
		// What is left of the second is rounded up.
		if earliest := refused.Add(time.Duration(seconds-1) * time.Second).UnixMilli(); seen[len(seen)-1].At < earliest {
			t.Errorf("it waited %d ms less than it was told", earliest-seen[len(seen)-1].At)
		}
	})
}
