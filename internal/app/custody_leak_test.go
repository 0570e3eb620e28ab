package app

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// TestNoCustodyLeaks: neither the token for a key management service nor the key that it opens is in an answer, a log, a metric,
// an error or a file, though the service's refusals repeat all that it was sent. The real one is in conformance/kms.
func TestNoCustodyLeaks(t *testing.T) {
	t.Parallel()
	const token = "hvs.CAESIEcanaryTokenOfTheService"
	p := newProduction(t)
	key := strings.TrimSpace(p.take(t))
	var opens atomic.Bool
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if opens.Load() {
			answer, _ := json.Marshal(map[string]any{"data": map[string]any{"plaintext": []byte(key)}})
			_, _ = w.Write(answer)
			return
		}
		echo, _ := json.Marshal(map[string]any{"errors": []string{r.Header.Get("X-Vault-Token"), string(body)}})
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write(echo)
	}))
	t.Cleanup(service.Close)
	tokenFile := filepath.Join(t.TempDir(), "token") // it and the key are kept elsewhere than the data
	if err := os.WriteFile(tokenFile, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	p.cfg.MasterKeyKMS = "hcvault://" + strings.TrimPrefix(service.URL, "http://") + "/transit/keys/k"
	p.cfg.KMS.TLS.Mode = "off"
	p.cfg.KMS.TokenFile = tokenFile
	p.put(t, "patchbay-wrapped-master-key:"+base64.StdEncoding.EncodeToString([]byte("vault:v1:ciphertext")))

	var told strings.Builder
	ask := func(served *program, sealed bool) {
		for _, path := range []string{"/v1.0/identity/apiConnectors", "/runtime/v1/reasons", "/common/v2.0/.well-known/openid-configuration"} {
			status, _, body := ask(t, served, path)
			if (status == http.StatusServiceUnavailable) != sealed {
				t.Errorf("%s: %d", path, status)
			}
			told.WriteString(body)
		}
		for _, path := range []string{"/readyz", "/metrics"} {
			_, body, err := get(t.Context(), served.health, path)
			if err != nil {
				t.Fatal(err)
			}
			told.WriteString(body)
		}
	}
	served, log := p.serve(t)
	readyz(t, served, "sealed: kms-refused")
	ask(served, true)
	for _, err := range []error{
		func() error {
			_, err := OpenLocal(t.Context(), p.cfg, slog.New(slog.DiscardHandler), false)
			return err
		}(),
		UnwrapMasterKey(t.Context(), p.cfg, filepath.Join(t.TempDir(), "plain")),
	} {
		if err == nil || !strings.Contains(err.Error(), "******") {
			t.Fatalf("the service was not asked, or what it said is not masked") // and is not shown
		}
		told.WriteString(err.Error())
	}
	opens.Store(true)
	readyz(t, served, "ready")
	ask(served, false)
	told.WriteString(log.String())
	for _, value := range p.cfg.Values() {
		told.WriteString(value.Value)
	}
	err := filepath.WalkDir(filepath.Dir(p.keyFile), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		told.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(key, "patchbay-master-key:"))
	if err != nil {
		t.Fatal(err)
	}
	for what, secret := range map[string]string{
		"the token": token, "the key": string(raw), "the key in base64": base64.StdEncoding.EncodeToString(raw)[:40],
		"the key in hex": hex.EncodeToString(raw), "its text in base64": base64.StdEncoding.EncodeToString([]byte(key))[28:60],
	} {
		if strings.Contains(told.String(), secret) {
			t.Errorf("%s is told or written", what)
		}
	}
	if !strings.Contains(told.String(), "kms-refused") || !strings.Contains(told.String(), "SQLite format 3") {
		t.Error("the test looks at nothing")
	}
}
