package graph_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/patchbay/patchbay/internal/edge/graph"
)

// FuzzPatchBody sends any body to a real connector: the answer is 204, or a 400 or 413 with a message that changed
// nothing; whatever was accepted can be read, with its password masked, and read back into a PATCH that changes nothing.
func FuzzPatchBody(f *testing.F) {
	for _, seed := range []string{
		`{}`, ``, `[]`, `null`, `{"displayName":"x"}`, `{"displayName":null}`, `{"displayName":"x","displayName":"y"}`, `{"id":"x"}`, `{"@odata.context":"x"}`,
		`{"displayName":"\u003c\uD83D\uDE00\u0000"}`, "\uFEFF{ }", `{"targetUrl":"https://a.example/?code=1"}`, `{"targetUrl":"https://a.example/\u2028"}`,
		`{"@odata.type":"#microsoft.graph.identityApiConnector","authenticationConfiguration":null}`,
		`{"authenticationConfiguration":{"@odata.type":"microsoft.graph.basicAuthentication","username":"u","password":"p"}}`,
		`{"authenticationConfiguration":{"@odata.type":"#microsoft.graph.basicAuthentication","password":"******"}}`,
		`{"authenticationConfiguration":{"@odata.type":"#microsoft.graph.pkcs12Certificate","pkcs12Value":"MIIB","password":"p"}}`,
		`{"authenticationConfiguration":{"@odata.type":"#microsoft.graph.pkcs12Certificate"}}`,
		`{"authenticationConfiguration":{"@odata.type":"#microsoft.graph.clientCertificateAuthentication","certificateList":[{"isActive":true}]}}`,
		certificateBody("c", "https://a.example/", pfxFiles(f)["leaf"].value, pfxPassword),
	} {
		f.Add([]byte(seed))
	}
	site := build(f, settings{graph: graph.Options{}})
	authorization := site.authorization(f, "admin")
	id := site.do(f, site.client(), authorization, "POST", connectorsPath, basicBody("n", "https://api.contoso.example/", "u", "p")).id(f)
	send := func(method string, body []byte) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, connectorsPath+"/"+id, bytes.NewReader(body))
		r.Header.Set("Authorization", authorization)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		site.Config.Handler.ServeHTTP(w, r)
		return w
	}
	tag := func(w *httptest.ResponseRecorder) string { // in the spelling of the wire
		return strings.Join(map[string][]string(w.Result().Header)["ETag"], ", ")
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := send(http.MethodGet, nil)
		got := send(http.MethodPatch, body)
		after := send(http.MethodGet, nil)
		if after.Code != http.StatusOK || !json.Valid(after.Body.Bytes()) {
			t.Fatalf("after %q the connector reads %d %s", body, after.Code, after.Body)
		}
		switch got.Code {
		case http.StatusNoContent:
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
			var e struct{ Error struct{ Message string } }
			if err := json.Unmarshal(got.Body.Bytes(), &e); err != nil || e.Error.Message == "" {
				t.Fatalf("%q: %v in %s", body, err, got.Body)
			}
			if before.Body.String() != after.Body.String() || tag(before) != tag(after) {
				t.Fatalf("%q was refused and changed %s into %s", body, before.Body, after.Body)
			}
		default:
			t.Fatalf("%q: %d %s", body, got.Code, got.Body)
		}
		if strings.Contains(after.Body.String(), "basicAuthentication") && !strings.Contains(after.Body.String(), `"password":"******"`) {
			t.Fatalf("after %q the password is not masked: %s", body, after.Body)
		}
		if again := send(http.MethodPatch, after.Body.Bytes()); again.Code != http.StatusNoContent || tag(after) == "" || tag(again) != tag(after) {
			t.Fatalf("what was read cannot be sent back: %d %s, %s", again.Code, again.Body, after.Body)
		}
	})
}
