package store

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// invocation is a small receipt.
func invocation(tenant, id string, at time.Time) apiconn.Invocation {
	return apiconn.Invocation{
		TenantID: tenant, ID: id, At: at, FlowID: "B2X_1_f", Step: "postFederationSignup", AppID: "app", CorrelationID: "correlation of " + id,
		ConnectorID: "a", Action: apiconn.Continue, Reason: apiconn.ReasonContinued,
	}
}

func (h *house) record(t testing.TB, inv apiconn.Invocation) apiconn.Invocation {
	t.Helper()
	if prior, err := h.RecordInvocation(t.Context(), inv, nil); prior != nil || err != nil {
		t.Fatalf("prior %v, error %v", prior, err)
	}
	return inv
}

// fullInvocation has a value of its own in every field.
func fullInvocation(tenant, id string) apiconn.Invocation {
	inv := invocation(tenant, id, start)
	inv.TraceParent, inv.ReplayOf = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "an earlier one"
	inv.ConnectorVersion, inv.Target = 7, "https://example.com/?code=******"
	inv.Credential = apiconn.CredentialFacts{
		Type: "clientCertificateAuthentication", Username: "u", Thumbprint: "T1", NotAfter: start.Add(time.Hour),
	}
	inv.Detail = "the status is 200 and <b>the body</b> is \"Continue\" \u2028"
	inv.Notes = []apiconn.Note{{Reason: apiconn.NoteClaimNull, Claim: "city"}, {Reason: apiconn.NoteByteOrderMark}}
	inv.Budget, inv.Took = 20*time.Second, 1234567*time.Microsecond
	inv.Attempts = []apiconn.Attempt{
		{Reason: apiconn.ReasonConnectRefused, Detail: "refused"},
		{
			Started: time.Second, Took: 2 * time.Millisecond, Address: "192.0.2.1:443", Reused: true, Protocol: "HTTP/2.0",
			Phases: []apiconn.Phase{{Name: apiconn.PhaseDNS}, {Name: apiconn.PhaseTLS, Started: time.Microsecond, Took: 3 * time.Microsecond}},
			TLS: apiconn.TLSFacts{
				Version: "TLS 1.2", CipherSuite: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", ServerName: "example.com", PeerSubject: "CN=example.com",
				PeerThumbprint: "P", PeerNotAfter: start.Add(2 * time.Hour), ClientCertificate: "T1", CertificateAsked: true, LateRenegotiations: 1,
			},
			Status: 503, ContentType: "text/html", Octets: 1 << 40, RetryAfter: 3 * time.Second,
			Reason: apiconn.ReasonUnavailable, Detail: "come again",
		},
	}
	inv.Sent = []apiconn.ClaimFact{
		{Name: "email", Hash: "h1", Value: "u@example.com"},
		{Name: "empty", Hash: "h2", Value: ""},
		{Name: "extension_0_Big", Hash: "h3", Value: int64(1)<<53 + 1},
		{Name: "extension_0_Not", Hash: "h4", Value: false},
		{Name: "identities", Hash: "h5", Value: []apiconn.Identity{{SignInType: "federated", Issuer: "facebook.com", IssuerAssignedID: "1"}, {}}},
	}
	inv.Received = []apiconn.ClaimFact{{Name: "city", Hash: "h6"}, {Name: "extension_0_Zero", Value: int64(0)}, {Name: "extension_0_Yes", Hash: "h7", Value: true}}
	return inv
}

func TestInvocationComesBack(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		want, bare := fullInvocation(tenantA, "full"), apiconn.Invocation{TenantID: tenantA, ID: "bare", At: start.Add(time.Minute)}
		wantEveryFieldSet(t, reflect.ValueOf(want), "Invocation")
		h.record(t, want)
		h.record(t, bare)
		got, err := h.Invocation(t.Context(), tenantA, "full")
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("one, error %v (-want +got):\n%s", err, diff)
		}
		page, err := h.Invocations(t.Context(), tenantA, apiconn.Query{})
		if diff := cmp.Diff([]apiconn.Invocation{bare, want}, page.Items); diff != "" || err != nil {
			t.Errorf("all, newest first, error %v (-want +got):\n%s", err, diff)
		}
		_, err = h.Invocation(t.Context(), tenantA, "none")
		wantKind(t, err, apiconn.NotFound)
		_, err = h.RecordInvocation(t.Context(), bare, nil)
		wantKind(t, err, apiconn.Conflict)
	})
}

