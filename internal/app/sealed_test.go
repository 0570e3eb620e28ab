package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/config"
	"github.com/patchbay/patchbay/internal/custody"
	"github.com/patchbay/patchbay/internal/seal"
)

// production is a data directory of a service in use, with the settings to serve it.
type production struct {
	cfg     *config.Config
	keyFile string
}

func newProduction(t *testing.T) production {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	pair := filepath.Join(dir, "tls")
	if _, err := makePair(pair+".pem", pair+"-key.pem", serverTemplate(now(), now().Add(serverLife)), nil); err != nil {
		t.Fatal(err)
	}
	p := production{
		keyFile: filepath.Join(dir, "key"),
		cfg: settings(t, "data_dir="+filepath.Join(dir, "data"), "master_key_file="+filepath.Join(dir, "key"), "listen=127.0.0.1:0", "health.listen=127.0.0.1:0",
			"tls.cert_file="+pair+".pem", "tls.key_file="+pair+"-key.pem"),
	}
	if err := GenerateMasterKey(t.Context(), p.cfg); err != nil {
		t.Fatal(err)
	}
	l, err := OpenLocal(t.Context(), p.cfg, slog.New(slog.DiscardHandler), true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Manage.CreateTenant(t.Context(), l.Operator, "contoso.example", ""); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return p
}

// take takes the key file away and returns its content.
func (p production) take(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(p.keyFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(p.keyFile); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// put writes a key file in one step, as whoever mounts one does.
func (p production) put(t *testing.T, text string) {
	t.Helper()
	if err := writeFile(p.keyFile, []byte(text), modePrivateFile); err != nil {
		t.Fatal(err)
	}
}

// serve runs the service until t ends.
func (p production) serve(t *testing.T) (*program, *lockedBuffer) {
	t.Helper()
	log := &lockedBuffer{}
	served, err := prepareServe(t.Context(), p.cfg, slog.New(slog.NewTextHandler(log, nil)), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- served.run(ctx) }()
	t.Cleanup(func() {
		end()
		if err := <-ended; err != nil {
			t.Errorf("the service ended with %v", err)
		}
	})
	return served, log
}

// readyz waits until /readyz says want.
func readyz(t *testing.T, p *program, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		_, body, err := get(ctx, p.health, "/readyz")
		if err == nil && strings.TrimSpace(body) == want {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("/readyz: %q, %v, want %q", body, err, want)
		}
	}
}

// ask sends a GET to the public listener.
func ask(t *testing.T, p *program, path string) (status int, retryAfter, body string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("https://127.0.0.1:%d%s", p.public.port(), path), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header.Get("Retry-After"), string(text)
}

// TestSealedUntilTheKeyIsThere goes through what may be in the key's place before it comes back.
func TestSealedUntilTheKeyIsThere(t *testing.T) {
	t.Parallel()
	p := newProduction(t)
	key := p.take(t)
	another, err := seal.GenerateMasterKey(seal.Production)
	if err != nil {
		t.Fatal(err)
	}
	served, log := p.serve(t)
	readyz(t, served, "sealed: no-master-key")
	for path, want := range map[string]string{
		"/v1.0/identity/apiConnectors":                       `"code":"ServiceUnavailable"`,
		"/runtime/v1/reasons":                                `"code":"ServiceUnavailable"`,
		"/common/v2.0/.well-known/openid-configuration":      `"error":"temporarily_unavailable"`,
		"/v1.0/identity/b2xUserFlows/x/apiConnectorSettings": `"code":"ServiceUnavailable"`,
	} {
		if status, after, body := ask(t, served, path); status != http.StatusServiceUnavailable || after != "10" || !strings.Contains(body, want) || !strings.Contains(body, "The service is sealed") {
			t.Errorf("%s: %d, Retry-After %q, %s", path, status, after, body)
		}
	}
	if status, body, err := get(t.Context(), served.health, "/healthz"); status != http.StatusOK || err != nil {
		t.Errorf("/healthz: %d %s, %v", status, body, err)
	}
	if _, body, _ := get(t.Context(), served.health, "/metrics"); !strings.Contains(body, "\npatchbay_sealed 1\n") {
		t.Error("the metric does not say that the service is sealed")
	}
	p.put(t, another.Text())
	readyz(t, served, "sealed: master-key-unusable")
	if status, _, _ := ask(t, served, "/common/v2.0/.well-known/openid-configuration"); status != http.StatusServiceUnavailable {
		t.Errorf("with a wrong key: %d", status)
	}
	p.put(t, key)
	readyz(t, served, "ready")
	if status, _, body := ask(t, served, "/common/v2.0/.well-known/openid-configuration"); status != http.StatusOK {
		t.Errorf("open: %d %s", status, body)
	}
	if status, _, body := ask(t, served, "/v1.0/identity/apiConnectors"); status != http.StatusUnauthorized {
		t.Errorf("open: %d %s", status, body)
	}
	if _, body, _ := get(t.Context(), served.health, "/metrics"); !strings.Contains(body, "\npatchbay_sealed 0\n") {
		t.Error("the metric does not say that the service is open")
	}
	for text, want := range map[string]int{"sealed: every request": 2, "opened: the master key is here": 1} {
		if got := strings.Count(log.String(), text); got != want {
			t.Errorf("the log says %d times %q, want %d", got, text, want)
		}
	}
	for _, secret := range []string{key, another.Text()} {
		if strings.Contains(log.String(), strings.TrimSpace(secret)[20:]) {
			t.Error("a key is in the log")
		}
	}
}

// TestWhatIsNoReasonToWait stays a refusal at the start.
func TestWhatIsNoReasonToWait(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		prepare func(*testing.T, production)
		want    string
	}{
		"a new database without a key": {func(t *testing.T, p production) {
			t.Helper()
			p.take(t)
			if err := os.Remove(p.cfg.Database.Path()); err != nil {
				t.Fatal(err)
			}
		}, "there is no master key at"},
		"a database without a ring and without a key": {func(t *testing.T, p production) {
			t.Helper()
			p.take(t)
			if err := os.Remove(p.cfg.Database.Path()); err != nil {
				t.Fatal(err)
			}
			c, err := openSealed(t.Context(), p.cfg, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.close(); err != nil {
				t.Fatal(err)
			}
		}, "there is no master key at"},
		"a malformed key": {func(t *testing.T, p production) { t.Helper(); p.put(t, "patchbay-master-key:x") }, "this is not a master key"},
		"another key": {func(t *testing.T, p production) {
			t.Helper()
			p.take(t)
			if err := GenerateMasterKey(t.Context(), p.cfg); err != nil {
				t.Fatal(err)
			}
		}, "belongs to another master key"},
		"a key that others may read": {func(t *testing.T, p production) {
			t.Helper()
			if err := os.Chmod(p.keyFile, 0o644); err != nil {
				t.Fatal(err)
			}
		}, "may be read by others"},
		"a wrapped key without a service": {func(t *testing.T, p production) { t.Helper(); p.put(t, "patchbay-wrapped-master-key:eA==") }, "set master_key_kms"},
		"a plain key with a service": {func(_ *testing.T, p production) {
			p.cfg.MasterKeyKMS = "hcvault://127.0.0.1:1/transit/keys/k"
		}, "is not wrapped, but master_key_kms names a service"},
		"a URI that names no key": {func(_ *testing.T, p production) { p.cfg.MasterKeyKMS = "hcvault://127.0.0.1:1" }, "master_key_kms: it must name a key"},
		"authorities that are none": {func(t *testing.T, p production) {
			t.Helper()
			p.cfg.KMS.TLS.CAFile = p.keyFile
			p.cfg.MasterKeyKMS = "hcvault://127.0.0.1:1/transit/keys/k"
		}, "kms.tls.ca_file: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProduction(t)
			tc.prepare(t, p)
			log := &lockedBuffer{}
			_, err := prepareServe(t.Context(), p.cfg, slog.New(slog.NewTextHandler(log, nil)), nil)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(log.String(), "sealed") {
				t.Errorf("%v, want %q; log: %s", err, tc.want, log)
			}
			if name == "a new database without a key" && databaseExists(p.cfg) {
				t.Error("the database was made")
			}
		})
	}
}

// TestUnlockWithAnotherKey leaves the core as it was.
func TestUnlockWithAnotherKey(t *testing.T) {
	t.Parallel()
	p := newProduction(t)
	c, err := openSealed(t.Context(), p.cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	another, err := seal.GenerateMasterKey(seal.Production)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.unlock(t.Context(), another); err == nil || !c.master.IsZero() || c.keys.Journal().MAC("claim", nil) != nil {
		t.Errorf("the core kept another key (%v)", err)
	}
	own, err := masterKey(t.Context(), p.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.unlock(t.Context(), own); err != nil || c.keys.Journal().MAC("claim", nil) == nil {
		t.Errorf("its own key: %v", err)
	}
}

// TestPauses: from two seconds to thirty, shortened by at most a quarter, and one line for each reason.
func TestPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &lockedBuffer{}
		logger := slog.New(slog.NewTextHandler(log, nil))
		began := false
		p := &program{
			log: logger, gate: &gate{}, readiness: &readiness{}, sealed: http.NotFoundHandler(), open: http.NotFoundHandler(),
			tasks: []func(context.Context){func(context.Context) { began = true }},
		}
		absent := fmt.Errorf("%w at k", custody.ErrNoKey)
		results := []error{
			absent, absent, absent, absent, absent, &foreignKeyError{"another"}, errors.New("malformed"),
			apiconn.Errorf(apiconn.Upstream, "The database is away."), absent, nil,
		}
		var pauses []time.Duration
		last := time.Now()
		p.seal(absent, func(context.Context) error {
			pauses = append(pauses, time.Since(last))
			last = time.Now()
			err := results[0]
			results = results[1:]
			return err
		})
		if len(p.tasks) != 1 || p.readiness.sealed.Load() == nil {
			t.Fatal("the program is not sealed")
		}
		p.tasks[0](t.Context())
		if !began || p.readiness.sealed.Load() != nil {
			t.Error("the program was not opened")
		}
		const s = time.Second
		for i, longest := range []time.Duration{0, 2 * s, 4 * s, 8 * s, 16 * s, 30 * s, 30 * s, 30 * s, 30 * s, 30 * s} {
			if pauses[i] > longest || pauses[i] < longest*3/4 {
				t.Errorf("attempt %d came after %s, want %s at most", i, pauses[i], longest)
			}
		}
		if got := strings.Count(log.String(), "sealed: every request"); got != 4 { // absent, unusable, database, absent
			t.Errorf("%d lines say that the service is sealed: %s", got, log)
		}
		if !strings.Contains(log.String(), "sealed_for=") {
			t.Error("no line says that it is open")
		}
	})
}

