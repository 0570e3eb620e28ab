package credential

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// noon is a fixed now of tests that need no file.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// basicStored is a stored basicAuthentication.
func basicStored() *apiconn.Authentication {
	return &apiconn.Authentication{
		Type: typeBasic, Open: map[string]string{"username": "old"},
		Sealed: map[string]apiconn.Sealed{"password": {Version: 1, Ciphertext: []byte("sealed")}},
	}
}

// certificateStored is a stored clientCertificateAuthentication of n certificates, all valid at noon, named by sequence.
func certificateStored(n int) *apiconn.Authentication {
	a := &apiconn.Authentication{Type: typeClientCertificate, Sealed: map[string]apiconn.Sealed{}}
	for i := range n {
		thumbprint := strings.Repeat(string(rune('A'+i)), 40)
		a.Certificates = append(a.Certificates, apiconn.Certificate{
			Thumbprint: thumbprint, Sequence: int64(i + 1), NotBefore: noon.AddDate(-1, 0, 0), NotAfter: noon.AddDate(1, 0, 0),
		})
		a.Sealed[apiconn.CertificateMember(thumbprint)] = apiconn.Sealed{Ciphertext: []byte{byte(i)}}
	}
	return a
}

// accept is Read and Against.
func accept(t testing.TB, g Given, current *apiconn.Authentication, now time.Time) (Change, error) {
	t.Helper()
	proposal, err := NewIntake(1).Read(t.Context(), "tenant", g, now)
	if err != nil {
		return Change{}, err
	}
	return proposal.Against(current)
}

// wantError fails the test unless err is Invalid with that reason, field and part of the message.
func wantError(t *testing.T, err error, reason apiconn.Reason, field, message string) {
	t.Helper()
	e := apiconn.AsError(err)
	if e == nil || e.Kind != apiconn.Invalid || e.Reason != reason || e.Field != field || !strings.Contains(e.Message, message) {
		t.Errorf("got %#v\nwant an Invalid error, reason %q, field %q, message with %q", e, reason, field, message)
	}
}

func TestTypeSpellings(t *testing.T) {
	t.Parallel()
	for _, spelling := range []string{
		"#microsoft.graph.basicAuthentication", "microsoft.graph.basicAuthentication", "#graph.basicAuthentication",
		"graph.basicAuthentication", "basicAuthentication", "#basicAuthentication", "#Microsoft.Graph.BASICAUTHENTICATION",
	} {
		g := Given{Type: spelling, Members: map[string]any{"username": "u", "password": "p"}}
		if change, err := accept(t, g, nil, noon); err != nil || change.Type != typeBasic {
			t.Errorf("%s: type %q, error %v", spelling, change.Type, err)
		}
	}
	for _, spelling := range []string{
		"#microsoft.graph.apiKey", "##microsoft.graph.basicAuthentication", "microsoft.graph.graph.basicAuthentication",
		"#microsoft.graph.", "#", "graph.", "#microsoft.graph.apiAuthenticationConfigurationBase", "Collection(basicAuthentication)",
	} {
		_, err := accept(t, Given{Type: spelling}, nil, noon)
		wantError(t, err, "", "authenticationConfiguration/@odata.type", "Give one of #microsoft.graph.basicAuthentication, #microsoft.graph.pkcs12Certificate.")
	}
	_, err := accept(t, Given{}, nil, noon)
	wantError(t, err, apiconn.ReasonRequired, "authenticationConfiguration/@odata.type", "must have @odata.type")
}

func TestMembersOfEveryKind(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			_, err := accept(t, Given{Type: k.name, Members: map[string]any{"zoo": 1, "foo": "x"}}, nil, noon)
			wantError(t, err, apiconn.ReasonUnknownProperty, "authenticationConfiguration/foo", "'foo' does not exist on type 'microsoft.graph."+k.name+"'")
			_, err = accept(t, Given{Type: k.name}, nil, noon)
			if err == nil {
				t.Error("the type alone was accepted")
			}
			if k.stored != k.name && k.show != nil {
				t.Error("a type that is never stored has a show function")
			}
		})
	}
	long := strings.Repeat("ü", 1000)
	_, err := accept(t, Given{Type: typeBasic, Members: map[string]any{long: 1}}, nil, noon)
	wantError(t, err, apiconn.ReasonUnknownProperty, "authenticationConfiguration/"+strings.Repeat("ü", 64)+"…", "does not exist")
}

func TestWrongTypes(t *testing.T) {
	t.Parallel()
	values := map[string]any{"a boolean": true, "a number": json.Number("7"), "an array": []any{canary}, "an object": map[string]any{canary: canary}}
	for words, value := range values {
		for kind, member := range map[string]string{typeBasic: "password", typePKCS12: "pkcs12Value"} {
			_, err := accept(t, Given{Type: kind, Members: map[string]any{member: value}}, nil, noon)
			wantError(t, err, apiconn.ReasonWrongType, configuration+member, "must be a string, but "+words+" was given")
		}
	}
	_, err := accept(t, Given{Type: typePKCS12, Members: map[string]any{"pkcs12Value": "MII=", "password": false}}, nil, noon)
	wantError(t, err, apiconn.ReasonWrongType, configuration+"password", "must be a string, but a boolean was given")
	_, err = accept(t, Given{Type: typeClientCertificate, Members: map[string]any{"certificateList": "x"}}, nil, noon)
	wantError(t, err, apiconn.ReasonWrongType, configuration+"certificateList", "must be an array, but a string was given")
}

func TestShow(t *testing.T) {
	t.Parallel()
	want := Shown{Type: typeBasic, Members: Object{{"username", "old"}, {"password", "******"}}}
	if diff := cmp.Diff(want, Show(*basicStored(), noon)); diff != "" {
		t.Errorf("basicAuthentication (-want +got):\n%s", diff)
	}
	a := certificateStored(2)
	a.Certificates[1].NotBefore = noon.Add(time.Second)
	list := func(active int) []Object {
		return []Object{
			{{"thumbprint", strings.Repeat("A", 40)}, {"notAfter", int64(1826971200)}, {"notBefore", int64(1763899200)}, {"isActive", active == 0}},
			{{"thumbprint", strings.Repeat("B", 40)}, {"notAfter", int64(1826971200)}, {"notBefore", int64(1795435201)}, {"isActive", active == 1}},
		}
	}
	for now, active := range map[time.Time]int{noon: 0, noon.Add(time.Second): 1, noon.AddDate(2, 0, 0): -1} {
		want = Shown{Type: typeClientCertificate, Members: Object{{"certificateList", list(active)}}}
		if diff := cmp.Diff(want, Show(*a, now)); diff != "" {
			t.Errorf("clientCertificateAuthentication at %v (-want +got):\n%s", now, diff)
		}
	}
	if diff := cmp.Diff(Shown{Type: "newer"}, Show(apiconn.Authentication{Type: "newer", Open: map[string]string{"token": canary}}, noon)); diff != "" {
		t.Errorf("unknown type (-want +got):\n%s", diff)
	}
}

func TestUnreadProposalIsAnError(t *testing.T) {
	t.Parallel()
	var p Proposal
	if _, err := p.Against(nil); apiconn.KindOf(err) != apiconn.Internal || err == nil {
		t.Errorf("got %v", err)
	}
}
