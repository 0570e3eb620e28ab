package signup_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/manage"
	"github.com/patchbay/patchbay/internal/signup"
)

func TestRunObeysTheConnector(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, tt := range map[string]struct {
		status int
		answer string
		want   apiconn.Decision
	}{
		"continue": {http.StatusOK, `{"version":"1.0.0","action":"Continue","city":"Paris"}`, apiconn.Decision{
			Action: apiconn.Continue, Reason: apiconn.ReasonContinued, Claims: apiconn.Claims{"email": "a@b.example", "city": "Paris"},
		}},
		"block": {http.StatusOK, `{"version":"1.0.0","action":"ShowBlockPage","userMessage":"No."}`, apiconn.Decision{
			Action: apiconn.ShowBlockPage, Reason: apiconn.ReasonBlocked, UserMessage: "No.",
		}},
		"validation": {http.StatusBadRequest, `{"version":"1.0.0","status":400,"action":"ValidationError","userMessage":"Correct it."}`, apiconn.Decision{
			Action: apiconn.ValidationError, Reason: apiconn.ReasonValidationFailed, UserMessage: "Correct it.",
		}},
		"nonsense": {http.StatusOK, `[]`, apiconn.Decision{Action: apiconn.Failed, Reason: apiconn.ReasonAnswerNotObject}},
	} {
		b.endpoint.says(tt.status, tt.answer)
		got := b.run(t, request("a@b.example"))
		receipt := b.receipt(t, got)
		if receipt.Action != tt.want.Action || receipt.Reason != tt.want.Reason {
			t.Errorf("%s: the receipt says %s, %s", name, receipt.Action, receipt.Reason)
		}
		got.InvocationID, got.Detail = "", ""
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
	sent := b.endpoint.seen()[0]
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(userName+":"+password))
	if sent.header.Get("Authorization") != want {
		t.Error("the endpoint did not get the connector's user name and password")
	}
}