// wantEveryFieldSet keeps fullInvocation full: a field that is added to a receipt must come back from the database. Of a
// list, some element must have the field set.
func wantEveryFieldSet(t *testing.T, v reflect.Value, name string) {
	t.Helper()
	if v.Type() == reflect.TypeFor[time.Time]() || v.Kind() != reflect.Struct {
		if v.IsZero() {
			t.Errorf("%s is not set", name)
		}
		return
	}
	for i := range v.NumField() {
		field := v.Field(i)
		if field.Kind() != reflect.Slice {
			wantEveryFieldSet(t, field, name+"."+v.Type().Field(i).Name)
			continue
		}
		fullest := reflect.Value{}
		for j := range field.Len() {
			if e := field.Index(j); !fullest.IsValid() || zeros(e) < zeros(fullest) {
				fullest = e
			}
		}
		if !fullest.IsValid() {
			t.Errorf("%s.%s is empty", name, v.Type().Field(i).Name)
			continue
		}
		wantEveryFieldSet(t, fullest, name+"."+v.Type().Field(i).Name+"[]")
	}
}

func zeros(v reflect.Value) (n int) {
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			n++
		}
	}
	return n
}

// TestInvocationOfANewerVersion has members, a claim's type and names that this version does not know.
func TestInvocationOfANewerVersion(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		want := h.record(t, invocation(tenantA, "i", start))
		h.exec(t, 1, `UPDATE invocations SET action = 'Defer', reason = 'newer', facts = '{"new": [1], "took": 5, "sent": `+
			`[{"name": "a", "value": {"decimal": "1.5"}}, {"name": "b", "value": {"text": "x", "new": 1}}]}'`)
		want.Action, want.Reason, want.Took = "Defer", "newer", 5*time.Microsecond
		want.Sent = []apiconn.ClaimFact{{Name: "a"}, {Name: "b", Value: "x"}}
		got, err := h.Invocation(t.Context(), tenantA, "i")
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
		h.exec(t, 1, "UPDATE invocations SET facts = '{'")
		if _, err = h.Invocation(t.Context(), tenantA, "i"); err == nil || !strings.Contains(err.Error(), "invocation i of tenant "+tenantA) {
			t.Errorf("what is no JSON: %v", err)
		}
	})
}

// TestInvocationRefusesUnknownValues: a claim of a type that would not come back is an error that does not show it.
func TestInvocationRefusesUnknownValues(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		for _, value := range []any{1.5, 7, json.Number("42"), []string{"canary"}} {
			inv := invocation(tenantA, "i", start)
			inv.Sent = []apiconn.ClaimFact{{Name: "city", Value: value}}
			_, err := h.RecordInvocation(t.Context(), inv, nil)
			if err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), `"city"`) {
				t.Errorf("%T: %v", value, err)
			}
		}
	})
}

// TestInvocationKeepsNoMoreThanItWasGiven: a claim's value lies in the database only if the receipt has it.
func TestInvocationKeepsNoMoreThanItWasGiven(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		inv := invocation(tenantA, "i", start)
		inv.Sent = []apiconn.ClaimFact{{Name: "city", Hash: "h"}}
		h.record(t, inv)
		var facts string
		if err := h.raw(t).QueryRowContext(t.Context(), "SELECT facts FROM invocations").Scan(&facts); err != nil {
			t.Fatal(err)
		}
		if want := `{"sent":[{"name":"city","hash":"h"}]}`; facts != want {
			t.Errorf("the database has %s, want %s", facts, want)
		}
	})
}

