package conformance

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/patchbay/patchbay/conformance/harness"
)

// The credentials that moto is asked with; it takes any.
const (
	awsKeyID  = "AKIAIOSFODNN7EXAMPLE"
	awsSecret = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"
	awsRegion = "eu-central-1"
)

// moto plays AWS KMS, with its keys in memory.
type moto struct {
	*harness.Process
	ctx  context.Context
	base string
}

func startMoto(t *testing.T, ctx context.Context) *moto {
	t.Helper()
	port := freePort(t)
	m := &moto{ctx: ctx, base: "http://127.0.0.1:" + strconv.Itoa(port)}
	m.Process = harness.Prepare(ctx, harness.BareEnvironment(), filepath.Join(".venv", "bin", "moto_server"), "-H", "127.0.0.1", "-p", strconv.Itoa(port))
	m.Command.Stdout = &m.Log
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = m.Command.Process.Kill() // it has nothing to put in order
		<-m.Exited
	})
	err := eventually(ctx, harness.ReadyWithin, func() error {
		response, err := http.Get(m.base + "/moto-api/")
		if err == nil {
			_ = response.Body.Close()
		}
		return err
	})
	if err != nil {
		t.Fatalf("moto: %v\n%s", err, &m.Log)
	}
	return m
}

// call is one of KMS' own calls.
func (m *moto) call(action string, body, into any) error {
	request, err := harness.JSONRequest(m.ctx, http.MethodPost, m.base+"/", body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", "TrentService."+action)
	request.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/20260101/%s/kms/aws4_request, SignedHeaders=host, Signature=0", awsKeyID, awsRegion))
	return harness.Exchange(http.DefaultClient, request, http.StatusOK, into)
}

// newKey makes a key and returns its URI.
func (m *moto) newKey(t *testing.T) string {
	t.Helper()
	var made struct{ KeyMetadata struct{ Arn string } }
	if err := m.call("CreateKey", map[string]string{}, &made); err != nil {
		t.Fatal(err)
	}
	return "aws-kms://" + made.KeyMetadata.Arn
}

// freeze stops it without a word: connections are accepted and nothing is answered.
func (m *moto) freeze(t *testing.T, frozen bool) {
	t.Helper()
	signal := syscall.SIGCONT
	if frozen {
		signal = syscall.SIGSTOP
	}
	if err := m.Command.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

func withAWS(t *testing.T) {
	ctx := harness.Life(t)
	m, to := startMoto(t, ctx), startTarget(t)
	n := newNode(t, ctx, "AWS_ENDPOINT_URL="+m.base, "AWS_ACCESS_KEY_ID="+awsKeyID, "AWS_SECRET_ACCESS_KEY="+awsSecret, "AWS_EC2_METADATA_DISABLED=true")
	uri, file := m.newKey(t), filepath.Join(n.dir, "master.key")
	plain := ""
	for _, check := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"a master key is generated wrapped, and used", func(t *testing.T) {
			n.must(t, "key", "generate", "--master-key-kms", uri)
			plain = m.open(t, read(t, file))
			n.set("PATCHBAY_MASTER_KEY_KMS", uri)
			n.furnish(t, to)
			n.works(t)
		}},
		{"KMS hangs: the running node goes on, the restarted one is sealed", func(t *testing.T) {
			m.freeze(t, true)
			n.works(t)
			asked := to.asked.Load()
			n.restart(t)
			n.sealed(t, "kms-unreachable")
			if more := to.asked.Load() - asked; more != 0 {
				t.Errorf("the target was asked %d times", more)
			}
		}},
		{"KMS answers again: opens by itself", func(t *testing.T) {
			m.freeze(t, false)
			t.Logf("opened %s after KMS", n.ready(t).Round(time.Millisecond))
			n.works(t)
			n.toldOnce(t, "kms-unreachable")
		}},
		{"wrapped by another key of KMS", func(t *testing.T) {
			moved, another := filepath.Join(t.TempDir(), "moved"), m.newKey(t)
			n.must(t, "key", "wrap", "--new-master-key-file", moved, "--new-master-key-kms", another)
			n.must(t, "key", "verify", "--master-key-file", moved, "--master-key-kms", another)
			n.refused(t, "the master key cannot be had now", "key", "verify", "--master-key-file", moved)
		}},
		{"no credentials: sealed", func(t *testing.T) {
			n.set("AWS_ACCESS_KEY_ID", "")
			n.set("AWS_SECRET_ACCESS_KEY", "")
			n.set("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
			n.set("AWS_CONFIG_FILE", os.DevNull)
			n.restart(t)
			n.sealed(t, "kms-unreachable")
			n.set("AWS_ACCESS_KEY_ID", awsKeyID)
			n.set("AWS_SECRET_ACCESS_KEY", awsSecret)
			n.restart(t)
			n.ready(t)
		}},
		{"the key is gone: sealed", func(t *testing.T) {
			request, err := harness.JSONRequest(ctx, http.MethodPost, m.base+"/moto-api/reset", nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := harness.Exchange(http.DefaultClient, request, http.StatusOK, nil); err != nil {
				t.Fatal(err)
			}
			n.works(t)
			n.restart(t)
			n.sealed(t, "kms-key")
		}},
		{"nothing leaks", func(t *testing.T) {
			raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(plain, "patchbay-master-key:"))
			if err != nil || len(raw) != 32 {
				t.Fatal("the plain key is not one")
			}
			all := n.everything(t)
			for _, content := range files(t, n.dir) {
				all += string(content)
			}
			for what, secret := range map[string]string{"the master key": string(raw), "its text": plain, "the secret of AWS": awsSecret} {
				if strings.Contains(all, secret) {
					t.Errorf("%s is in a file, a log or a metric", what)
				}
			}
		}},
	} {
		if !t.Run(check.name, check.run) {
			return
		}
	}
}

// open decrypts the content of a wrapped master key file, as an operator could.
func (m *moto) open(t *testing.T, text string) string {
	t.Helper()
	var opened struct{ Plaintext []byte }
	err := m.call("Decrypt", map[string]any{
		"CiphertextBlob":    strings.TrimPrefix(strings.TrimSpace(text), "patchbay-wrapped-master-key:"),
		"EncryptionContext": map[string]string{"associatedData": fmt.Sprintf("%x", "patchbay 1 master key")},
	}, &opened)
	if err != nil {
		t.Fatal(err)
	}
	return string(opened.Plaintext)
}
