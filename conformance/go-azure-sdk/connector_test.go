package conformance

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/go-azure-sdk/microsoft-graph/common-types/stable"
	"github.com/hashicorp/go-azure-sdk/microsoft-graph/identity/stable/apiconnector"
	"github.com/hashicorp/go-azure-sdk/sdk/nullable"

	"github.com/patchbay/patchbay/conformance/harness/pfx"
)

// foundingExamples are the two examples of Microsoft's page "Update identityApiConnector".
func (s *suite) foundingExamples(t *testing.T) {
	t.Run("1: PATCH with Basic answers 204", func(t *testing.T) {
		s.patch(t, s.demo(), stable.IdentityApiConnector{
			DisplayName: nullable.Value("New Test API"), TargetUrl: nullable.Value("https://otherapi.com/api/endpoint"),
			AuthenticationConfiguration: stable.BasicAuthentication{
				Username: nullable.Value("<NEW_USERNAME>"), Password: nullable.Value("<NEW_PASSWORD>"),
			},
		})
		read := s.get(t, s.demo())
		basic, ok := read.AuthenticationConfiguration.(stable.BasicAuthentication)
		if !ok {
			t.Fatalf("reads back as %T, want BasicAuthentication", read.AuthenticationConfiguration)
		}
		if read.DisplayName.GetOrZero() != "New Test API" || read.TargetUrl.GetOrZero() != "https://otherapi.com/api/endpoint" ||
			basic.Username.GetOrZero() != "<NEW_USERNAME>" || basic.Password.GetOrZero() != "******" {
			t.Errorf("reads back as %q, %q, %q", read.DisplayName.GetOrZero(), read.TargetUrl.GetOrZero(), basic.Username.GetOrZero())
		}
	})
	t.Run("2: PATCH with PKCS#12 answers 204", func(t *testing.T) {
		file := pfx.New(t, "founding example", "<CERTIFICATE_PASSWORD>")
		s.patch(t, s.demo(), certificateConnector(file))
		read := s.get(t, s.demo())
		wantCertificates(t, read, file)
		if read.DisplayName.GetOrZero() != "New Test API" {
			t.Errorf("displayName was not kept: %q", read.DisplayName.GetOrZero())
		}
	})
}

// life follows one connector from its creation to its end; each check goes on where the one before it stopped.
func (s *suite) life(t *testing.T) {
	id := s.birth(t)
	s.changes(t, id)
	s.certificates(t, id)
	s.end(t, id)
}

const lifeURL = "https://api.contoso.example/life?code=a+b&x=ü"

func (s *suite) birth(t *testing.T) (id stable.IdentityApiConnectorId) {
	t.Helper()
	t.Run("create answers 201 with Location and the entity", func(t *testing.T) {
		created, err := s.client.CreateApiConnector(soon(t), basicConnector("life", lifeURL), apiconnector.DefaultCreateApiConnectorOperationOptions())
		if err != nil {
			t.Fatal(err)
		}
		id = connectorID(*created.Model.Id)
		location := created.HttpResponse.Header.Get("Location")
		if created.HttpResponse.StatusCode != http.StatusCreated || !strings.HasSuffix(location, *created.Model.Id) {
			t.Errorf("answered %d with Location %q", created.HttpResponse.StatusCode, location)
		}
		wantBasic(t, created.Model, "life", "user of life")
	})
	t.Run("get reads it back", func(t *testing.T) {
		read, err := s.client.GetApiConnector(soon(t), id, apiconnector.DefaultGetApiConnectorOperationOptions())
		if err != nil {
			t.Fatal(err)
		}
		wantBasic(t, read.Model, "life", "user of life")
		if *read.Model.Id != id.IdentityApiConnectorId || read.Model.TargetUrl.GetOrZero() != lifeURL {
			t.Errorf("read %q, %q", *read.Model.Id, read.Model.TargetUrl.GetOrZero())
		}
		if context := read.OData.Context; context == nil || !strings.HasSuffix(*context, "/v1.0/$metadata#identity/apiConnectors/$entity") {
			t.Errorf("@odata.context is %v", context)
		}
	})
	t.Run("list shows it", func(t *testing.T) {
		filter := "displayName eq 'life'"
		wantNames(t, s.list(t, apiconnector.ListApiConnectorsOperationOptions{Filter: &filter}), []string{"life"})
	})
	return id
}

func (s *suite) changes(t *testing.T, id stable.IdentityApiConnectorId) {
	t.Helper()
	t.Run("update changes what is given and keeps the rest", func(t *testing.T) {
		// The SDK sends "authenticationConfiguration": null with it.
		s.patch(t, id, stable.IdentityApiConnector{DisplayName: nullable.Value("a new life")})
		read := s.get(t, id)
		wantBasic(t, read, "a new life", "user of life")
		if read.TargetUrl.GetOrZero() != lifeURL {
			t.Errorf("targetUrl is %q", read.TargetUrl.GetOrZero())
		}
	})
	t.Run("update of the password alone keeps the user name", func(t *testing.T) {
		s.patch(t, id, stable.IdentityApiConnector{
			AuthenticationConfiguration: stable.BasicAuthentication{Password: nullable.Value("another password")},
		})
		wantBasic(t, s.get(t, id), "a new life", "user of life")
	})
}

