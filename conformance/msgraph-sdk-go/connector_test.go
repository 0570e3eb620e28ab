package conformance

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoftgraph/msgraph-sdk-go/identity"
	"github.com/microsoftgraph/msgraph-sdk-go/models"

	"github.com/patchbay/patchbay/conformance/harness/pfx"
)

// foundingExamples are the two examples of Microsoft's page "Update identityApiConnector".
func (s *suite) foundingExamples(t *testing.T) {
	t.Run("1: PATCH with Basic answers 204", func(t *testing.T) {
		authentication := models.NewBasicAuthentication()
		authentication.SetUsername(new("<NEW_USERNAME>"))
		authentication.SetPassword(new("<NEW_PASSWORD>"))
		body := models.NewIdentityApiConnector()
		body.SetDisplayName(new("New Test API"))
		body.SetTargetUrl(new("https://otherapi.com/api/endpoint"))
		body.SetAuthenticationConfiguration(authentication)
		s.wantNoContent(t, body)

		read := s.get(t, s.server.Env["PATCHBAY_CONNECTOR_ID"])
		basic, ok := read.GetAuthenticationConfiguration().(models.BasicAuthenticationable)
		if !ok {
			t.Fatalf("reads back as %T, want basicAuthentication", read.GetAuthenticationConfiguration())
		}
		if *read.GetDisplayName() != "New Test API" || *read.GetTargetUrl() != "https://otherapi.com/api/endpoint" ||
			*basic.GetUsername() != "<NEW_USERNAME>" || *basic.GetPassword() != "******" {
			t.Errorf("reads back as %q, %q, %q", *read.GetDisplayName(), *read.GetTargetUrl(), *basic.GetUsername())
		}
	})
	t.Run("2: PATCH with PKCS#12 answers 204", func(t *testing.T) {
		file := pfx.New(t, "founding example", "<CERTIFICATE_PASSWORD>")
		s.wantNoContent(t, certificateConnector(file))

		read := s.get(t, s.server.Env["PATCHBAY_CONNECTOR_ID"])
		wantCertificates(t, read, file.Identity)
		if *read.GetDisplayName() != "New Test API" {
			t.Errorf("displayName was not kept: %q", *read.GetDisplayName())
		}
	})
}

// wantNoContent sends a PATCH to the demo connector twice: once as a program does, and once looking at the very answer.
func (s *suite) wantNoContent(t *testing.T, body models.IdentityApiConnectorable) {
	t.Helper()
	answer := abstractions.NewRequestHandlerOption()
	var status int
	var encoding string
	answer.SetResponseHandler(func(native any, _ abstractions.ErrorMappings) (any, error) {
		response := native.(*http.Response)
		status, encoding = response.StatusCode, response.Request.Header.Get("Content-Encoding")
		return nil, response.Body.Close()
	})
	seen := &identity.ApiConnectorsIdentityApiConnectorItemRequestBuilderPatchRequestConfiguration{Options: []abstractions.RequestOption{answer}}
	if _, err := s.demo().Patch(t.Context(), body, seen); err != nil {
		t.Fatal(err)
	}
	if status != http.StatusNoContent {
		t.Errorf("answered %d, want 204", status)
	}
	if encoding != "gzip" {
		t.Errorf("the SDK sent Content-Encoding %q; it is known to send gzip, and that is to be tested", encoding)
	}
	again, err := s.demo().Patch(t.Context(), body, nil)
	if err != nil || again != nil {
		t.Errorf("Patch returned %v, %v; want nil, nil", again, err)
	}
}

// life follows one connector from its creation to its end; each check goes on where the one before it stopped.
func (s *suite) life(t *testing.T) {
	id := s.birth(t)
	s.changes(t, id)
	s.certificates(t, id)
	s.end(t, id)
}

const lifeURL = "https://api.contoso.example/life?code=a+b&x=ü"

func (s *suite) birth(t *testing.T) (id string) {
	t.Helper()
	t.Run("create answers the entity", func(t *testing.T) {
		created, err := s.connectors().Post(t.Context(), basicConnector("life", lifeURL), nil)
		if err != nil {
			t.Fatal(err)
		}
		id = *created.GetId()
		basic, ok := created.GetAuthenticationConfiguration().(models.BasicAuthenticationable)
		if !ok || *basic.GetUsername() != "user of life" || *basic.GetPassword() != "******" {
			t.Errorf("authenticationConfiguration is %#v", created.GetAuthenticationConfiguration())
		}
	})
	t.Run("get reads it back", func(t *testing.T) {
		read := s.get(t, id)
		if *read.GetId() != id || *read.GetDisplayName() != "life" || *read.GetTargetUrl() != lifeURL {
			t.Errorf("read %q, %q", *read.GetDisplayName(), *read.GetTargetUrl())
		}
		context, _ := read.GetAdditionalData()["@odata.context"].(*string)
		if context == nil || !strings.HasSuffix(*context, "/v1.0/$metadata#identity/apiConnectors/$entity") {
			t.Errorf("@odata.context is %v", read.GetAdditionalData()["@odata.context"])
		}
	})
	t.Run("list shows it", func(t *testing.T) {
		if !slices.Contains(s.list(t, nil), "life") {
			t.Error("it is not in the list")
		}
	})
	return id
}

