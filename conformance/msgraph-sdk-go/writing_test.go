package conformance

import (
	"net/http"
	"testing"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	nethttplibrary "github.com/microsoft/kiota-http-go"
	"github.com/microsoftgraph/msgraph-sdk-go/identity"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
)

type (
	itemGet    = identity.ApiConnectorsIdentityApiConnectorItemRequestBuilderGetRequestConfiguration
	itemPatch  = identity.ApiConnectorsIdentityApiConnectorItemRequestBuilderPatchRequestConfiguration
	itemDelete = identity.ApiConnectorsIdentityApiConnectorItemRequestBuilderDeleteRequestConfiguration
	create     = identity.ApiConnectorsRequestBuilderPostRequestConfiguration
)

// writing checks what surrounds a write: what the SDK sends back of what it read, and the headers.
func (s *suite) writing(t *testing.T) {
	s.writingBack(t)
	s.preconditions(t)
	s.requestHeaders(t)
}

func (s *suite) writingBack(t *testing.T) {
	t.Helper()
	t.Run("GET, then PATCH of that very object", func(t *testing.T) {
		id := *s.create(t, "read and written").GetId()
		read := s.get(t, id)
		// The SDK sends nothing but {"@odata.context": "…"}, whatever was set since the object was read.
		s.patch(t, id, read)
		wantBasic(t, s.get(t, id), "read and written")
	})
	t.Run("PATCH of nothing", func(t *testing.T) {
		id := *s.create(t, "left alone").GetId()
		s.patch(t, id, models.NewIdentityApiConnector())
		wantBasic(t, s.get(t, id), "left alone")
	})
}

func (s *suite) requestHeaders(t *testing.T) {
	t.Helper()
	t.Run("Prefer: return=representation answers the entity", func(t *testing.T) {
		id := *s.create(t, "preferred").GetId()
		body := models.NewIdentityApiConnector()
		body.SetDisplayName(new("represented"))
		answered, err := s.item(id).Patch(t.Context(), body, &itemPatch{Headers: headers("Prefer", "return=representation")})
		if err != nil {
			t.Fatal(err)
		}
		if answered == nil || *answered.GetDisplayName() != "represented" {
			t.Errorf("answered %v", answered)
		}
	})
	t.Run("Idempotency-Key makes a POST once", func(t *testing.T) {
		key := &create{Headers: headers("Idempotency-Key", "conformance-1")}
		body := func(name string) models.IdentityApiConnectorable {
			return basicConnector(name, "https://api.contoso.example/once")
		}
		first, err := s.connectors().Post(t.Context(), body("once"), key)
		if err != nil {
			t.Fatal(err)
		}
		again, err := s.connectors().Post(t.Context(), body("once"), key)
		if err != nil {
			t.Fatal(err)
		}
		if *first.GetId() != *again.GetId() {
			t.Error("the second POST made another connector")
		}
		_, err = s.connectors().Post(t.Context(), body("something else"), key)
		wantError(t, err, http.StatusUnprocessableEntity, "UnprocessableEntity")
		if err := s.item(*first.GetId()).Delete(t.Context(), nil); err != nil {
			t.Error(err)
		}
	})
	t.Run("request-id, and client-request-id as it was sent", func(t *testing.T) {
		const mine = "7f4c1f0e-1d62-4c6a-9a3a-0b7b9d5f0e11"
		seen := inspection()
		_, err := s.demo().Get(t.Context(), &itemGet{Headers: headers("client-request-id", mine), Options: []abstractions.RequestOption{seen}})
		if err != nil {
			t.Fatal(err)
		}
		if got := first(seen, "client-request-id"); got != mine {
			t.Errorf("client-request-id came back as %q", got)
		}
		if len(first(seen, "request-id")) != 36 {
			t.Errorf("request-id is %q", first(seen, "request-id"))
		}
	})
}

func (s *suite) preconditions(t *testing.T) {
	t.Helper()
	t.Run("If-Match with the ETag that was read", func(t *testing.T) {
		id, etag := s.tagged(t, "matched")
		body := models.NewIdentityApiConnector()
		body.SetDisplayName(new("matched once"))
		if _, err := s.item(id).Patch(t.Context(), body, &itemPatch{Headers: headers("If-Match", etag)}); err != nil {
			t.Fatal(err)
		}
		wantBasic(t, s.get(t, id), "matched once")
	})
	t.Run("If-Match with an ETag that is no longer so answers 412", func(t *testing.T) {
		id, etag := s.tagged(t, "moved on")
		body := models.NewIdentityApiConnector()
		body.SetDisplayName(new("moved"))
		s.patch(t, id, body)
		body.SetDisplayName(new("too late"))
		_, err := s.item(id).Patch(t.Context(), body, &itemPatch{Headers: headers("If-Match", etag)})
		wantError(t, err, http.StatusPreconditionFailed, "PreconditionFailed")
		err = s.item(id).Delete(t.Context(), &itemDelete{Headers: headers("If-Match", etag)})
		wantError(t, err, http.StatusPreconditionFailed, "PreconditionFailed")
		wantBasic(t, s.get(t, id), "moved")
	})
}

// wantBasic checks that a connector that create made still authenticates with Basic, under that name.
func wantBasic(t *testing.T, connector models.IdentityApiConnectorable, name string) {
	t.Helper()
	basic, ok := connector.GetAuthenticationConfiguration().(models.BasicAuthenticationable)
	if !ok || *connector.GetDisplayName() != name || basic.GetUsername() == nil || connector.GetTargetUrl() == nil {
		t.Errorf("it is %q with %T", *connector.GetDisplayName(), connector.GetAuthenticationConfiguration())
	}
}

// tagged makes a connector and reads its ETag.
func (s *suite) tagged(t *testing.T, name string) (id, etag string) {
	t.Helper()
	id = *s.create(t, name).GetId()
	seen := inspection()
	if _, err := s.item(id).Get(t.Context(), &itemGet{Options: []abstractions.RequestOption{seen}}); err != nil {
		t.Fatal(err)
	}
	if etag = first(seen, "ETag"); etag == "" {
		t.Fatal("there is no ETag")
	}
	return id, etag
}

func headers(name, value string) *abstractions.RequestHeaders {
	h := abstractions.NewRequestHeaders()
	h.Add(name, value)
	return h
}

// inspection is the SDK's own way to look at the headers of an answer.
func inspection() *nethttplibrary.HeadersInspectionOptions {
	options := nethttplibrary.NewHeadersInspectionOptions()
	options.InspectResponseHeaders = true
	return options
}

func first(seen *nethttplibrary.HeadersInspectionOptions, name string) string {
	if values := seen.GetResponseHeaders().Get(name); len(values) > 0 {
		return values[0]
	}
	return ""
}