// TestSealedServiceStops in good order, and without having begun its tasks.
func TestSealedServiceStops(t *testing.T) {
	t.Parallel()
	p := newProduction(t)
	p.take(t)
	served, err := prepareServe(t.Context(), p.cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- served.run(ctx) }()
	readyz(t, served, "sealed: no-master-key")
	end()
	if err := <-ended; err != nil {
		t.Errorf("%v", err)
	}
}

func TestTokenFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	cfg := settings(t, "kms.token_file="+path)
	for name, tc := range map[string]struct {
		text string
		mode os.FileMode
		want string // the token, or part of the error
	}{
		"as an agent writes it":   {"hvs.token\n", 0o640, "hvs.token"},
		"for everybody":           {"hvs.token", 0o644, "may be read by others"},
		"empty":                   {"\n", 0o600, "is empty"},
		"two lines":               {"hvs.token\nX-Evil: y", 0o600, "one line of printable ASCII"},
		"what cannot be a header": {"hvs.tok\x00en", 0o600, "one line of printable ASCII"},
	} {
		if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, tc.mode); err != nil {
			t.Fatal(err)
		}
		token, err := serviceToken(cfg)
		if token != tc.want && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "hvs") {
			t.Errorf("%s: the error quotes the token", name)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := serviceToken(cfg); err == nil || !strings.Contains(err.Error(), "kms.token_file") {
		t.Errorf("a missing file: %v", err)
	}
	if token, err := serviceToken(settings(t)); token != "" || err != nil {
		t.Errorf("without a setting: %q, %v", token, err)
	}
}
