package conformance

import (
	"net/http"
	"slices"
	"testing"
)

// foundingExamples are the two examples of Microsoft's page "Update identityApiConnector".
func (s *suite) foundingExamples(t *testing.T) {
	demo := s.server.Env["PATCHBAY_CONNECTOR_ID"]
	t.Run("1: PATCH with Basic answers 204", func(t *testing.T) {
		w := s.usual(t, "founding", map[string]any{
			"connector": demo,
			"names":     map[string]string{"displayName": "New Test API", "targetUrl": "https://otherapi.com/api/endpoint"},
			"authentication": map[string]string{
				"@odata.type": "#microsoft.graph.basicAuthentication", "username": "<NEW_USERNAME>", "password": "<NEW_PASSWORD>",
			},
		})
		w.apply(t)
		s.wantPatched(t, demo, http.StatusNoContent)
		s.graph.wantBasic(t, demo, "New Test API", "<NEW_USERNAME>")
		w.wantPlan(t)
	})
	t.Run("2: PATCH with PKCS#12 answers 204", func(t *testing.T) {
		file := newIdentity(t, "founding example", "<CERTIFICATE_PASSWORD>")
		w := s.usual(t, "founding", map[string]any{
			"connector": demo,
			"authentication": map[string]string{
				"@odata.type": "#microsoft.graph.pkcs12Certificate", "pkcs12Value": file.value(t), "password": file.password,
			},
		})
		w.apply(t)
		s.wantPatched(t, demo, http.StatusNoContent, http.StatusNoContent)
		s.wantCertificates(t, demo, file)
		if name := s.graph.get(t, demo).DisplayName; name != "New Test API" {
			t.Errorf("displayName was not kept: %q", name)
		}
	})
}

// wantPatched checks how the PATCHes of a connector were answered so far.
func (s *suite) wantPatched(t *testing.T, id string, statuses ...int) {
	t.Helper()
	var got []int
	for _, request := range s.relay.Seen(t) {
		if request.Method == http.MethodPatch && request.Target == "/v1.0/identity/apiConnectors/"+id {
			got = append(got, request.Status)
		}
	}
	if !slices.Equal(got, statuses) {
		t.Errorf("PATCH was answered %v, want %v", got, statuses)
	}
}

// life follows one connector from its creation to its end; each check goes on where the one before it stopped.
func (s *suite) life(t *testing.T) {
	const resource = "msgraph_resource.connector"
	w := s.usual(t, "connector", map[string]any{"name": "life", "password": "password of life"})
	var id string
	t.Run("plan says what will be created", func(t *testing.T) { w.wantPlan(t, "create "+resource) })
	t.Run("apply creates it", func(t *testing.T) {
		w.apply(t)
		id = w.id(t)
		s.graph.wantBasic(t, id, "life", "user of life")
		if url := s.graph.get(t, id).TargetURL; url != "https://api.contoso.example/life?code=a+b&x=ü" {
			t.Errorf("targetUrl is %q", url)
		}
	})
	t.Run("the second plan is empty", func(t *testing.T) { w.wantPlan(t) })
	t.Run("drift: the plan shows what was changed behind its back", func(t *testing.T) {
		s.graph.must(t, http.MethodPatch, "apiConnectors/"+id, map[string]any{
			"displayName": "drifted", "authenticationConfiguration": map[string]string{"@odata.type": "#microsoft.graph.basicAuthentication", "username": "somebody else"},
		}, nil)
		got := w.plan(t)
		if !slices.Equal(got.Changes, []string{"update " + resource}) || !slices.Equal(got.Drift, []string{"update " + resource}) {
			t.Errorf("the plan is %+v", got)
		}
	})
	t.Run("drift: apply mends it, and the plan is empty", func(t *testing.T) {
		w.apply(t)
		s.graph.wantBasic(t, id, "life", "user of life")
		w.wantPlan(t)
	})
	t.Run("update of the password alone keeps the user name, and the plan is empty", func(t *testing.T) {
		w.set(t, map[string]any{"password": "another password"})
		w.wantPlan(t, "update "+resource)
		w.apply(t)
		s.wantPatched(t, id, http.StatusNoContent, http.StatusNoContent)
		s.graph.wantBasic(t, id, "life", "user of life")
		w.wantPlan(t)
	})
	t.Run("import: what was forgotten is known again", func(t *testing.T) {
		w.must(t, "state", "rm", resource)
		w.must(t, "import", resource, "/identity/apiConnectors/"+id)
		// The provider imports no body, so the first apply sends all of it.
		w.wantPlan(t, "update "+resource)
		w.apply(t)
		w.wantPlan(t)
		s.graph.wantBasic(t, id, "life", "user of life")
	})
	t.Run("deleted behind its back: the plan creates it again", func(t *testing.T) {
		s.graph.must(t, http.MethodDelete, "apiConnectors/"+id, nil, nil)
		w.wantPlan(t, "create "+resource)
		w.apply(t)
		id = w.id(t)
	})
	t.Run("destroy deletes it", func(t *testing.T) {
		w.must(t, "destroy", "-auto-approve")
		s.graph.wantGone(t, "apiConnectors/"+id)
	})
}