func TestInvocationFilters(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		h.record(t, invocation(tenantA, "1", start.Add(time.Minute)))
		second := invocation(tenantA, "2", start.Add(2*time.Minute))
		second.FlowID, second.Step, second.AppID, second.CorrelationID = "B2C_1_g", "postAttributeCollection", "other", ""
		second.ConnectorID, second.Action, second.Reason = "", apiconn.Failed, apiconn.ReasonDNSTimeout
		h.record(t, second)
		h.record(t, invocation(tenantA, "3", start.Add(3*time.Minute)))
		micros := func(n int) string { return decimal(start.Add(time.Duration(n) * time.Minute).UnixMicro()) }
		null := func(property string, op apiconn.Op) *apiconn.Condition {
			return &apiconn.Condition{Op: op, Property: property, Null: true}
		}
		for label, c := range map[string]struct {
			where *apiconn.Condition
			want  string
		}{
			"id":                 {cond("id", apiconn.In, "1", "3"), "1 3"},
			"since":              {cond("createdDateTime", apiconn.Ge, micros(2)), "2 3"},
			"before":             {cond("createdDateTime", apiconn.Lt, micros(2)), "1"},
			"flow":               {cond("userFlowId", apiconn.Eq, "B2C_1_g"), "2"},
			"flow begins":        {cond("userFlowId", apiconn.StartsWith, "B2X_1_"), "1 3"},
			"step":               {cond("step", apiconn.Eq, "postAttributeCollection"), "2"},
			"connector":          {cond("connectorId", apiconn.Eq, "a"), "1 3"},
			"no connector":       {null("connectorId", apiconn.Eq), "2"},
			"a connector":        {null("connectorId", apiconn.Ne), "1 3"},
			"action":             {cond("action", apiconn.Eq, "Failed"), "2"},
			"reason":             {cond("reason", apiconn.In, "dns_timeout", "blocked"), "2"},
			"reason ends":        {cond("reason", apiconn.EndsWith, "_timeout"), "2"},
			"application":        {cond("appId", apiconn.Ne, "app"), "2"},
			"correlation":        {cond("correlationId", apiconn.Eq, "correlation of 3"), "3"},
			"no correlation":     {null("correlationId", apiconn.Eq), "2"},
			"a flow since":       {both(apiconn.And, cond("userFlowId", apiconn.Eq, "B2X_1_f"), cond("createdDateTime", apiconn.Gt, micros(1))), "3"},
			"a reason or a flow": {both(apiconn.Or, cond("reason", apiconn.Eq, "dns_timeout"), cond("id", apiconn.Eq, "1")), "1 2"},
		} {
			t.Run(label, func(t *testing.T) {
				t.Parallel()
				page, err := h.Invocations(t.Context(), tenantA, apiconn.Query{Where: c.where, Order: []apiconn.Order{{Property: "id"}}})
				var got []string
				for _, i := range page.Items {
					got = append(got, i.ID)
				}
				if found := strings.Join(got, " "); found != c.want || err != nil {
					t.Errorf("found %q, want %q; error %v", found, c.want, err)
				}
			})
		}
		_, err := h.Invocations(t.Context(), tenantA, apiconn.Query{Where: cond("createdDateTime", apiconn.Contains, "1")})
		if err == nil || apiconn.KindOf(err) != apiconn.Internal {
			t.Errorf("contains on a time: %v", err)
		}
		_, err = h.Invocations(t.Context(), tenantA, apiconn.Query{Search: "x"})
		wantKind(t, err, apiconn.Invalid)
	})
}

