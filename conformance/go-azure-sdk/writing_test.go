package conformance

import (
	"net/http"
	"testing"

	"github.com/hashicorp/go-azure-sdk/microsoft-graph/common-types/stable"
	"github.com/hashicorp/go-azure-sdk/microsoft-graph/identity/stable/apiconnector"
	"github.com/hashicorp/go-azure-sdk/sdk/client"
	"github.com/hashicorp/go-azure-sdk/sdk/odata"
)

// writing checks what surrounds a write: what the SDK sends back of what it read, and preconditions.
func (s *suite) writing(t *testing.T) {
	t.Run("GET, then PATCH of that very object", func(t *testing.T) {
		id := s.create(t, "read and written")
		s.patch(t, id, *s.get(t, id))
		wantBasic(t, s.get(t, id), "read and written", "user of read and written")
	})
	t.Run("PATCH of nothing", func(t *testing.T) {
		id := s.create(t, "left alone")
		s.patch(t, id, stable.IdentityApiConnector{})
		wantBasic(t, s.get(t, id), "left alone", "user of left alone")
	})
	t.Run("odata.metadata none and full", func(t *testing.T) {
		id := s.create(t, "described")
		for _, metadata := range []odata.Metadata{odata.MetadataNone, odata.MetadataFull} {
			read, err := s.client.GetApiConnector(soon(t), id, apiconnector.GetApiConnectorOperationOptions{Metadata: &metadata})
			if err != nil {
				t.Fatal(err)
			}
			if read.Model.DisplayName.GetOrZero() != "described" || (read.OData.Context == nil) != (metadata == odata.MetadataNone) {
				t.Errorf("with %s it is %q, and has a context: %t", metadata, read.Model.DisplayName.GetOrZero(), read.OData.Context != nil)
			}
		}
	})
	s.preconditions(t)
}

func (s *suite) preconditions(t *testing.T) {
	t.Helper()
	t.Run("If-Match with the ETag that was read", func(t *testing.T) {
		id, etag := s.tagged(t, "matched")
		answer, err := s.client.DeleteApiConnector(soon(t), id, apiconnector.DeleteApiConnectorOperationOptions{IfMatch: &etag})
		if err != nil || answer.HttpResponse.StatusCode != http.StatusNoContent {
			t.Errorf("answered %v, %v", answer.HttpResponse, err)
		}
	})
	t.Run("If-Match with an ETag that is no longer so answers 412", func(t *testing.T) {
		id, etag := s.tagged(t, "moved on")
		s.patch(t, id, basicConnector("moved", "https://api.contoso.example/moved"))
		removed, err := s.client.DeleteApiConnector(soon(t), id, apiconnector.DeleteApiConnectorOperationOptions{IfMatch: &etag})
		wantError(t, err, removed.HttpResponse, removed.OData, http.StatusPreconditionFailed, "PreconditionFailed")
		// UpdateApiConnector has no option for it, but the SDK lets a program look at each request.
		careful := connect(t, s.server.Env["PATCHBAY_URL"], s.client.Client.Authorizer)
		careful.Client.RequestMiddlewares = &[]client.RequestMiddleware{func(request *http.Request) (*http.Request, error) {
			request.Header.Set("If-Match", etag)
			return request, nil
		}}
		changed, err := careful.UpdateApiConnector(soon(t), id, basicConnector("too late", lifeURL), apiconnector.DefaultUpdateApiConnectorOperationOptions())
		wantError(t, err, changed.HttpResponse, changed.OData, http.StatusPreconditionFailed, "PreconditionFailed")
		wantBasic(t, s.get(t, id), "moved", "user of moved")
	})
}

// tagged makes a connector and reads its ETag.
func (s *suite) tagged(t *testing.T, name string) (id stable.IdentityApiConnectorId, etag string) {
	t.Helper()
	id = s.create(t, name)
	read, err := s.client.GetApiConnector(soon(t), id, apiconnector.DefaultGetApiConnectorOperationOptions())
	if err != nil {
		t.Fatal(err)
	}
	if etag = read.HttpResponse.Header.Get("ETag"); etag == "" {
		t.Fatal("there is no ETag")
	}
	return id, etag
}
