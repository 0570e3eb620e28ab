package client

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	basicJSON = `{"id":"aaaaaaaa-0000-4000-8000-000000000001","displayName":"O'Neill <1>","targetUrl":"https://a.example/x","authenticationConfiguration":{"@odata.type":"#microsoft.graph.basicAuthentication","username":"u","password":"******"}}`
	certJSON  = `{"id":"aaaaaaaa-0000-4000-8000-000000000002","displayName":"Two","targetUrl":"https://b.example/x","authenticationConfiguration":{"@odata.type":"#microsoft.graph.clientCertificateAuthentication","certificateList":[{"thumbprint":"AB","notAfter":1808827200,"notBefore":1780315200,"isActive":true}]}}`
)

func TestConnector(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.mux.HandleFunc("GET /v1.0/identity/apiConnectors/{id}", func(w http.ResponseWriter, r *http.Request) {
		switch id := r.PathValue("id"); id {
		case "aaaaaaaa-0000-4000-8000-000000000002":
			answer(w, http.StatusOK, certJSON)
		case "aaaaaaaa-0000-4000-8000-000000000003":
			answer(w, http.StatusForbidden, `{"error":{"code":"Forbidden","message":"Not yours."}}`)
		default:
			answer(w, http.StatusNotFound, `{"error":{"code":"ResourceNotFound","message":"No."}}`)
		}
	})
	s.mux.HandleFunc("GET /v1.0/identity/apiConnectors", func(w http.ResponseWriter, r *http.Request) {
		value := map[string]string{
			"displayName eq 'O''Neill <1>'":                         basicJSON,
			"displayName eq 'twice'":                                basicJSON + "," + certJSON,
			"displayName eq 'aaaaaaaa-0000-4000-8000-000000000004'": certJSON, // somebody named one like an id
		}[r.FormValue("$filter")]
		answer(w, http.StatusOK, `{"value":[`+value+`]}`)
	})
	c := s.client(t)
	tests := []struct{ given, id, fault string }{
		{"O'Neill <1>", "aaaaaaaa-0000-4000-8000-000000000001", ""},
		{"aaaaaaaa-0000-4000-8000-000000000002", "aaaaaaaa-0000-4000-8000-000000000002", ""},
		{"aaaaaaaa-0000-4000-8000-000000000004", "aaaaaaaa-0000-4000-8000-000000000002", ""},
		{"aaaaaaaa-0000-4000-8000-000000000003", "", "Not yours."},
		{"aaaaaaaa-0000-4000-8000-000000000009", "", "there is no connector"},
		{"nobody", "", `there is no connector with the id or name "nobody"`},
		{"twice", "", "2 connectors are called"},
		{"", "", "is empty"},
	}
	for _, tt := range tests {
		got, err := c.Connector(t.Context(), tt.given)
		if got.ID != tt.id || (err == nil) != (tt.fault == "") || err != nil && !strings.Contains(err.Error(), tt.fault) {
			t.Errorf("Connector(%q) = %q, %v; want %q, %q", tt.given, got.ID, err, tt.id, tt.fault)
		}
	}
	if !slices.ContainsFunc(s.requests(), func(r string) bool { return strings.Contains(r, "%20eq%20%27O%27%27Neill") }) {
		t.Errorf("the filter was not escaped as every server reads it: %v", s.requests())
	}
}