func (s *suite) certificates(t *testing.T, id stable.IdentityApiConnectorId) {
	t.Helper()
	first, second := pfx.New(t, "first", "open sesame"), pfx.New(t, "second", "")
	t.Run("update from Basic to a certificate", func(t *testing.T) {
		s.patch(t, id, certificateConnector(first))
		wantCertificates(t, s.get(t, id), first)
	})
	t.Run("uploadClientCertificate appends and answers the entity", func(t *testing.T) {
		answered, err := s.client.CreateApiConnectorUploadClientCertificate(soon(t), id, upload(second),
			apiconnector.DefaultCreateApiConnectorUploadClientCertificateOperationOptions())
		if err != nil {
			t.Fatal(err)
		}
		wantCertificates(t, answered.Model, first, second)
		wantCertificates(t, s.get(t, id), first, second)
	})
	t.Run("update with a certificate drops those before it", func(t *testing.T) {
		s.patch(t, id, certificateConnector(second))
		wantCertificates(t, s.get(t, id), second)
	})
	t.Run("update back to Basic", func(t *testing.T) {
		s.patch(t, id, basicConnector("life", lifeURL))
		wantBasic(t, s.get(t, id), "life", "user of life")
	})
}

func (s *suite) end(t *testing.T, id stable.IdentityApiConnectorId) {
	t.Helper()
	t.Run("delete answers 204", func(t *testing.T) {
		answer, err := s.client.DeleteApiConnector(soon(t), id, apiconnector.DefaultDeleteApiConnectorOperationOptions())
		if err != nil || answer.HttpResponse.StatusCode != http.StatusNoContent {
			t.Fatalf("answered %v, %v", answer.HttpResponse, err)
		}
	})
	t.Run("get afterwards answers 404", func(t *testing.T) {
		answer, err := s.client.GetApiConnector(soon(t), id, apiconnector.DefaultGetApiConnectorOperationOptions())
		wantError(t, err, answer.HttpResponse, answer.OData, http.StatusNotFound, "ResourceNotFound", id.IdentityApiConnectorId)
	})
	t.Run("delete again answers 404", func(t *testing.T) {
		answer, err := s.client.DeleteApiConnector(soon(t), id, apiconnector.DefaultDeleteApiConnectorOperationOptions())
		wantError(t, err, answer.HttpResponse, answer.OData, http.StatusNotFound, "ResourceNotFound", id.IdentityApiConnectorId)
	})
}

func upload(file pfx.File) apiconnector.CreateApiConnectorUploadClientCertificateRequest {
	return apiconnector.CreateApiConnectorUploadClientCertificateRequest{
		Pkcs12Value: nullable.Value(file.Value), Password: nullable.Value(file.Password),
	}
}

// wantBasic checks that a connector authenticates with Basic, under these names, and shows no password.
func wantBasic(t *testing.T, connector *stable.IdentityApiConnector, name, username string) {
	t.Helper()
	basic, ok := connector.AuthenticationConfiguration.(stable.BasicAuthentication)
	if !ok || connector.DisplayName.GetOrZero() != name || basic.Username.GetOrZero() != username || basic.Password.GetOrZero() != "******" {
		t.Errorf("it is %q with %T of %q", connector.DisplayName.GetOrZero(), connector.AuthenticationConfiguration, basic.Username.GetOrZero())
	}
}

// wantCertificates checks that a connector shows these certificates, the oldest upload first, of which the last one is
// active.
func wantCertificates(t *testing.T, connector *stable.IdentityApiConnector, want ...pfx.File) {
	t.Helper()
	shown, ok := connector.AuthenticationConfiguration.(stable.ClientCertificateAuthentication)
	if !ok || shown.CertificateList == nil {
		t.Fatalf("authenticationConfiguration is %T, want ClientCertificateAuthentication with a list", connector.AuthenticationConfiguration)
	}
	list := *shown.CertificateList
	if len(list) != len(want) {
		t.Fatalf("certificateList has %d certificates, want %d", len(list), len(want))
	}
	for i, file := range want {
		if got := list[i].Thumbprint.GetOrZero(); got != file.Thumbprint() {
			t.Errorf("certificate %d has thumbprint %s, want %s", i, got, file.Thumbprint())
		}
		if *list[i].NotBefore != file.Certificate.NotBefore.Unix() || *list[i].NotAfter != file.Certificate.NotAfter.Unix() {
			t.Errorf("certificate %d is valid from %d to %d", i, *list[i].NotBefore, *list[i].NotAfter)
		}
		if active := *list[i].IsActive; active != (i == len(want)-1) {
			t.Errorf("certificate %d has isActive %t", i, active)
		}
	}
}
