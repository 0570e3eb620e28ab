package graph_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/seal"
)

// shownConnector is a connector as a client reads it.
type shownConnector struct {
	DisplayName, TargetURL      string
	AuthenticationConfiguration struct {
		Type            string `json:"@odata.type"`
		Username        string
		Password        string
		CertificateList []struct {
			Thumbprint string
			IsActive   bool
		}
	}
}

// TestConcurrentPatchesNeverMix: two PATCHes at once, one to Basic and one to a certificate, each with a name and a URL of
// its own. Whoever reads, at any time, sees one of them whole, and so does the database, secrets included (contract 2.5).
func TestConcurrentPatchesNeverMix(t *testing.T) {
	t.Parallel()
	site := build(t, settings{})
	client := site.client()
	caller := site.authorization(t, "admin")
	file := pfxFiles(t)["leaf"]
	id := site.do(t, client, caller, "POST", connectorsPath, basicBody("basic 0", "https://api.contoso.example/basic-0", "basic 0", "password of basic 0")).id(t)
	path := connectorsPath + "/" + id
	const rounds = 60
	for round := 1; round <= rounds; round++ {
		name := fmt.Sprintf("basic %d", round)
		bodies := []string{
			basicBody(name, "https://api.contoso.example/"+urlName(name), name, "password of "+name),
			certificateBody(fmt.Sprintf("certificate %d", round), fmt.Sprintf("https://api.contoso.example/certificate-%d", round), file.value, pfxPassword),
			"", // a reader
		}
		var wait sync.WaitGroup
		for _, body := range bodies {
			wait.Go(func() {
				if body == "" {
					for range 5 {
						checkWhole(t, site.do(t, client, caller, "GET", path, ""))
					}
					return
				}
				if got := site.do(t, client, caller, "PATCH", path, body); got.status != http.StatusNoContent {
					t.Errorf("PATCH: %d %s", got.status, got.body)
				}
			})
		}
		wait.Wait()
		checkWhole(t, site.do(t, client, caller, "GET", path, ""))
		checkSealed(t, site, id)
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	if got := site.do(t, client, caller, "GET", path, "").header.Get("ETag"); got != fmt.Sprintf(`W/"%d"`, 1+2*rounds) {
		t.Errorf("after %d changes the ETag is %s: one got lost", 2*rounds, got)
	}
}

func urlName(name string) string { return strings.ReplaceAll(name, " ", "-") }

// checkWhole checks that name, URL and configuration come from one request.
func checkWhole(t *testing.T, r reply) {
	t.Helper()
	var c shownConnector
	if err := json.Unmarshal([]byte(r.body), &c); err != nil || r.status != http.StatusOK {
		t.Errorf("GET: %d %v", r.status, err)
		return
	}
	a := c.AuthenticationConfiguration
	whole := c.TargetURL == "https://api.contoso.example/"+urlName(c.DisplayName)
	switch {
	case strings.HasPrefix(c.DisplayName, "basic "):
		whole = whole && a.Type == "#microsoft.graph.basicAuthentication" && a.Username == c.DisplayName && a.CertificateList == nil
	default:
		whole = whole && a.Type == "#microsoft.graph.clientCertificateAuthentication" && a.Username == "" && len(a.CertificateList) == 1
	}
	if !whole {
		t.Errorf("two changes are mixed: %s", r.body)
	}
}

// checkSealed checks that the stored secrets are those of the stored configuration, and no others.
func checkSealed(t *testing.T, site *site, id string) {
	t.Helper()
	c, err := site.manage.Store.ConnectorSealed(t.Context(), contoso, id)
	if err != nil {
		t.Error(err)
		return
	}
	if len(c.Authentication.Sealed) != 1 {
		t.Errorf("%d sealed members of a %s", len(c.Authentication.Sealed), c.Authentication.Type)
	}
	for member, sealed := range c.Authentication.Sealed {
		owner := seal.Owner{Tenant: contoso, ID: id, Member: member, Version: sealed.Version}
		secret, err := site.keys.Opener().Open(t.Context(), owner, seal.Box{KeyID: sealed.KeyID, Ciphertext: sealed.Ciphertext})
		if err != nil {
			t.Errorf("open %s: %v", member, err)
		}
		switch c.Authentication.Type {
		case apiconn.TypeBasicAuthentication:
			if member != "password" || string(secret) != "password of "+c.DisplayName {
				t.Errorf("the %s of %q is another's", member, c.DisplayName)
			}
		default:
			if member != apiconn.CertificateMember(c.Authentication.Certificates[0].Thumbprint) || !strings.Contains(string(secret), "PRIVATE KEY") {
				t.Errorf("%s holds the member %s", c.DisplayName, member)
			}
		}
	}
}

// TestConcurrentUploadsAllCount: uploads at once are all there afterwards, and one of them is active.
func TestConcurrentUploadsAllCount(t *testing.T) {
	t.Parallel()
	site := build(t, settings{})
	client := site.client()
	caller := site.authorization(t, "admin")
	made := pfxFiles(t)
	id := site.do(t, client, caller, "POST", connectorsPath, certificateBody("c", "https://api.contoso.example/", made["leaf"].value, pfxPassword)).id(t)
	var wait sync.WaitGroup
	for _, name := range []string{"second", "third", "short", "second"} {
		wait.Go(func() {
			got := site.do(t, client, caller, "POST", connectorsPath+"/"+id+"/uploadClientCertificate", uploadBody(made[name].value, pfxPassword))
			if got.status != http.StatusOK {
				t.Errorf("upload %s: %d %s", name, got.status, got.body)
			}
		})
	}
	wait.Wait()
	got := site.do(t, client, caller, "GET", connectorsPath+"/"+id, "")
	var c shownConnector
	if err := json.Unmarshal([]byte(got.body), &c); err != nil {
		t.Fatal(err)
	}
	list := c.AuthenticationConfiguration.CertificateList
	active := 0
	for _, certificate := range list {
		if certificate.IsActive {
			active++
		}
	}
	if len(list) != 4 || active != 1 || !list[3].IsActive {
		t.Errorf("%s", got.body)
	}
}

// TestConcurrentRepetitionsHappenOnce: many POSTs at once with one Idempotency-Key make one connector, and all are told of it.
func TestConcurrentRepetitionsHappenOnce(t *testing.T) {
	t.Parallel()
	site := build(t, settings{})
	client := site.client()
	caller := site.authorization(t, "admin")
	body := basicBody("Once", "https://api.contoso.example/", "u", "p")
	ids := make([]string, 16)
	var wait sync.WaitGroup
	for i := range ids {
		wait.Go(func() {
			got := site.do(t, client, caller, "POST", connectorsPath, body, "Idempotency-Key", "4d1f9f2c")
			if got.status != http.StatusCreated {
				t.Errorf("POST: %d %s", got.status, got.body)
				return
			}
			ids[i] = got.id(t)
		})
	}
	wait.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("two ids: %s and %s", ids[0], id)
		}
	}
	if got := site.do(t, client, caller, "GET", connectorsPath+"/$count", ""); got.body != "1" {
		t.Errorf("%s connectors", got.body)
	}
	if got := site.do(t, client, caller, "GET", "/v1.0/auditLogs/directoryAudits?$select=operationType", ""); strings.Count(got.body, "Add") != 1 {
		t.Errorf("the audit has %s", got.body)
	}
}