func (s *suite) changes(t *testing.T, id string) {
	t.Helper()
	t.Run("update changes what is given and keeps the rest", func(t *testing.T) {
		body := models.NewIdentityApiConnector()
		body.SetDisplayName(new("a new life"))
		s.patch(t, id, body)
		read := s.get(t, id)
		if *read.GetDisplayName() != "a new life" || *read.GetTargetUrl() != lifeURL {
			t.Errorf("read %q, %q", *read.GetDisplayName(), *read.GetTargetUrl())
		}
	})
	t.Run("update of the password alone keeps the user name", func(t *testing.T) {
		authentication := models.NewBasicAuthentication()
		authentication.SetPassword(new("another password"))
		body := models.NewIdentityApiConnector()
		body.SetAuthenticationConfiguration(authentication)
		s.patch(t, id, body)
		basic, ok := s.get(t, id).GetAuthenticationConfiguration().(models.BasicAuthenticationable)
		if !ok || *basic.GetUsername() != "user of life" {
			t.Error("the user name is gone")
		}
	})
}

func (s *suite) certificates(t *testing.T, id string) {
	t.Helper()
	first, second := pfx.New(t, "first", "open sesame"), pfx.New(t, "second", "")
	t.Run("update from Basic to a certificate", func(t *testing.T) {
		s.patch(t, id, certificateConnector(first))
		wantCertificates(t, s.get(t, id), first.Identity)
	})
	t.Run("uploadClientCertificate appends and answers the entity", func(t *testing.T) {
		answered, err := s.item(id).UploadClientCertificate().Post(t.Context(), upload(second), nil)
		if err != nil {
			t.Fatal(err)
		}
		wantCertificates(t, answered, first.Identity, second.Identity)
		wantCertificates(t, s.get(t, id), first.Identity, second.Identity)
	})
	t.Run("update with a certificate drops those before it", func(t *testing.T) {
		s.patch(t, id, certificateConnector(second))
		wantCertificates(t, s.get(t, id), second.Identity)
	})
	t.Run("update back to Basic", func(t *testing.T) {
		s.patch(t, id, basicConnector("life", lifeURL))
		wantBasic(t, s.get(t, id), "life")
	})
}

func (s *suite) end(t *testing.T, id string) {
	t.Helper()
	t.Run("delete answers nothing", func(t *testing.T) {
		if err := s.item(id).Delete(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("get afterwards answers 404", func(t *testing.T) {
		_, err := s.item(id).Get(t.Context(), nil)
		wantError(t, err, http.StatusNotFound, "ResourceNotFound", id)
	})
	t.Run("delete again answers 404", func(t *testing.T) {
		wantError(t, s.item(id).Delete(t.Context(), nil), http.StatusNotFound, "ResourceNotFound", id)
	})
}

// wantCertificates checks that a connector shows these certificates, the oldest upload first, of which the last one is
// active.
func wantCertificates(t *testing.T, connector models.IdentityApiConnectorable, want ...pfx.Identity) {
	t.Helper()
	shown, ok := connector.GetAuthenticationConfiguration().(models.ClientCertificateAuthenticationable)
	if !ok {
		t.Fatalf("authenticationConfiguration is %T, want clientCertificateAuthentication", connector.GetAuthenticationConfiguration())
	}
	list := shown.GetCertificateList()
	if len(list) != len(want) {
		t.Fatalf("certificateList has %d certificates, want %d", len(list), len(want))
	}
	for i, identity := range want {
		if got := *list[i].GetThumbprint(); got != identity.Thumbprint() {
			t.Errorf("certificate %d has thumbprint %s, want %s", i, got, identity.Thumbprint())
		}
		if *list[i].GetNotBefore() != identity.Certificate.NotBefore.Unix() || *list[i].GetNotAfter() != identity.Certificate.NotAfter.Unix() {
			t.Errorf("certificate %d is valid from %d to %d, want %d to %d", i, *list[i].GetNotBefore(), *list[i].GetNotAfter(),
				identity.Certificate.NotBefore.Unix(), identity.Certificate.NotAfter.Unix())
		}
		if active := *list[i].GetIsActive(); active != (i == len(want)-1) {
			t.Errorf("certificate %d has isActive %t", i, active)
		}
	}
}