// TestInvocationPaging walks pages in every order, with many receipts of one time.
func TestInvocationPaging(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		const n = 20
		for i := range n {
			inv := invocation(tenantA, number(i), start.Add(time.Duration(i/7)*time.Minute))
			inv.ConnectorID = number(i % 3)
			h.record(t, inv)
		}
		for property := range invocations.properties {
			if invocationPositions[property] == nil {
				t.Errorf("no page can begin at a value of %s", property)
			}
			for _, descending := range []bool{false, true} {
				ask := apiconn.Query{Limit: 6, Order: []apiconn.Order{{Property: property, Descending: descending}}}
				seen := make(map[string]int)
				var values []string
				for {
					page, err := h.Invocations(t.Context(), tenantA, ask)
					if err != nil {
						t.Fatal(err)
					}
					for _, i := range page.Items {
						seen[i.ID]++
						values = append(values, invocationPositions[property](i))
					}
					if ask.After = page.Next; page.Next == nil {
						break
					}
				}
				if len(seen) != n || len(values) != n {
					t.Errorf("by %s: %d receipts in %d rows, want %d", property, len(seen), len(values), n)
				}
				for i := 1; i < len(values); i++ {
					if values[i-1] != values[i] && (values[i-1] > values[i]) != descending {
						t.Errorf("by %s, descending %t: %s comes before %s", property, descending, values[i-1], values[i])
					}
				}
			}
		}
	})
}

// TestInvocationPagingUsesTheIndex: neither the newest receipts nor a page deep in a large listing read a whole tenant.
func TestInvocationPagingUsesTheIndex(t *testing.T) {
	t.Parallel()
	h := newHouse(t, newFile(t))
	newest := []apiconn.Order{{Property: "createdDateTime", Descending: true}}
	for want, ask := range map[string]apiconn.Query{
		"(tenant_id=?)":                                  {Order: newest},
		"(tenant_id=? AND (at,id)<(?,?))":                {Order: newest, After: []string{"1", "i"}},
		"(tenant_id=? AND at>?)":                         {Order: newest, Where: cond("createdDateTime", apiconn.Ge, "1")},
		"(tenant_id=? AND connector_id=?)":               {Order: newest, Where: cond("connectorId", apiconn.Eq, "a")},
		"(tenant_id=? AND connector_id=? AND (at,id)<(?": {Order: newest, Where: cond("connectorId", apiconn.Eq, "a"), After: []string{"1", "i"}},
		"(tenant_id=? AND connector_id=? AND at>?)": {Order: newest, Where: both(apiconn.And,
			cond("connectorId", apiconn.Eq, "a"), cond("createdDateTime", apiconn.Ge, "1"))},
		"(tenant_id=? AND id=?)":               {Where: cond("id", apiconn.Eq, "i")},
		"(tenant_id=? AND at>? AND (at,id)<(?": {Order: newest, After: []string{"1", "i"}, Where: cond("createdDateTime", apiconn.Ge, "1")},
	} {
		q := &query{dialect: sqliteDialect(), resource: invocations}
		if _, _, err := q.rows(invocationColumns, "invocations", tenantA, ask); err != nil {
			t.Fatal(err)
		}
		rows, err := h.read.db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+q.text.String(), q.args...)
		plan, err := collect(rows, err, func(row scanner) (step string, err error) {
			var a, b, c int
			return step, row.Scan(&a, &b, &c, &step)
		})
		if err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(plan, "; "); !strings.Contains(text, want) || len(plan) != 1 {
			t.Errorf("the plan is %q, want one search by %s", text, want)
		}
	}
}

func TestPruneInvocations(t *testing.T) {
	onEachEngine(t, func(t *testing.T, h *house) {
		for i := range 4 {
			h.record(t, invocation(tenantA, number(i), start.Add(time.Duration(i)*time.Minute)))
			h.record(t, invocation(tenantB, number(i), start.Add(time.Duration(i)*time.Minute)))
		}
		h.exec(t, 2*pruneBatch, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2 * $1) "+
			"INSERT INTO invocations ("+invocationColumns+") SELECT 'many', i, i, '', '', '', '', '', '', '', '{}' FROM n", pruneBatch)
		if n, err := h.PruneInvocations(t.Context(), start.Add(2*time.Minute)); n != 4+2*pruneBatch || err != nil {
			t.Errorf("deleted %d, want %d; error %v", n, 4+2*pruneBatch, err)
		}
		for _, tenant := range []string{tenantA, tenantB} {
			if page, err := h.Invocations(t.Context(), tenant, apiconn.Query{}); len(page.Items) != 2 || err != nil {
				t.Errorf("%d receipts left in %s, want 2; error %v", len(page.Items), tenant, err)
			}
		}
	})
}
