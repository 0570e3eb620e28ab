package conformance

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-azure-sdk/microsoft-graph/common-types/stable"
	"github.com/hashicorp/go-azure-sdk/microsoft-graph/identity/stable/apiconnector"
	"github.com/hashicorp/go-azure-sdk/microsoft-graph/identity/stable/b2xuserflow"
	configuration "github.com/hashicorp/go-azure-sdk/microsoft-graph/identity/stable/b2xuserflowapiconnectorconfiguration"
	collection "github.com/hashicorp/go-azure-sdk/microsoft-graph/identity/stable/b2xuserflowapiconnectorconfigurationpostattributecollection"
	federation "github.com/hashicorp/go-azure-sdk/microsoft-graph/identity/stable/b2xuserflowapiconnectorconfigurationpostfederationsignup"
	"github.com/hashicorp/go-azure-sdk/sdk/client"
	"github.com/hashicorp/go-azure-sdk/sdk/nullable"
	"github.com/hashicorp/go-azure-sdk/sdk/odata"
)

const flowID = "B2X_1_azure"

// flows are the SDK's clients of user flows: it has one for each path.
type flows struct {
	*suite
	flow          stable.IdentityB2xUserFlowId
	connector     stable.IdentityApiConnectorId
	flows         *b2xuserflow.B2xUserFlowClient
	configuration *configuration.B2xUserFlowApiConnectorConfigurationClient
	collection    *collection.B2xUserFlowApiConnectorConfigurationPostAttributeCollectionClient
	federation    *federation.B2xUserFlowApiConnectorConfigurationPostFederationSignupClient
}

// newFlows makes them.
func (s *suite) newFlows(t *testing.T) *flows {
	t.Helper()
	f := &flows{suite: s, flow: stable.NewIdentityB2xUserFlowID(flowID), connector: s.create(t, "of a user flow")}
	api := graphAPI(s.server.Env["PATCHBAY_URL"])
	var errs [4]error
	f.flows, errs[0] = b2xuserflow.NewB2xUserFlowClientWithBaseURI(api)
	f.configuration, errs[1] = configuration.NewB2xUserFlowApiConnectorConfigurationClientWithBaseURI(api)
	f.collection, errs[2] = collection.NewB2xUserFlowApiConnectorConfigurationPostAttributeCollectionClientWithBaseURI(api)
	f.federation, errs[3] = federation.NewB2xUserFlowApiConnectorConfigurationPostFederationSignupClientWithBaseURI(api)
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	f.flows.Client.SetAuthorizer(s.client.Client.Authorizer)
	f.configuration.Client.SetAuthorizer(s.client.Client.Authorizer)
	f.collection.Client.SetAuthorizer(s.client.Client.Authorizer)
	f.federation.Client.SetAuthorizer(s.client.Client.Authorizer)
	return f
}

