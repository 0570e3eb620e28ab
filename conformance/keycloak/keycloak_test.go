package conformance

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/patchbay/patchbay/conformance/harness"
)

// How long Keycloak may take, and Patchbay beside it, while others use the machine too.
const (
	readyWithin = 2 * time.Minute
	stopWithin  = 20 * time.Second
)

// terminated is the exit code of kc.sh after SIGTERM.
const terminated = 143

// keycloak is a running Keycloak with the realms contoso and fabrikam.
type keycloak struct {
	*harness.Process
	url    string
	client *http.Client
}

// startKeycloak runs the Keycloak of build.sh with a database of its own. It is not ready when this returns. The tenant is the
// one that impostors claim.
func startKeycloak(t *testing.T, ctx context.Context, home string, a *authority, port int, tenant string) *keycloak {
	t.Helper()
	dir := copyHome(t, home)
	for _, name := range []string{"contoso", "fabrikam"} {
		if err := os.WriteFile(filepath.Join(dir, "data", "import", name+"-realm.json"), realm(t, name, tenant), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	k := &keycloak{url: "https://localhost:" + strconv.Itoa(port), client: a.client}
	k.Process = harness.Prepare(ctx, harness.BareEnvironment("JAVA_OPTS_KC_HEAP=-Xms64m -Xmx512m"), "sh", filepath.Join(dir, "bin", "kc.sh"),
		"start", "--optimized", "--import-realm", "--hostname="+k.url, "--http-host=127.0.0.1", "--https-port="+strconv.Itoa(port),
		"--https-certificate-file="+a.certFile, "--https-certificate-key-file="+a.keyFile, "--cache=local")
	k.Command.Stdout = &k.Log
	k.Command.WaitDelay = stopWithin
	if err := k.Start(); err != nil {
		t.Fatal(err)
	}
	return k
}

// copyHome makes a folder that Keycloak takes for its own: it writes into data only, and finds the rest from bin.
func copyHome(t *testing.T, home string) string {
	t.Helper()
	dir := t.TempDir()
	for _, part := range []string{"bin", filepath.Join("data", "h2")} {
		if err := os.CopyFS(filepath.Join(dir, part), os.DirFS(filepath.Join(home, part))); err != nil {
			t.Fatal(err)
		}
	}
	for _, part := range []string{"conf", "lib", "providers", "themes"} {
		if err := os.Symlink(filepath.Join(home, part), filepath.Join(dir, part)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "data", "import"), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// ready waits until Keycloak answers for a realm.
func (k *keycloak) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, k.issuer("fabrikam")+"/.well-known/openid-configuration", nil)
		if err != nil {
			return err
		}
		if response, err := k.client.Do(request); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-again.C:
		case <-k.Exited:
			return fmt.Errorf("Keycloak ended at once: %w\n%s", k.Exit, &k.Log)
		case <-ctx.Done():
			return fmt.Errorf("Keycloak was not ready within %s\n%s", readyWithin, &k.Log)
		}
	}
}

func (k *keycloak) issuer(realm string) string { return k.url + "/realms/" + realm }

// tokens is what the token endpoint answers.
type tokens struct {
	Access  string `json:"access_token"`
	ID      string `json:"id_token"`
	Refresh string `json:"refresh_token"`
}

func (k *keycloak) ask(t *testing.T, realm string, form url.Values) tokens {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, k.issuer(realm)+"/protocol/openid-connect/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var got tokens
	if err := harness.Exchange(k.client, request, http.StatusOK, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// application is a token by client credentials.
func (k *keycloak) application(t *testing.T, realm, client string) string {
	t.Helper()
	return k.ask(t, realm, url.Values{"grant_type": {"client_credentials"}, "client_id": {client}, "client_secret": {secret}}).Access
}

// admin calls Keycloak's admin API as its administrator.
func (k *keycloak) admin(t *testing.T, method, path string, body, into any) {
	t.Helper()
	token := k.ask(t, "master", url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"conformance"}, "password": {"conformance"}})
	request, err := harness.JSONRequest(t.Context(), method, k.url+"/admin/realms/"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token.Access)
	status := map[string]int{http.MethodGet: http.StatusOK, http.MethodPost: http.StatusCreated}[method]
	if status == 0 || strings.Contains(path, "/role-mappings/") {
		status = http.StatusNoContent
	}
	if err := harness.Exchange(k.client, request, status, into); err != nil {
		t.Fatal(err)
	}
}

// find returns the id of the one thing that a query of the admin API finds.
func (k *keycloak) find(t *testing.T, path string) string {
	t.Helper()
	var found []struct {
		ID string `json:"id"`
	}
	k.admin(t, http.MethodGet, path, nil, &found)
	if len(found) != 1 {
		t.Fatalf("%s finds %d, want 1", path, len(found))
	}
	return found[0].ID
}

// role gives a client's service account a role (POST), or takes it away (DELETE).
func (k *keycloak) role(t *testing.T, method, realm, client, role string) {
	t.Helper()
	patchbay := k.find(t, realm+"/clients?clientId=patchbay")
	user := k.find(t, realm+"/users?exact=true&username=service-account-"+client)
	var representation object
	k.admin(t, http.MethodGet, realm+"/clients/"+patchbay+"/roles/"+role, nil, &representation)
	k.admin(t, method, realm+"/users/"+user+"/role-mappings/clients/"+patchbay, []any{representation}, nil)
}

// leave takes a person out of the documented group.
func (k *keycloak) leave(t *testing.T, realm, person string) {
	t.Helper()
	user := k.find(t, realm+"/users?exact=true&username="+person)
	group := k.find(t, realm+"/users/"+user+"/groups")
	k.admin(t, http.MethodDelete, realm+"/users/"+user+"/groups/"+group, nil, nil)
}

const keyProvider = "org.keycloak.keys.KeyProvider"

// newKey makes a key that the realm signs with from then on.
func (k *keycloak) newKey(t *testing.T, realm string) {
	t.Helper()
	var r struct {
		ID string `json:"id"`
	}
	k.admin(t, http.MethodGet, realm, nil, &r)
	k.admin(t, http.MethodPost, realm+"/components", object{
		"name": "the new key", "providerId": "rsa-generated", "providerType": keyProvider, "parentId": r.ID,
		"config": object{"priority": []string{"200"}, "algorithm": []string{"RS256"}},
	}, nil)
}

// disableOldKey takes the key that the realm was made with out of its key set.
func (k *keycloak) disableOldKey(t *testing.T, realm string) {
	t.Helper()
	var components []object
	k.admin(t, http.MethodGet, realm+"/components?type="+keyProvider, nil, &components)
	for _, component := range components {
		if component["name"] == "rsa-generated" {
			component["config"].(object)["enabled"] = []string{"false"}
			k.admin(t, http.MethodPut, realm+"/components/"+component["id"].(string), component, nil)
			return
		}
	}
	t.Fatalf("the realm has no key rsa-generated among %d", len(components))
}
