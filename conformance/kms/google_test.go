package conformance

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/patchbay/patchbay/conformance/harness"
)

// withGoogle shows no more than that the URI reaches Google's own client, which goes to Cloud KMS with it: there is no such
// service here, nor one that plays it. A proxy stands in the way and lets nothing out.
func withGoogle(t *testing.T) {
	t.Run("the URI reaches Google's client, and nothing is written without an answer", func(t *testing.T) {
		var mutex sync.Mutex
		wanted := map[string]int{}
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mutex.Lock()
			wanted[r.Method+" "+r.Host]++
			mutex.Unlock()
			w.WriteHeader(http.StatusForbidden)
		}))
		defer proxy.Close()
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		key, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		account, err := json.Marshal(map[string]string{
			"type": "service_account", "project_id": "p", "client_email": "patchbay@p.example", "private_key_id": "k",
			"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})), "token_uri": proxy.URL + "/token",
		})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "account.json")
		if err := os.WriteFile(file, account, 0o600); err != nil {
			t.Fatal(err)
		}
		n := newNode(t, harness.Life(t), "GOOGLE_APPLICATION_CREDENTIALS="+file, "HTTPS_PROXY="+proxy.URL)
		const uri = "gcp-kms://projects/p/locations/l/keyRings/r/cryptoKeys/k"
		n.refused(t, "the key management service "+uri, "key", "generate", "--master-key-kms", uri)
		if _, err := os.Stat(filepath.Join(n.dir, "master.key")); err == nil {
			t.Error("a master key was written")
		}
		mutex.Lock()
		defer mutex.Unlock()
		asked := false
		for request := range wanted {
			asked = asked || strings.HasPrefix(request, "CONNECT cloudkms.")
		}
		if !asked {
			t.Errorf("Google's client wanted %v", wanted)
		}
	})
}
