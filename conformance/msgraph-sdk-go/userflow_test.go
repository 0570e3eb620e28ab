package conformance

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/microsoftgraph/msgraph-sdk-go/identity"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
)

// userFlows follows one user flow and the connector that its steps call; each check goes on where the one before it stopped.
func (s *suite) userFlows(t *testing.T) {
	connector := *s.create(t, "of a user flow").GetId()
	flows := s.client.Identity().B2xUserFlows()
	flow := flows.ByB2xIdentityUserFlowId("B2X_1_sdk")
	t.Run("create a user flow with a link", func(t *testing.T) {
		linked := models.NewIdentityApiConnector()
		linked.SetId(&connector)
		configuration := models.NewUserFlowApiConnectorConfiguration()
		configuration.SetPostFederationSignup(linked)
		body := models.NewB2xIdentityUserFlow()
		body.SetId(new("sdk"))
		body.SetUserFlowType(new(models.SIGNUPORSIGNIN_USERFLOWTYPE))
		body.SetUserFlowTypeVersion(new(float32(1)))
		body.SetApiConnectorConfiguration(configuration)
		created, err := flows.Post(t.Context(), body, nil)
		if err != nil {
			t.Fatal(err)
		}
		if *created.GetId() != "B2X_1_sdk" || *created.GetUserFlowType() != models.SIGNUPORSIGNIN_USERFLOWTYPE || *created.GetUserFlowTypeVersion() != 1 {
			t.Errorf("created %q, %v, %v", *created.GetId(), *created.GetUserFlowType(), *created.GetUserFlowTypeVersion())
		}
		_, err = flows.Post(t.Context(), body, nil)
		wantError(t, err, http.StatusConflict, "Conflict", "B2X_1_sdk")
	})
	t.Run("list and get show the user flow", func(t *testing.T) {
		page, err := flows.Get(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		listed := slices.ContainsFunc(page.GetValue(), func(f models.B2xIdentityUserFlowable) bool { return *f.GetId() == "B2X_1_sdk" })
		if !listed { // beside the demonstration's
			t.Errorf("list: %v", page.GetValue())
		}
		if read, err := flow.Get(t.Context(), nil); err != nil || *read.GetId() != "B2X_1_sdk" {
			t.Errorf("get: %v, %v", read, err)
		}
	})
	t.Run("$expand shows the linked connector, and null where there is none", func(t *testing.T) {
		read := s.expand(t, flow)
		if c := read.GetPostFederationSignup(); c == nil || *c.GetId() != connector || *c.GetDisplayName() != "of a user flow" {
			t.Errorf("postFederationSignup is %v", c)
		}
		if c := read.GetPostAttributeCollection(); c != nil {
			t.Errorf("postAttributeCollection is %v", c)
		}
	})
	s.references(t, flow, connector)
	t.Run("a connector in use is not deleted, and the flow goes without it", func(t *testing.T) {
		wantError(t, s.item(connector).Delete(t.Context(), nil), http.StatusConflict, "Conflict", "B2X_1_sdk")
		if err := flow.Delete(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		wantError(t, flow.Delete(t.Context(), nil), http.StatusNotFound, "ResourceNotFound", "B2X_1_sdk")
		s.get(t, connector)
	})
}

// references are the checks of $ref and of the connector behind a step.
func (s *suite) references(t *testing.T, flow *identity.B2xUserFlowsB2xIdentityUserFlowItemRequestBuilder, connector string) {
	t.Helper()
	step := flow.ApiConnectorConfiguration().PostAttributeCollection()
	t.Run("PUT $ref links a step, and an empty body unlinks it", func(t *testing.T) {
		reference := models.NewReferenceUpdate()
		reference.SetOdataId(new("https://graph.microsoft.com/v1.0/identity/apiConnectors/" + connector))
		if err := step.Ref().Put(t.Context(), reference, nil); err != nil {
			t.Fatal(err)
		}
		if c := s.expand(t, flow).GetPostAttributeCollection(); c == nil || *c.GetId() != connector {
			t.Errorf("postAttributeCollection is %v", c)
		}
		if err := step.Ref().Put(t.Context(), models.NewReferenceUpdate(), nil); err != nil {
			t.Fatal(err)
		}
		if c := s.expand(t, flow).GetPostAttributeCollection(); c != nil {
			t.Errorf("postAttributeCollection is %v", c)
		}
	})
	t.Run("the connector of a step changes as one of its own", func(t *testing.T) {
		step := flow.ApiConnectorConfiguration().PostFederationSignup()
		body := models.NewIdentityApiConnector()
		body.SetTargetUrl(new("https://api.contoso.example/by-step"))
		if _, err := step.Patch(t.Context(), body, nil); err != nil {
			t.Fatal(err)
		}
		read, err := step.Get(t.Context(), nil)
		if err != nil || *read.GetId() != connector || !strings.HasSuffix(*read.GetTargetUrl(), "/by-step") {
			t.Errorf("read %v, %v", read, err)
		}
	})
	t.Run("DELETE $ref unlinks a step", func(t *testing.T) {
		reference := models.NewReferenceUpdate()
		reference.SetOdataId(new("identity/apiConnectors/" + connector))
		if err := step.Ref().Put(t.Context(), reference, nil); err != nil {
			t.Fatal(err)
		}
		if err := step.Ref().Delete(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		_, err := step.Get(t.Context(), nil)
		wantError(t, err, http.StatusNotFound, "ResourceNotFound", "postAttributeCollection")
	})
}

// expand reads the connectors of a user flow.
func (s *suite) expand(t *testing.T, flow *identity.B2xUserFlowsB2xIdentityUserFlowItemRequestBuilder) models.UserFlowApiConnectorConfigurationable {
	t.Helper()
	read, err := flow.ApiConnectorConfiguration().Get(t.Context(), &identity.B2xUserFlowsItemApiConnectorConfigurationRequestBuilderGetRequestConfiguration{
		QueryParameters: &identity.B2xUserFlowsItemApiConnectorConfigurationRequestBuilderGetQueryParameters{
			Expand: []string{"postFederationSignup", "postAttributeCollection"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return read
}
