package conformance

import (
	"net/http"
	"testing"
)

// userFlows follows a user flow whose two steps call one connector; each check goes on where the one before it stopped.
func (s *suite) userFlows(t *testing.T) {
	const flow = "b2xUserFlows/B2X_1_terraform"
	w := s.usual(t, "userflow", nil)
	var id string
	t.Run("create a user flow with a link", func(t *testing.T) {
		w.apply(t)
		id = w.id(t)
		s.wantSteps(t, flow, id, id)
	})
	t.Run("the configuration is read with $expand", func(t *testing.T) {
		var steps map[string]string
		w.output(t, "steps", &steps)
		if steps["federation"] != id || steps["collection"] != id {
			t.Errorf("the steps call %v, want %s", steps, id)
		}
	})
	t.Run("the second plan is empty", func(t *testing.T) { w.wantPlan(t) })
	t.Run("PUT $ref links a step again that was unlinked behind its back", func(t *testing.T) {
		s.graph.must(t, http.MethodDelete, flow+"/apiConnectorConfiguration/postAttributeCollection/$ref", nil, nil)
		w.must(t, "apply", "-auto-approve", "-replace=msgraph_resource_action.link")
		s.wantSteps(t, flow, id, id)
	})
	t.Run("import: a user flow that was forgotten is known again", func(t *testing.T) {
		w.must(t, "state", "rm", "msgraph_resource.flow")
		w.must(t, "import", "msgraph_resource.flow", "/identity/"+flow)
		// The provider imports no body and would PATCH all of it, which Graph has no operation for.
		w.write(t, "main_override.tf", ignoring("flow"))
		w.wantPlan(t)
	})
	t.Run("destroy deletes the flow before its connector", func(t *testing.T) {
		w.must(t, "destroy", "-auto-approve")
		s.graph.wantGone(t, flow)
		s.graph.wantGone(t, "apiConnectors/"+id)
		for _, request := range s.relay.Seen(t) {
			if request.Method == http.MethodDelete && request.Status == http.StatusConflict && request.Target == "/v1.0/identity/apiConnectors/"+id {
				t.Error("the connector was to be deleted while the flow used it")
			}
		}
	})
}

// wantSteps checks which connectors the steps of a user flow call.
func (s *suite) wantSteps(t *testing.T, flow, federation, collection string) {
	t.Helper()
	var read struct {
		Federation *connector `json:"postFederationSignup"`
		Collection *connector `json:"postAttributeCollection"`
	}
	s.graph.must(t, http.MethodGet, flow+"/apiConnectorConfiguration?$expand=postFederationSignup,postAttributeCollection", nil, &read)
	if read.Federation == nil || read.Federation.ID != federation || read.Collection == nil || read.Collection.ID != collection {
		t.Errorf("the steps call %+v and %+v, want %s and %s", read.Federation, read.Collection, federation, collection)
	}
}
