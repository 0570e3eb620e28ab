package conformance

import (
	"net/http"
	"testing"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	msgraphcore "github.com/microsoftgraph/msgraph-sdk-go-core"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/models/odataerrors"
)

// batch checks the SDK's batch builder.
func (s *suite) batch(t *testing.T) {
	mapping := abstractions.ErrorMappings{
		"4XX": odataerrors.CreateODataErrorFromDiscriminatorValue,
		"5XX": odataerrors.CreateODataErrorFromDiscriminatorValue,
	}
	if err := msgraphcore.RegisterError(msgraphcore.BatchRequestErrorRegistryKey, mapping); err != nil {
		t.Fatal(err)
	}
	t.Run("reads, writes and fails, each step for itself", func(t *testing.T) {
		id := *s.create(t, "batched").GetId()
		request := msgraphcore.NewBatchRequest(s.client.GetAdapter())
		change := models.NewIdentityApiConnector()
		change.SetDisplayName(new("batched and changed"))
		patch := s.step(t, request)(s.item(id).ToPatchRequestInformation(t.Context(), change, nil))
		read := s.step(t, request)(s.item(id).ToGetRequestInformation(t.Context(), nil))
		read.DependsOnItem(patch)
		missing := s.step(t, request)(s.item("no-such-connector").ToGetRequestInformation(t.Context(), nil))

		answer, err := request.Send(t.Context(), s.client.GetAdapter())
		if err != nil {
			t.Fatal(err)
		}
		if status := *answer.GetResponseById(*patch.GetId()).GetStatus(); status != http.StatusNoContent {
			t.Errorf("the PATCH step answered %d, want 204", status)
		}
		connector, err := msgraphcore.GetBatchResponseById[models.IdentityApiConnectorable](answer, *read.GetId(), models.CreateIdentityApiConnectorFromDiscriminatorValue)
		if err != nil {
			t.Fatal(err)
		}
		wantBasic(t, connector, "batched and changed")
		_, err = msgraphcore.GetBatchResponseById[models.IdentityApiConnectorable](answer, *missing.GetId(), models.CreateIdentityApiConnectorFromDiscriminatorValue)
		if failure := graphError(t, err); *failure.GetErrorEscaped().GetCode() != "ResourceNotFound" {
			t.Errorf("the step that must fail has code %s", *failure.GetErrorEscaped().GetCode())
		}
	})
	t.Run("a step whose dependency failed answers 424", func(t *testing.T) {
		request := msgraphcore.NewBatchRequest(s.client.GetAdapter())
		missing := s.step(t, request)(s.item("no-such-connector").ToGetRequestInformation(t.Context(), nil))
		dependent := s.step(t, request)(s.connectors().ToGetRequestInformation(t.Context(), nil))
		dependent.DependsOnItem(missing)
		answer, err := request.Send(t.Context(), s.client.GetAdapter())
		if err != nil {
			t.Fatal(err)
		}
		if status := *answer.GetResponseById(*dependent.GetId()).GetStatus(); status != http.StatusFailedDependency {
			t.Errorf("answered %d, want 424", status)
		}
	})
	t.Run("a full batch of 20", func(t *testing.T) {
		request := msgraphcore.NewBatchRequest(s.client.GetAdapter())
		for range 20 {
			s.step(t, request)(s.demo().ToGetRequestInformation(t.Context(), nil))
		}
		answer, err := request.Send(t.Context(), s.client.GetAdapter())
		if err != nil {
			t.Fatal(err)
		}
		if n := len(answer.GetResponses()); n != 20 {
			t.Fatalf("%d steps were answered, want 20", n)
		}
		for _, response := range answer.GetResponses() {
			if *response.GetStatus() != http.StatusOK {
				t.Errorf("a step answered %d", *response.GetStatus())
			}
		}
	})
}

// step adds what a request builder made to a batch.
func (s *suite) step(t *testing.T, to msgraphcore.BatchRequest) func(*abstractions.RequestInformation, error) msgraphcore.BatchItem {
	t.Helper()
	return func(information *abstractions.RequestInformation, err error) msgraphcore.BatchItem {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		item, err := to.AddBatchRequestStep(*information)
		if err != nil {
			t.Fatal(err)
		}
		return item
	}
}
