package conformance

import (
	"net/http"
	"net/url"
	"testing"
)

// applications are clients with a service account.
func (s *suite) applications(t *testing.T) {
	k, p := s.keycloak, s.patchbay
	t.Run("a client with ReadWrite.All reads and writes", func(t *testing.T) {
		token := k.application(t, "contoso", "terraform")
		id := s.create(t, token, "by an application")
		p.want(t, http.StatusNoContent, token, http.MethodPatch, connectors+"/"+id, object{"displayName": "changed"})
		if got := p.want(t, http.StatusOK, token, http.MethodGet, connectors+"/"+id, nil); got.body["displayName"] != "changed" {
			t.Errorf("displayName is %v", got.body["displayName"])
		}
		p.want(t, http.StatusNoContent, token, http.MethodDelete, connectors+"/"+id, nil)
	})
	t.Run("a client with Read.All reads, and its write is 403", func(t *testing.T) {
		token := k.application(t, "contoso", "reader")
		p.want(t, http.StatusOK, token, http.MethodGet, connectors+"/"+s.connector, nil)
		wantForbidden(t, p.call(t, token, http.MethodPost, connectors, s.body("forbidden")), "APIConnectors.ReadWrite.All")
	})
	t.Run("a client without a role is 403 with the names of those that would do", func(t *testing.T) {
		wantForbidden(t, p.call(t, k.application(t, "contoso", "nobody"), http.MethodGet, connectors, nil), "APIConnectors.Read.All", "APIConnectors.ReadWrite.All")
	})
	t.Run("a permission that is taken away is gone with the next token", func(t *testing.T) {
		old := k.application(t, "contoso", "reader")
		k.role(t, http.MethodDelete, "contoso", "reader", "APIConnectors.Read.All")
		wantForbidden(t, p.call(t, k.application(t, "contoso", "reader"), http.MethodGet, connectors, nil))
		p.want(t, http.StatusOK, old, http.MethodGet, connectors, nil)
	})
	t.Run("a permission that is given is there with the next token", func(t *testing.T) {
		k.role(t, http.MethodPost, "contoso", "reader", "APIConnectors.ReadWrite.All")
		s.create(t, k.application(t, "contoso", "reader"), "by a reader that may write now")
	})
}

// people sign in to the documented console.
func (s *suite) people(t *testing.T) {
	k, p := s.keycloak, s.patchbay
	t.Run("who signs in, and is in the group, reads and writes", func(t *testing.T) {
		token := k.signIn(t, "contoso", "ada").Access
		id := s.create(t, token, "by a person")
		p.want(t, http.StatusOK, token, http.MethodGet, flows, nil)
		p.want(t, http.StatusNoContent, token, http.MethodDelete, connectors+"/"+id, nil)
	})
	t.Run("the audit log names the person", func(t *testing.T) {
		s.wantAudited(t, "by a person", "user", "userPrincipalName", "ada")
	})
	t.Run("the audit log names the application", func(t *testing.T) {
		s.wantAudited(t, "by an application", "app", "appId", "terraform")
	})
	t.Run("who is not in the group is 403, whatever roles they have", func(t *testing.T) {
		wantForbidden(t, p.call(t, k.signIn(t, "contoso", "linus").Access, http.MethodGet, connectors, nil), "External ID User Flow Administrator")
	})
	t.Run("a person's application may do no more than its scope", func(t *testing.T) {
		// Ada has the role that receipts ask for, and the console may not use it for her.
		wantForbidden(t, p.call(t, k.signIn(t, "contoso", "ada").Access, http.MethodGet, "/runtime/v1/invocations", nil), "UserFlowInvocation.Read.All")
	})
	t.Run("who leaves the group is 403 with the next token", func(t *testing.T) {
		session := k.signIn(t, "contoso", "grace")
		p.want(t, http.StatusOK, session.Access, http.MethodGet, connectors, nil)
		k.leave(t, "contoso", "grace")
		wantForbidden(t, p.call(t, k.renew(t, "contoso", session).Access, http.MethodGet, connectors, nil))
	})
	t.Run("a person's token without scp is 401, whatever roles it has", func(t *testing.T) {
		form := url.Values{"grant_type": {"password"}, "client_id": {"legacy"}, "username": {"linus"}, "password": {password}}
		s.wantUnauthenticated(t, k.ask(t, "contoso", form).Access, "The token is of a user but carries no delegated scope")
	})
}

// wantAudited checks who made a connector of that name, according to the audit log.
func (s *suite) wantAudited(t *testing.T, connector, kind, member, name string) {
	t.Helper()
	log := s.patchbay.want(t, http.StatusOK, s.keycloak.application(t, "contoso", "auditor"), http.MethodGet, audits, nil)
	for _, entry := range log.body["value"].([]any) {
		targets, _ := entry.(object)["targetResources"].([]any)
		if len(targets) == 0 || targets[0].(object)["displayName"] != connector {
			continue
		}
		by, _ := entry.(object)["initiatedBy"].(object)[kind].(object)
		if by[member] != name {
			t.Errorf("%s %q did it, want %q: %v", kind, by[member], name, by)
		}
		return
	}
	t.Errorf("there is no entry for %q among %d", connector, len(log.body["value"].([]any)))
}

// tenants are the two realms.
func (s *suite) tenants(t *testing.T) {
	k, p := s.keycloak, s.patchbay
	t.Run("404 for another realm's connector", func(t *testing.T) {
		neighbour := k.application(t, "fabrikam", "terraform")
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			if got := p.want(t, http.StatusNotFound, neighbour, method, connectors+"/"+s.connector, nil); got.code() != "ResourceNotFound" {
				t.Errorf("%s answered %s", method, got.code())
			}
		}
		if list := p.want(t, http.StatusOK, neighbour, http.MethodGet, connectors, nil).body["value"].([]any); len(list) != 0 {
			t.Errorf("the neighbour's list has %d connectors, want none", len(list))
		}
		p.want(t, http.StatusOK, k.application(t, "contoso", "terraform"), http.MethodGet, connectors+"/"+s.connector, nil)
	})
	t.Run("a person of another realm sees nothing of it either", func(t *testing.T) {
		p.want(t, http.StatusNotFound, k.signIn(t, "fabrikam", "ada").Access, http.MethodGet, connectors+"/"+s.connector, nil)
	})
	t.Run("a realm cannot claim another's tenant", func(t *testing.T) {
		token := k.application(t, "fabrikam", "impostor")
		if claimsOf(t, token)["tid"] != p.contoso {
			t.Fatal("the token does not claim it, so that nothing is checked")
		}
		p.want(t, http.StatusNotFound, token, http.MethodGet, connectors+"/"+s.connector, nil)
	})
	t.Run("a realm that is not configured is 401", func(t *testing.T) {
		form := url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"conformance"}, "password": {"conformance"}}
		s.wantUnauthenticated(t, k.ask(t, "master", form).Access, "Invalid issuer")
	})
}