func TestReceiptTellsWhatHappened(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.endpoint.says(http.StatusOK, `{"version":"1.0.0","action":"Continue","city":"Paris","nickname":"P"}`)
	r := request("ada@b.example")
	r.Claims["displayName"], r.TraceParent = "Ada", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	inv := b.receipt(t, b.run(t, r))
	if !strings.HasPrefix(inv.TraceParent, "00-4bf92f3577b34da6a3ce929d0e0e4736-") || inv.TraceParent == r.TraceParent {
		t.Errorf("traceparent %q does not continue the caller's trace with a span of its own", inv.TraceParent)
	}
	seen := b.endpoint.seen()[0]
	if seen.header.Get("Patchbay-Invocation-Id") != inv.ID || seen.header.Get("Traceparent") != inv.TraceParent {
		t.Errorf("the endpoint saw %v", seen.header)
	}
	if len(inv.Attempts) != 1 || inv.Attempts[0].Status != http.StatusOK || inv.Attempts[0].TLS.Version == "" || inv.Attempts[0].Address == "" || len(inv.Attempts[0].Phases) < 5 {
		t.Errorf("attempts: %+v", inv.Attempts)
	}
	if inv.ConnectorID != b.connector || inv.Credential.Username != userName || !strings.HasSuffix(inv.Target, "/check?code=******") {
		t.Errorf("connector %s, credential %+v, target %s", inv.ConnectorID, inv.Credential, inv.Target)
	}
	var names []string
	for _, f := range slices.Concat(inv.Sent, inv.Received) {
		names = append(names, f.Name)
		if f.Hash == "" || f.Value != nil {
			t.Errorf("fact %+v: want a hash and no value", f)
		}
	}
	if diff := cmp.Diff([]string{"displayName", "email", "city"}, names); diff != "" {
		t.Errorf("claims of the receipt (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]apiconn.Note{{Reason: apiconn.NoteClaimUnknown, Claim: "nickname"}}, inv.Notes); diff != "" {
		t.Errorf("notes (-want +got)\n%s", diff)
	}
	for _, canary := range []string{"ada@b.example", "Paris", password, "canary-key"} {
		if text := fmt.Sprintf("%+v", inv); strings.Contains(text, canary) {
			t.Errorf("the receipt tells %q", canary)
		}
	}
	again := b.receipt(t, b.run(t, r))
	if diff := cmp.Diff(inv.Sent, again.Sent); diff != "" {
		t.Errorf("equal values have other hashes\n%s", diff)
	}
}

func TestReceiptKeepsValuesOnlyIfTold(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.service, _ = b.start(t, signup.Options{KeepValues: true})
	inv := b.receipt(t, b.run(t, request("ada@b.example")))
	if len(inv.Sent) != 1 || inv.Sent[0].Value != "ada@b.example" {
		t.Errorf("sent: %+v", inv.Sent)
	}
}

func TestStepWithoutConnectorContinues(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := request("a@b.example")
	r.Step = "postFederationSignup"
	if d := b.run(t, r); d.Action != apiconn.Continue || d.Reason != apiconn.ReasonNoConnector || d.Claims["email"] != "a@b.example" {
		t.Errorf("%+v", d)
	}
	if calls := b.endpoint.seen(); len(calls) != 0 {
		t.Errorf("%d calls", len(calls))
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, tt := range map[string]struct {
		change func(*signup.Request)
		kind   apiconn.Kind
	}{
		"no such kind of flow": {func(r *signup.Request) { r.FlowID = "signup" }, apiconn.NotFound},
		"no such flow":         {func(r *signup.Request) { r.FlowID = "B2X_1_other" }, apiconn.NotFound},
		"no such step":         {func(r *signup.Request) { r.Step = "preSignup" }, apiconn.NotFound},
		"unknown claim":        {func(r *signup.Request) { r.Claims["shoeSize"] = "43" }, apiconn.Invalid},
	} {
		r := request("a@b.example")
		tt.change(&r)
		if _, err := b.service.Run(t.Context(), b.Operator, r); err == nil || apiconn.KindOf(err) != tt.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := b.service.Run(t.Context(), b.application(t, auth.APIConnectorsReadWriteAll), request("a@b.example")); apiconn.KindOf(err) != apiconn.Forbidden {
		t.Errorf("without the permission: %v", err)
	}
	if _, err := b.service.Invocations(t.Context(), b.application(t, auth.UserFlowsInvokeAll), apiconn.Query{}); apiconn.KindOf(err) != apiconn.Forbidden {
		t.Errorf("receipts without the permission: %v", err)
	}
	if calls := b.endpoint.seen(); len(calls) != 0 {
		t.Errorf("%d calls", len(calls))
	}
}

func TestPatchCountsAtTheNextCall(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.run(t, request("a@b.example"))
	other := newEndpoint(t)
	url := other.URL + "/other"
	b.patch(t, manage.ConnectorPatch{TargetURL: &url, Authentication: basic("another")})
	b.trust(t, other)
	if d := b.run(t, request("a@b.example")); d.Action != apiconn.Continue {
		t.Fatalf("%+v", d)
	}
	if len(b.endpoint.seen()) != 1 || len(other.seen()) != 1 {
		t.Errorf("%d calls at the old URL, %d at the new one", len(b.endpoint.seen()), len(other.seen()))
	}
	if got := other.seen()[0].header.Get("Authorization"); got != "Basic "+base64.StdEncoding.EncodeToString([]byte(userName+":another")) {
		t.Error("the new password was not sent")
	}
}

func TestNewestValidCertificateIsChosenForEachCall(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	now := b.Clock.Now()
	day := 24 * time.Hour
	b.patch(t, manage.ConnectorPatch{Authentication: pfx(t, "first", now.Add(-day), now.Add(30*day))})
	b.upload(t, pfx(t, "short", now.Add(-day), now.Add(2*day)))
	b.upload(t, pfx(t, "future", now.Add(10*day), now.Add(20*day)))
	for _, tt := range []struct {
		later time.Duration
		want  string
	}{{0, "short"}, {3 * day, "first"}, {8 * day, "future"}, {10 * day, "first"}} {
		b.Clock.Advance(tt.later)
		inv := b.receipt(t, b.run(t, request("a@b.example")))
		calls := b.endpoint.seen()
		if got := calls[len(calls)-1].thumbprint; got != tt.want {
			t.Errorf("after %s: the endpoint saw the certificate %q, want %q", tt.later, got, tt.want)
		}
		if inv.Credential.Thumbprint == "" || inv.Credential.Thumbprint != inv.Attempts[0].TLS.ClientCertificate || inv.Credential.NotAfter.IsZero() {
			t.Errorf("credential %+v, TLS %+v", inv.Credential, inv.Attempts[0].TLS)
		}
		if calls[len(calls)-1].header.Get("Authorization") != "" {
			t.Error("a connector with a certificate sent an Authorization header")
		}
	}
	calls := len(b.endpoint.seen())
	b.Clock.Advance(10 * day)
	d := b.run(t, request("a@b.example"))
	if d.Action != apiconn.Failed || d.Reason != apiconn.ReasonNoValidCertificate || !strings.Contains(d.Detail, "expired on") {
		t.Errorf("all expired: %+v", d)
	}
	if len(b.endpoint.seen()) != calls || len(b.receipt(t, d).Attempts) != 0 {
		t.Error("there was a call without a certificate")
	}
}

func TestDamagedCredentialFailsClosed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.run(t, request("a@b.example"))
	now := b.Clock.Now()
	for name, given := range map[string]*manage.AuthenticationGiven{"password": basic("x"), "certificate": pfx(t, "c", now, now.Add(time.Hour))} {
		b.patch(t, manage.ConnectorPatch{Authentication: given})
		b.run(t, request("a@b.example")) // the certificate is in memory now
		calls := len(b.endpoint.seen())
		b.damage(t)
		d := b.run(t, request("a@b.example"))
		if d.Action != apiconn.Failed || d.Reason != apiconn.ReasonCredentialUnreadable {
			t.Errorf("%s: %+v", name, d)
		}
		if len(b.endpoint.seen()) != calls {
			t.Errorf("%s: a call was made with a damaged credential", name)
		}
		if !strings.Contains(b.log.String(), "does not open") || !strings.Contains(b.log.String(), b.connector) {
			t.Errorf("%s: the log does not tell: %s", name, b.log)
		}
	}
}