// certificates follows a connector with a certificate. What Graph answers is of another type than what it was given, so the
// provider takes that for drift, and mends it by sending the type alone.
func (s *suite) certificates(t *testing.T) {
	const resource = "msgraph_resource.connector"
	first, second := newIdentity(t, "first", "open sesame"), newIdentity(t, "second", "")
	w := s.usual(t, "certificate", map[string]any{"name": "certificate", "pkcs12": first.value(t), "password": first.password})
	var id string
	t.Run("apply creates it, and reads certificateList", func(t *testing.T) {
		w.apply(t)
		id = w.id(t)
		s.wantCertificates(t, id, first)
		var shown []struct {
			Thumbprint string `json:"thumbprint"`
			NotAfter   int64  `json:"notAfter"`
			NotBefore  int64  `json:"notBefore"`
		}
		w.output(t, "certificates", &shown)
		if len(shown) != 1 || shown[0].Thumbprint != first.thumbprint || shown[0].NotAfter <= shown[0].NotBefore {
			t.Errorf("certificateList is %+v", shown)
		}
	})
	t.Run("its plan is never empty: an update of @odata.type", func(t *testing.T) { w.wantPlan(t, "update "+resource) })
	t.Run("apply of that prints 400, what is missing, and changes nothing", func(t *testing.T) {
		w.fail(t, []string{"apply", "-auto-approve"}, "RESPONSE 400", "ERROR CODE: AADB2C", "pkcs12Value")
		s.wantCertificates(t, id, first)
	})
	t.Run("its plan is empty where changes of the body are ignored", func(t *testing.T) {
		w.write(t, "main_override.tf", ignoring("connector"))
		w.wantPlan(t)
	})
	t.Run("another certificate replaces the first", func(t *testing.T) {
		w.write(t, "main_override.tf", "")
		w.set(t, map[string]any{"pkcs12": second.value(t), "password": second.password})
		w.apply(t)
		s.wantCertificates(t, id, second)
	})
	t.Run("destroy deletes it", func(t *testing.T) {
		w.must(t, "destroy", "-auto-approve")
		s.graph.wantGone(t, "apiConnectors/"+id)
	})
}

// wantCertificates checks that a connector shows these certificates, the oldest upload first, of which the last one is
// active.
func (s *suite) wantCertificates(t *testing.T, id string, want ...identity) {
	t.Helper()
	shown := s.graph.get(t, id).Authentication
	if shown.Type != "#microsoft.graph.clientCertificateAuthentication" || len(shown.Certificates) != len(want) {
		t.Fatalf("it is %s with %d certificates, want %d", shown.Type, len(shown.Certificates), len(want))
	}
	for i, certificate := range want {
		if got := shown.Certificates[i]; got.Thumbprint != certificate.thumbprint || got.IsActive != (i == len(want)-1) {
			t.Errorf("certificate %d is %+v, want %s", i, got, certificate.thumbprint)
		}
	}
}