// TestConnectorWrites checks the requests of the operations that change something.
func TestConnectorWrites(t *testing.T) {
	t.Parallel()
	s := newService(t)
	var got string
	s.mux.HandleFunc("/v1.0/identity/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.Method + " " + r.URL.EscapedPath() + " " + string(body)
		answer(w, http.StatusOK, basicJSON)
	})
	s.mux.HandleFunc("/beta/identity/", func(w http.ResponseWriter, r *http.Request) {
		got = r.Method + " " + r.URL.EscapedPath() + " "
		w.WriteHeader(http.StatusNoContent)
	})
	c, ctx := s.client(t), t.Context()
	text := func(v string) *string { return &v }
	tests := []struct {
		do   func() error
		want string
	}{
		{func() error {
			_, err := c.CreateConnector(ctx, Change{DisplayName: text("N"), TargetURL: text("https://a"), Username: text("u"), Password: text("<p>")})
			return err
		}, `POST /v1.0/identity/apiConnectors {"displayName":"N","targetUrl":"https://a","authenticationConfiguration":{"@odata.type":"#microsoft.graph.basicAuthentication","username":"u","password":"<p>"}}`},
		{func() error { return c.UpdateConnector(ctx, "a/b", Change{TargetURL: text("https://b")}) }, `PATCH /v1.0/identity/apiConnectors/a%2Fb {"targetUrl":"https://b"}`},
		{func() error { return c.UpdateConnector(ctx, "1", Change{Password: text("p")}) }, `PATCH /v1.0/identity/apiConnectors/1 {"authenticationConfiguration":{"@odata.type":"#microsoft.graph.basicAuthentication","password":"p"}}`},
		{func() error { return c.UpdateConnector(ctx, "1", Change{PKCS12: []byte{0xfb, 0xff}}) }, `PATCH /v1.0/identity/apiConnectors/1 {"authenticationConfiguration":{"@odata.type":"#microsoft.graph.pkcs12Certificate","pkcs12Value":"+/8=","password":""}}`},
		{func() error {
			_, err := c.UploadCertificate(ctx, "1", []byte{0xfb, 0xff}, "p")
			return err
		}, `POST /v1.0/identity/apiConnectors/1/uploadClientCertificate {"pkcs12Value":"+/8=","password":"p"}`},
		{func() error { return c.DeleteConnector(ctx, "1") }, "DELETE /v1.0/identity/apiConnectors/1 "},
		{func() error { return c.Link(ctx, "B2X_1_f", "postFederationSignup", "1") }, "PUT /v1.0/identity/b2xUserFlows/B2X_1_f/apiConnectorConfiguration/postFederationSignup/$ref " + `{"@odata.id":"` + s.URL + `/v1.0/identity/apiConnectors/1"}`},
		{func() error { return c.Unlink(ctx, "b2c_1_f", "postFederationSignup") }, "DELETE /beta/identity/b2cUserFlows/b2c_1_f/apiConnectorConfiguration/postFederationSignup/$ref "},
	}
	for _, tt := range tests {
		if err := tt.do(); err != nil || got != tt.want {
			t.Errorf("got  %s (%v)\nwant %s", got, err, tt.want)
		}
	}
}

func TestEffects(t *testing.T) {
	t.Parallel()
	text := func(v string) *string { return &v }
	basic, err := readConnector([]byte(basicJSON))
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := readConnector([]byte(certJSON))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		change Change
		now    Connector
		want   []Effect
	}{
		"nothing":    {Change{}, basic, []Effect{}},
		"what it is": {Change{DisplayName: text("Two"), TargetURL: text("https://b.example/x")}, certificate, []Effect{}},
		"members": {Change{DisplayName: text("N"), TargetURL: text("https://n")}, basic, []Effect{
			{"displayName", "O'Neill <1>", "N"}, {"targetUrl", "https://a.example/x", "https://n"},
		}},
		"the password": {Change{Username: text("u"), Password: text("canary")}, basic, []Effect{{"password", masked, maskedNew}}},
		"to a certificate": {Change{PKCS12: []byte("canary"), Password: text("canary")}, basic, []Effect{
			{"authentication", "basic", "certificate"},
			{"username", "u", removed},
			{"password", masked, removed},
			{"certificates", "", "(new, from a PKCS#12 file of 6 bytes)"},
		}},
		"to a password": {Change{Username: text("u"), Password: text("canary")}, certificate, []Effect{
			{"authentication", "certificate", "basic"}, {"username", "", "u"}, {"password", "", maskedNew}, {"certificates", "AB", removed},
		}},
		"another certificate": {Change{PKCS12: []byte("canary")}, certificate, []Effect{{"certificates", "AB", "(new, from a PKCS#12 file of 6 bytes)"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, tt.change.Effects(tt.now)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
