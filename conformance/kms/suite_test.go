package conformance

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchbay/patchbay/conformance/harness"
)

// suite is what the checks of Vault share.
type suite struct {
	vault     *vault
	node      *node
	target    *target
	keyFile   string // of the wrapped master key, in the data directory
	tokenFile string
	plain     string   // the master key's text, as Vault gives it to an operator
	tokens    []string // for Vault, all that there were
}

func TestConformance(t *testing.T) {
	t.Run("Vault", withVault)
	t.Run("AWS", withAWS)
	t.Run("Google", withGoogle)
}

func withVault(t *testing.T) {
	ctx := harness.Life(t)
	s := &suite{vault: startVault(t, ctx), target: startTarget(t), tokenFile: filepath.Join(t.TempDir(), "token")}
	s.node = newNode(t, ctx, "PATCHBAY_KMS_TOKEN_FILE="+s.tokenFile, "PATCHBAY_KMS_TLS_CA_FILE="+s.vault.pair.certificate)
	s.keyFile = filepath.Join(s.node.dir, "master.key")
	s.newToken(t)
	for _, check := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"a master key is generated wrapped", s.generate},
		{"a secret is written and used", s.use},
		{"it stops: the running node goes on", s.goesOn},
		{"it is gone at the start: sealed", s.sealedAtStart},
		{"sealed: local commands refuse and change nothing", s.localRefuses},
		{"it comes back, itself sealed, then unsealed: opens by itself", s.opens},
		{"the token is revoked: sealed; a new one in the file opens", s.tokenRevoked},
		{"it throttles: sealed, then opens", s.throttled},
		{"a certificate of another authority: sealed", s.untrusted},
		{"the transit key is rotated: the old ciphertext opens", s.rotated},
		{"what stays a refusal at the start", s.refusals},
		{"wrap, unwrap: the same key in other custody", s.moves},
		{"rewrap: another master key under the same service", s.rewraps},
		{"the transit key is deleted: runs on, sealed after a restart; the copy of the operator opens", s.deleted},
		{"nothing leaks", s.leaks},
	} {
		if !t.Run(check.name, check.run) {
			return // each builds on the one before
		}
	}
}