// userFlows follows one user flow and the connector that its steps call; each check goes on where the one before it stopped.
func (s *suite) userFlows(t *testing.T) {
	f := s.newFlows(t)
	f.creation(t)
	t.Run("list and get show the user flow", func(t *testing.T) {
		page, err := f.flows.ListB2xUserFlows(soon(t), b2xuserflow.DefaultListB2xUserFlowsOperationOptions())
		if err != nil || !slices.ContainsFunc(*page.Model, func(shown stable.B2xIdentityUserFlow) bool { return *shown.Id == flowID }) {
			t.Fatalf("list: %v, %v", page.Model, err)
		}
		read, err := f.flows.GetB2xUserFlow(soon(t), f.flow, b2xuserflow.DefaultGetB2xUserFlowOperationOptions())
		if err != nil || *read.Model.Id != flowID || *read.Model.UserFlowType != stable.UserFlowType_SignUpOrSignIn {
			t.Errorf("get: %v, %v", read.Model, err)
		}
	})
	t.Run("$expand shows the linked connector, and null where there is none", func(t *testing.T) {
		if c := f.expand(t, "postFederationSignup").PostFederationSignup; c == nil || *c.Id != f.connector.IdentityApiConnectorId || c.DisplayName.GetOrZero() != "of a user flow" {
			t.Errorf("postFederationSignup is %v", c)
		}
		if c := f.expand(t, "postAttributeCollection").PostAttributeCollection; c != nil {
			t.Errorf("postAttributeCollection is %v", c)
		}
	})
	f.references(t)
	t.Run("a connector in use is not deleted, and the flow goes without it", func(t *testing.T) {
		kept, err := f.client.DeleteApiConnector(soon(t), f.connector, apiconnector.DefaultDeleteApiConnectorOperationOptions())
		wantError(t, err, kept.HttpResponse, kept.OData, http.StatusConflict, "Conflict", flowID)
		if _, err := f.flows.DeleteB2xUserFlow(soon(t), f.flow, b2xuserflow.DefaultDeleteB2xUserFlowOperationOptions()); err != nil {
			t.Fatal(err)
		}
		gone, err := f.flows.DeleteB2xUserFlow(soon(t), f.flow, b2xuserflow.DefaultDeleteB2xUserFlowOperationOptions())
		wantError(t, err, gone.HttpResponse, gone.OData, http.StatusNotFound, "ResourceNotFound", flowID)
		f.get(t, f.connector)
	})
}

func (f *flows) creation(t *testing.T) {
	t.Helper()
	signUp := stable.UserFlowType_SignUpOrSignIn
	body := stable.B2xIdentityUserFlow{Id: new("azure"), UserFlowType: &signUp}
	t.Run("400 for a user flow without userFlowTypeVersion, for which the SDK's model has no field", func(t *testing.T) {
		answer, err := f.flows.CreateB2xUserFlow(soon(t), body, b2xuserflow.DefaultCreateB2xUserFlowOperationOptions())
		wantError(t, err, answer.HttpResponse, answer.OData, http.StatusBadRequest, "AADB2C", "userFlowTypeVersion")
	})
	t.Run("create a user flow with a link", func(t *testing.T) {
		f.flows.Client.RequestMiddlewares = &[]client.RequestMiddleware{addVersion}
		defer func() { f.flows.Client.RequestMiddlewares = nil }()
		// The SDK sends "authenticationConfiguration": null and an @odata.type with the id.
		body.ApiConnectorConfiguration = &stable.UserFlowApiConnectorConfiguration{
			PostFederationSignup: &stable.IdentityApiConnector{Id: &f.connector.IdentityApiConnectorId},
		}
		created, err := f.flows.CreateB2xUserFlow(soon(t), body, b2xuserflow.DefaultCreateB2xUserFlowOperationOptions())
		if err != nil {
			t.Fatal(err)
		}
		if *created.Model.Id != flowID || *created.Model.UserFlowType != signUp {
			t.Errorf("created %q, %v", *created.Model.Id, *created.Model.UserFlowType)
		}
		again, err := f.flows.CreateB2xUserFlow(soon(t), body, b2xuserflow.DefaultCreateB2xUserFlowOperationOptions())
		wantError(t, err, again.HttpResponse, again.OData, http.StatusConflict, "Conflict", flowID)
	})
}

// addVersion is a middleware of the SDK: it adds the property that the model lacks.
func addVersion(request *http.Request) (*http.Request, error) {
	var body map[string]any
	if err := json.NewDecoder(request.Body).Decode(&body); err != nil {
		return nil, err
	}
	body["userFlowTypeVersion"] = 1
	text, err := json.Marshal(body)
	request.Body, request.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return request, err
}

