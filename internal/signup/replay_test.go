package signup_test

import (
	"context"
	"strings"
	"testing"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/manage"
	"github.com/patchbay/patchbay/internal/signup"
)

func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(t.Context())
}

func patchURL(url string) manage.ConnectorPatch { return manage.ConnectorPatch{TargetURL: &url} }

func patchAuthentication(given *manage.AuthenticationGiven) manage.ConnectorPatch {
	return manage.ConnectorPatch{Authentication: given}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := request("a@b.example")
	r.Claims["identities"] = []apiconn.Identity{{SignInType: "federated", Issuer: "facebook.com", IssuerAssignedID: "1"}}
	r.UILocales = "fr-FR"
	original := b.run(t, r)

	t.Run("the same URL, with the claims given again", func(t *testing.T) {
		d, err := b.service.Replay(t.Context(), b.Operator, original.InvocationID, signup.ReplayRequest{Claims: r.Claims, UILocales: r.UILocales})
		if err != nil || d.Action != apiconn.Continue || d.InvocationID == original.InvocationID {
			t.Fatalf("%+v, %v", d, err)
		}
		if inv := b.receipt(t, d); inv.ReplayOf != original.InvocationID || inv.Credential.Username != userName {
			t.Errorf("receipt: %+v", inv)
		}
	})
	t.Run("another origin gets no credential", func(t *testing.T) {
		other := newEndpoint(t)
		b.trust(t, other)
		defer b.trust(t, b.endpoint)
		d, err := b.service.Replay(t.Context(), b.Operator, original.InvocationID, signup.ReplayRequest{
			TargetURL: other.URL + "/elsewhere", Claims: r.Claims, UILocales: r.UILocales,
		})
		if err != nil || d.Action != apiconn.Continue || len(other.seen()) != 1 {
			t.Fatalf("%+v, %v, %d calls", d, err, len(other.seen()))
		}
		if got := other.seen()[0].header.Get("Authorization"); got != "" {
			t.Error("another origin was sent the connector's password")
		}
		if inv := b.receipt(t, d); !strings.HasPrefix(inv.Target, other.URL) || inv.Credential.Type != "" {
			t.Errorf("receipt: target %s, credential %+v", inv.Target, inv.Credential)
		}
	})
	t.Run("another path of the same origin gets it", func(t *testing.T) {
		if _, err := b.service.Replay(t.Context(), b.Operator, original.InvocationID, signup.ReplayRequest{
			TargetURL: b.endpoint.URL + "/v2", Claims: r.Claims, UILocales: r.UILocales,
		}); err != nil {
			t.Fatal(err)
		}
		calls := b.endpoint.seen()
		if calls[len(calls)-1].header.Get("Authorization") == "" {
			t.Error("the connector's own origin was sent no credential")
		}
	})
	t.Run("refused", func(t *testing.T) {
		calls := len(b.endpoint.seen())
		for name, tt := range map[string]struct {
			who     auth.Caller
			id      string
			request signup.ReplayRequest
			kind    apiconn.Kind
			says    string
		}{
			"other claims":         {b.Operator, original.InvocationID, signup.ReplayRequest{Claims: apiconn.Claims{"email": "x@b.example"}, UILocales: r.UILocales}, apiconn.Invalid, "'email', 'identities' (absent)"},
			"no values kept":       {b.Operator, original.InvocationID, signup.ReplayRequest{}, apiconn.Invalid, "no values"},
			"unknown invocation":   {b.Operator, "00000000-0000-4000-8000-000000000000", signup.ReplayRequest{}, apiconn.NotFound, ""},
			"another tenant's":     {auth.Local().WithTenant("00000000-0000-4000-8000-000000000001"), original.InvocationID, signup.ReplayRequest{}, apiconn.NotFound, ""},
			"no right to URLs":     {b.Operator.Limit(auth.UserFlowsInvokeAll, auth.UserFlowInvocationReadAll), original.InvocationID, signup.ReplayRequest{TargetURL: "https://x.example"}, apiconn.Forbidden, "APIConnectors.ReadWrite.All"},
			"no right to run":      {b.Operator.Limit(auth.UserFlowInvocationReadAll), original.InvocationID, signup.ReplayRequest{}, apiconn.Forbidden, "UserFlows.Invoke.All"},
			"no right to receipts": {b.Operator.Limit(auth.UserFlowsInvokeAll), original.InvocationID, signup.ReplayRequest{}, apiconn.Forbidden, "UserFlowInvocation.Read.All"},
			"a URL that is none":   {b.Operator, original.InvocationID, signup.ReplayRequest{TargetURL: "http://x.example"}, apiconn.Invalid, "https"},
		} {
			_, err := b.service.Replay(t.Context(), tt.who, tt.id, tt.request)
			if err == nil || apiconn.KindOf(err) != tt.kind || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := len(b.endpoint.seen()); got != calls {
			t.Errorf("%d calls", got-calls)
		}
	})
}

func TestReplayOfAReceiptWithValues(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.service, _ = b.start(t, signup.Options{KeepValues: true})
	r := request("a@b.example")
	r.Claims["identities"] = []apiconn.Identity{{SignInType: "federated", Issuer: "facebook.com", IssuerAssignedID: "1"}}
	r.Claims["extension_Age"], r.Claims["extension_Member"], r.UILocales = int64(43), true, "fr-FR"
	original := b.run(t, r)
	d, err := b.service.Replay(t.Context(), b.Operator, original.InvocationID, signup.ReplayRequest{})
	if err != nil || d.Action != apiconn.Continue {
		t.Fatalf("%+v, %v", d, err)
	}
	calls := b.endpoint.seen()
	first, again := calls[0].claims, calls[1].claims
	for name, value := range first {
		if !equalJSON(value, again[name]) {
			t.Errorf("%s: %v, then %v", name, value, again[name])
		}
	}
}
