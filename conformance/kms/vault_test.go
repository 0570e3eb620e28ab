package conformance

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/patchbay/patchbay/conformance/harness"
)

// transitKey is the key that wraps the master key, another one to move it to, and the policy of whoever may use them.
const (
	transitKey = "patchbay"
	anotherKey = "another"
	policy     = "patchbay"
)

// vault is HashiCorp Vault with its data in a folder, so that it comes back as it was.
type vault struct {
	*harness.Process
	ctx       context.Context
	binary    string
	dir       string
	pair      pair
	port      int
	client    *http.Client
	root      string // token
	unsealKey string
}

// startVault makes an empty Vault that has the transit engine with both keys.
func startVault(t *testing.T, ctx context.Context) *vault {
	t.Helper()
	v := &vault{ctx: ctx, binary: harness.Prepared(t, "VAULT_BIN"), dir: t.TempDir(), port: freePort(t)}
	v.pair = makePair(t, v.dir, "vault")
	v.client = &http.Client{
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: v.pair.pool(t)}, DisableKeepAlives: true}, Timeout: 10 * time.Second,
	}
	data := filepath.Join(v.dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	settings := fmt.Sprintf(`
storage "raft" {
  path = %q
  node_id = "one"
}
listener "tcp" {
  address = "127.0.0.1:%d"
  cluster_address = "127.0.0.1:%d"
  tls_cert_file = %q
  tls_key_file = %q
}
disable_mlock = true
api_addr = "https://127.0.0.1:%d"
cluster_addr = "https://127.0.0.1:%d"
`, data, v.port, freePort(t), v.pair.certificate, v.pair.key, v.port, freePort(t))
	if err := os.WriteFile(filepath.Join(v.dir, "vault.hcl"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.stop(t) })
	v.start(t)
	var made struct {
		Keys []string `json:"keys_base64"`
		Root string   `json:"root_token"`
	}
	v.eventually(t, "initialise", func() error {
		return v.try(http.MethodPut, "sys/init", map[string]int{"secret_shares": 1, "secret_threshold": 1}, http.StatusOK, &made)
	})
	v.root, v.unsealKey = made.Root, made.Keys[0]
	v.unseal(t)
	v.do(t, http.MethodPost, "sys/mounts/transit", map[string]string{"type": "transit"}, http.StatusNoContent, nil)
	for _, key := range []string{transitKey, anotherKey} {
		v.do(t, http.MethodPost, "transit/keys/"+key, nil, http.StatusOK, nil)
	}
	rules := ""
	for _, key := range []string{transitKey, anotherKey} {
		for _, operation := range []string{"encrypt", "decrypt"} {
			rules += fmt.Sprintf("path \"transit/%s/%s\" { capabilities = [\"update\"] }\n", operation, key)
		}
	}
	v.do(t, http.MethodPut, "sys/policies/acl/"+policy, map[string]string{"policy": rules}, http.StatusNoContent, nil)
	return v
}

func (v *vault) uri(key string) string {
	return fmt.Sprintf("hcvault://127.0.0.1:%d/transit/keys/%s", v.port, key)
}

// start starts it; it is sealed then.
func (v *vault) start(t *testing.T) {
	t.Helper()
	v.Process = harness.Prepare(v.ctx, harness.BareEnvironment(), v.binary, "server", "-config="+filepath.Join(v.dir, "vault.hcl"))
	v.Command.Stdout = &v.Log
	if err := v.Start(); err != nil {
		t.Fatal(err)
	}
	v.eventually(t, "listen", func() error { return v.try(http.MethodGet, "sys/seal-status", nil, http.StatusOK, nil) })
}

func (v *vault) stop(t *testing.T) {
	t.Helper()
	if err := v.Stop(); err != nil {
		t.Error(err)
	}
}

// unseal waits until it serves.
func (v *vault) unseal(t *testing.T) {
	t.Helper()
	v.do(t, http.MethodPut, "sys/unseal", map[string]string{"key": v.unsealKey}, http.StatusOK, nil)
	v.eventually(t, "serve", func() error { return v.try(http.MethodGet, "sys/health", nil, http.StatusOK, nil) })
}

// token is one for whoever may use the keys.
func (v *vault) token(t *testing.T) string {
	t.Helper()
	var made struct {
		Auth struct {
			Token string `json:"client_token"`
		} `json:"auth"`
	}
	v.do(t, http.MethodPost, "auth/token/create", map[string]any{"policies": []string{policy}}, http.StatusOK, &made)
	return made.Auth.Token
}

// open decrypts the content of a wrapped master key file, as an operator could.
func (v *vault) open(t *testing.T, key, text string) (plain string, err error) {
	t.Helper()
	encoded, found := strings.CutPrefix(strings.TrimSpace(text), "patchbay-wrapped-master-key:")
	ciphertext, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !found {
		t.Fatalf("this is not a wrapped master key")
	}
	var opened struct {
		Data struct{ Plaintext []byte }
	}
	err = v.try(http.MethodPost, "transit/decrypt/"+key, map[string]any{
		"ciphertext": string(ciphertext), "associated_data": []byte("patchbay 1 master key"),
	}, http.StatusOK, &opened)
	return string(opened.Data.Plaintext), err
}

func (v *vault) do(t *testing.T, method, path string, body any, status int, into any) {
	t.Helper()
	if err := v.try(method, path, body, status, into); err != nil {
		t.Fatal(err)
	}
}

func (v *vault) try(method, path string, body any, status int, into any) error {
	request, err := harness.JSONRequest(v.ctx, method, "https://127.0.0.1:"+strconv.Itoa(v.port)+"/v1/"+path, body)
	if err != nil {
		return err
	}
	if v.root != "" {
		request.Header.Set("X-Vault-Token", v.root)
	}
	return harness.Exchange(v.client, request, status, into)
}

func (v *vault) eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	if err := eventually(v.ctx, harness.ReadyWithin, try); err != nil {
		t.Fatalf("Vault did not %s: %v\n%s", what, err, &v.Log)
	}
}

// eventually tries until it succeeds, and returns the last error if it never does.
func eventually(ctx context.Context, within time.Duration, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return err
		}
	}
}