// references are the checks of $ref and of the connector behind a step.
func (f *flows) references(t *testing.T) {
	t.Helper()
	set := collection.DefaultSetB2xUserFlowApiConnectorConfigurationPostAttributeCollectionRefOperationOptions()
	reference := stable.ReferenceUpdate{ODataId: new(graph + "/v1.0/identity/apiConnectors/" + f.connector.IdentityApiConnectorId)}
	link := func(t *testing.T, reference stable.ReferenceUpdate) {
		t.Helper()
		if _, err := f.collection.SetB2xUserFlowApiConnectorConfigurationPostAttributeCollectionRef(soon(t), f.flow, reference, set); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("PUT $ref links a step, and an empty body unlinks it", func(t *testing.T) {
		link(t, reference)
		if c := f.expand(t, "postAttributeCollection").PostAttributeCollection; c == nil || *c.Id != f.connector.IdentityApiConnectorId {
			t.Errorf("postAttributeCollection is %v", c)
		}
		link(t, stable.ReferenceUpdate{})
		if c := f.expand(t, "postAttributeCollection").PostAttributeCollection; c != nil {
			t.Errorf("postAttributeCollection is %v", c)
		}
	})
	t.Run("the connector of a step changes as one of its own", func(t *testing.T) {
		_, err := f.federation.UpdateB2xUserFlowApiConnectorConfigurationPostFederationSignup(soon(t), f.flow,
			stable.IdentityApiConnector{TargetUrl: nullable.Value("https://api.contoso.example/by-step")},
			federation.DefaultUpdateB2xUserFlowApiConnectorConfigurationPostFederationSignupOperationOptions())
		if err != nil {
			t.Fatal(err)
		}
		read, err := f.federation.GetB2xUserFlowApiConnectorConfigurationPostFederationSignup(soon(t), f.flow,
			federation.DefaultGetB2xUserFlowApiConnectorConfigurationPostFederationSignupOperationOptions())
		if err != nil || *read.Model.Id != f.connector.IdentityApiConnectorId || !strings.HasSuffix(read.Model.TargetUrl.GetOrZero(), "/by-step") {
			t.Errorf("read %v, %v", read.Model, err)
		}
	})
	t.Run("GET $ref names the connector", func(t *testing.T) {
		named, err := f.federation.GetB2xUserFlowApiConnectorConfigurationPostFederationSignupRef(soon(t), f.flow,
			federation.DefaultGetB2xUserFlowApiConnectorConfigurationPostFederationSignupRefOperationOptions())
		if err != nil {
			t.Fatal(err)
		}
		if named.OData == nil || named.OData.Id == nil || !strings.Contains(string(*named.OData.Id), f.connector.IdentityApiConnectorId) {
			t.Errorf("it names %v", named.OData)
		}
	})
	t.Run("DELETE $ref unlinks a step", func(t *testing.T) {
		link(t, reference)
		if _, err := f.collection.RemoveB2xUserFlowApiConnectorConfigurationPostAttributeCollectionRef(soon(t), f.flow,
			collection.DefaultRemoveB2xUserFlowApiConnectorConfigurationPostAttributeCollectionRefOperationOptions()); err != nil {
			t.Fatal(err)
		}
		read, err := f.collection.GetB2xUserFlowApiConnectorConfigurationPostAttributeCollection(soon(t), f.flow,
			collection.DefaultGetB2xUserFlowApiConnectorConfigurationPostAttributeCollectionOperationOptions())
		wantError(t, err, read.HttpResponse, read.OData, http.StatusNotFound, "ResourceNotFound", "postAttributeCollection")
	})
}

// expand reads the connector of one step; the SDK can expand one only.
func (f *flows) expand(t *testing.T, step string) *stable.UserFlowApiConnectorConfiguration {
	t.Helper()
	read, err := f.configuration.GetB2xUserFlowApiConnectorConfiguration(soon(t), f.flow, configuration.GetB2xUserFlowApiConnectorConfigurationOperationOptions{
		Expand: &odata.Expand{Relationship: step},
	})
	if err != nil {
		t.Fatal(err)
	}
	return read.Model
}