// newToken puts another token into the token file, and takes away the one before.
func (s *suite) newToken(t *testing.T) {
	t.Helper()
	token := s.vault.token(t)
	s.tokens = append(s.tokens, token)
	if err := os.WriteFile(s.tokenFile, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (s *suite) generate(t *testing.T) {
	s.node.must(t, "key", "generate", "--master-key-kms", s.vault.uri(transitKey))
	info, err := os.Stat(s.keyFile)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the file is %v, %v", info, err)
	}
	plain, err := s.vault.open(t, transitKey, read(t, s.keyFile))
	if err != nil || !strings.HasPrefix(plain, "patchbay-master-key:") {
		t.Fatalf("Vault opens no master key (%v)", err)
	}
	s.plain = plain
	s.node.set("PATCHBAY_MASTER_KEY_KMS", s.vault.uri(transitKey))
}

func (s *suite) use(t *testing.T) {
	s.node.furnish(t, s.target)
	s.node.works(t)
	s.node.open(t)
}

func (s *suite) goesOn(t *testing.T) {
	s.vault.stop(t)
	s.node.works(t)
	s.node.open(t)
}

func (s *suite) sealedAtStart(t *testing.T) {
	asked := s.target.asked.Load()
	s.node.restart(t)
	s.node.sealed(t, "kms-unreachable")
	if n := s.target.asked.Load() - asked; n != 0 {
		t.Errorf("the target was asked %d times", n)
	}
}

func (s *suite) localRefuses(t *testing.T) {
	before := files(t, s.node.dir)
	for _, command := range [][]string{
		{"tenant", "create", "fabrikam.example"},
		{"key", "verify"},
		{"key", "rotate"},
		{"key", "rewrap", "--new-master-key-file", filepath.Join(s.node.dir, "new.key")},
		{"key", "unwrap", "--new-master-key-file", filepath.Join(s.node.dir, "plain.key")},
		{"key", "generate", "--master-key-file", filepath.Join(s.node.dir, "another.key"), "--master-key-kms", s.vault.uri(anotherKey)},
	} {
		s.node.refused(t, s.vault.uri("")[:len("hcvault://127.0.0.1")], command...)
	}
	after := files(t, s.node.dir)
	for name, content := range after {
		if !bytes.Equal(before[name], content) {
			t.Errorf("%s was changed or made", name)
		}
	}
}

func (s *suite) opens(t *testing.T) {
	s.vault.start(t)
	s.node.becomes(t, "kms-failed") // Vault answers that it is sealed
	s.vault.unseal(t)
	t.Logf("opened %s after Vault", s.node.ready(t).Round(time.Millisecond))
	s.node.open(t)
	s.node.works(t)
	s.node.toldOnce(t, "kms-unreachable", "kms-failed")
}

func (s *suite) tokenRevoked(t *testing.T) {
	s.vault.do(t, "POST", "auth/token/revoke", map[string]string{"token": s.tokens[0]}, 204, nil)
	s.node.works(t)
	s.node.restart(t)
	s.node.sealed(t, "kms-refused")
	if err := os.Remove(s.tokenFile); err != nil {
		t.Fatal(err)
	}
	s.node.becomes(t, "no-kms-token")
	s.newToken(t)
	t.Logf("opened %s after the token", s.node.ready(t).Round(time.Millisecond))
	s.node.works(t)
	s.node.toldOnce(t, "kms-refused", "no-kms-token")
}

func (s *suite) throttled(t *testing.T) {
	const quota = "sys/quotas/rate-limit/patchbay"
	s.vault.do(t, "POST", quota, map[string]any{"path": "transit/", "rate": 0.01, "interval": "5m"}, 204, nil)
	_, _ = s.vault.open(t, transitKey, read(t, s.keyFile)) // the one that is allowed
	s.node.restart(t)
	s.node.sealed(t, "kms-throttled")
	s.vault.do(t, "DELETE", quota, nil, 204, nil)
	s.node.ready(t)
	s.node.works(t)
}

func (s *suite) untrusted(t *testing.T) {
	s.node.set("PATCHBAY_KMS_TLS_CA_FILE", "")
	s.node.restart(t)
	s.node.sealed(t, "kms-unreachable")
	if log := s.node.Log.String(); !strings.Contains(log, "x509") {
		t.Errorf("the log does not say why: %s", log)
	}
	s.node.set("PATCHBAY_KMS_TLS_CA_FILE", s.vault.pair.certificate)
	s.node.restart(t)
	s.node.ready(t)
}

func (s *suite) rotated(t *testing.T) {
	s.vault.do(t, "POST", "transit/keys/"+transitKey+"/rotate", nil, 200, nil)
	s.node.restart(t)
	s.node.ready(t)
	s.node.works(t)
}

func (s *suite) refusals(t *testing.T) {
	s.node.stop(t)
	uri, key := s.vault.uri(transitKey), read(t, s.keyFile)
	write := func(text string) {
		if err := os.WriteFile(s.keyFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.node.set("PATCHBAY_MASTER_KEY_KMS", "")
	s.node.refused(t, "is wrapped; set master_key_kms", "serve", "--log-level=error")
	s.node.set("PATCHBAY_MASTER_KEY_KMS", uri)
	write(s.plain)
	s.node.refused(t, "is not wrapped, but master_key_kms names a service", "serve", "--log-level=error")
	write("patchbay-wrapped-master-key:%%%")
	s.node.refused(t, "this is not a wrapped master key", "serve", "--log-level=error")
	write("nonsense")
	s.node.refused(t, "this is not a master key", "serve", "--log-level=error")
	if err := os.Remove(s.keyFile); err != nil {
		t.Fatal(err)
	}
	s.node.must(t, "key", "generate") // another one, for another database
	s.node.refused(t, "belongs to another master key", "serve", "--log-level=error")
	s.node.set("PATCHBAY_MASTER_KEY_KMS", "hcvault://vault.example:8200/transit/keys/k")
	s.node.set("PATCHBAY_KMS_TLS_MODE", "off")
	s.node.refused(t, "plain HTTP to vault.example", "serve", "--log-level=error")
	s.node.set("PATCHBAY_KMS_TLS_MODE", "")
	s.node.set("PATCHBAY_MASTER_KEY_KMS", uri)

	// No file at all: it may come back, as a mount does.
	if err := os.Remove(s.keyFile); err != nil {
		t.Fatal(err)
	}
	s.node.start(t)
	s.node.sealed(t, "no-master-key")
	write(key)
	s.node.ready(t)
	s.node.works(t)
}

func (s *suite) moves(t *testing.T) {
	dir := t.TempDir()
	plain, moved, again := filepath.Join(dir, "plain"), filepath.Join(dir, "moved"), filepath.Join(dir, "again")
	s.node.must(t, "key", "unwrap", "--new-master-key-file", plain)
	if read(t, plain) != s.plain+"\n" {
		t.Error("the plain file has another key")
	}
	s.node.must(t, "key", "wrap", "--new-master-key-file", moved, "--new-master-key-kms", s.vault.uri(anotherKey))
	s.node.set("PATCHBAY_MASTER_KEY_KMS", "")
	s.node.must(t, "key", "wrap", "--master-key-file", plain, "--new-master-key-file", again, "--new-master-key-kms", s.vault.uri(anotherKey))
	for _, file := range []string{moved, again} {
		if opened, err := s.vault.open(t, anotherKey, read(t, file)); err != nil || opened != s.plain {
			t.Errorf("%s has another key (%v)", filepath.Base(file), err)
		}
		if _, err := s.vault.open(t, transitKey, read(t, file)); err == nil {
			t.Errorf("%s opens with the key that did not wrap it", filepath.Base(file))
		}
	}
	s.node.must(t, "key", "verify", "--master-key-file", plain)
	s.node.must(t, "key", "verify", "--master-key-file", moved, "--master-key-kms", s.vault.uri(anotherKey))
	// The URI of another key does not open the file; there is nothing to be sealed about in a command.
	s.node.refused(t, "(kms-key)", "key", "verify", "--master-key-file", moved, "--master-key-kms", s.vault.uri(transitKey))
	s.node.set("PATCHBAY_MASTER_KEY_KMS", s.vault.uri(transitKey))
	s.node.works(t)
}

func (s *suite) rewraps(t *testing.T) {
	s.node.stop(t)
	next := filepath.Join(s.node.dir, "next.key")
	s.node.must(t, "key", "rewrap", "--new-master-key-file", next)
	s.node.refused(t, "belongs to another master key", "key", "verify")
	plain, err := s.vault.open(t, transitKey, read(t, next))
	if err != nil || plain == s.plain {
		t.Fatalf("the file has no other key (%v)", err)
	}
	s.plain = plain
	if err := os.Rename(next, s.keyFile); err != nil {
		t.Fatal(err)
	}
	s.node.start(t)
	s.node.ready(t)
	s.node.login(t)
	s.node.works(t)
	s.node.must(t, "key", "rotate")
	s.node.must(t, "key", "verify")
}

func (s *suite) deleted(t *testing.T) {
	s.vault.do(t, "POST", "transit/keys/"+transitKey+"/config", map[string]bool{"deletion_allowed": true}, 200, nil)
	s.vault.do(t, "DELETE", "transit/keys/"+transitKey, nil, 204, nil)
	s.node.works(t)
	s.node.restart(t)
	s.node.sealed(t, "kms-key")
	s.node.stop(t)
	backup := filepath.Join(t.TempDir(), "copy")
	if err := os.WriteFile(backup, []byte(s.plain), 0o600); err != nil {
		t.Fatal(err)
	}
	s.node.set("PATCHBAY_MASTER_KEY_KMS", "")
	s.node.set("PATCHBAY_MASTER_KEY_FILE", backup)
	s.node.start(t)
	s.node.ready(t)
	s.node.works(t)
}

// leaks looks for what must be nowhere in all that the node has written, since the beginning.
func (s *suite) leaks(t *testing.T) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s.plain, "patchbay-master-key:"))
	if err != nil || len(raw) != 32 {
		t.Fatal("the plain key is not one")
	}
	secrets := map[string]string{
		"the plain master key": string(raw), "the plain master key in base64": base64.StdEncoding.EncodeToString(raw),
		"the plain master key in hex": hex.EncodeToString(raw), "the plain master key's text in base64": base64.StdEncoding.EncodeToString([]byte(s.plain))[:60],
		"the password": connectorPassword,
	}
	for _, token := range s.tokens {
		secrets["a token of Vault's"] = token
	}
	told := s.node.everything(t)
	written := files(t, s.node.dir)
	if !strings.Contains(told, "kms-refused") || len(written) == 0 {
		t.Fatal("the test looks at nothing")
	}
	for what, secret := range secrets {
		if strings.Contains(told, secret) {
			t.Errorf("%s is in a log or a metric", what)
		}
		for name, content := range written {
			if bytes.Contains(content, []byte(secret)) {
				t.Errorf("%s is in %s", what, filepath.Base(name))
			}
		}
	}
}
