package custody

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/patchbay/patchbay/internal/seal"
)

func TestURIs(t *testing.T) {
	t.Parallel()
	const good = ""
	for uri, want := range map[string]string{
		"hcvault://vault.example:8200/transit/keys/k":                                  good,
		"hcvault://vault.example/a/deep/mount/keys/k":                                  good,
		"hcvault://[::1]:8200/transit/keys/k":                                          good,
		"hcvault://vault.example:8200/transit/k":                                       "a key of the transit engine",
		"hcvault://vault.example:8200/keys/k":                                          "a key of the transit engine",
		"hcvault://vault.example:8200/transit/keys/":                                   "a key of the transit engine",
		"hcvault://vault.example:8200/transit//keys/k":                                 "a key of the transit engine",
		"hcvault:///transit/keys/k":                                                    "without a user",
		"hcvault://token@vault.example/transit/keys/k":                                 "without a user",
		"hcvault://vault.example/transit/keys/k?namespace=x":                           "without a user",
		"hcvault://vault.example/transit/keys/a%2Fb":                                   "without a user",
		"https://vault.example/transit/keys/k":                                         "must begin with",
		"HCVAULT://vault.example/transit/keys/k":                                       "must begin with",
		"":                                                                             "must begin with",
		"aws-kms://arn:aws:kms:eu-central-1:123456789012:key/k":                        good,
		"aws-kms://arn:aws-cn:kms:cn-north-1:123456789012:alias/k":                     good,
		"aws-kms://alias/k":                                                            "the ARN of a key",
		"aws-kms://arn:aws:s3:eu-central-1:123456789012:key/k":                         "the ARN of a key",
		"gcp-kms://projects/p/locations/l/keyRings/r/cryptoKeys/k":                     good,
		"gcp-kms://projects/p/locations/l/keyRings/r":                                  "the name of a key",
		"gcp-kms://projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1": "the name of a key",
	} {
		s, err := Open(uri, Options{})
		if want == good && (err != nil || s.String() != uri) || want != good && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", uri, err, want)
		}
	}
}

func TestPlainHTTPToLoopbackOnly(t *testing.T) {
	t.Parallel()
	for host, loopback := range map[string]bool{
		"localhost:8200": true, "127.0.0.1:8200": true, "127.9.9.9": true, "[::1]:8200": true,
		"vault.example": false, "10.0.0.1:8200": false, "0.0.0.0:8200": false, "localhost.example": false, "[::ffff:10.0.0.1]:1": false,
	} {
		uri := "hcvault://" + host + "/transit/keys/k"
		if _, err := Open(uri, Options{PlainHTTP: true}); (err == nil) != loopback {
			t.Errorf("%s: %v", host, err)
		}
		if _, err := Open(uri, Options{PlainHTTP: true, Anywhere: true}); err != nil {
			t.Errorf("%s, anywhere: %v", host, err)
		}
	}
}

// foul is a server in the place of Vault that answers what it likes; the real one is in conformance/kms.
func foul(t *testing.T, answer http.HandlerFunc, o Options) *Service {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	o.PlainHTTP = true
	s, err := Open("hcvault://"+strings.TrimPrefix(server.URL, "http://")+"/transit/keys/k", o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestFailuresAreTold: every status has its reason, one line says which service it was, and what was sent comes back in
// no error, though the answer is all of the request.
func TestFailuresAreTold(t *testing.T) {
	t.Parallel()
	const token = "hvs.CAESIJ-a-token-of-vault"
	key := mustKey(t)
	for status, want := range map[int]Reason{
		400: ReasonKey, 401: ReasonRefused, 403: ReasonRefused, 404: ReasonKey, 429: ReasonThrottled, 500: ReasonFailed, 503: ReasonFailed,
	} {
		s := foul(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			echo, _ := json.Marshal(map[string]any{"errors": []string{r.Header.Get("X-Vault-Token") + "\n" + string(body)}})
			w.WriteHeader(status)
			_, _ = w.Write(echo)
		}, Options{Token: func() (string, error) { return token, nil }})
		_, err := Text(t.Context(), key, s)
		if ReasonOf(err) != want {
			t.Errorf("%d: %s, want %s", status, ReasonOf(err), want)
			continue
		}
		said := err.Error()
		if !strings.Contains(said, s.String()) || strings.Contains(said, "\n") || !strings.Contains(said, "******") {
			t.Errorf("%d: the error does not name the service in one masked line", status)
		}
		encoded := strings.TrimPrefix(key.Text(), "patchbay-master-key:")
		if strings.Contains(said, token) || strings.Contains(said, encoded) || strings.Contains(said, "cGF0Y2hiYXkt") { // base64 of "patchbay-"
			t.Errorf("%d: the error tells what was sent", status)
		}
	}
}

// TestTokenIsReadAtEveryAttempt: an agent replaces it.
func TestTokenIsReadAtEveryAttempt(t *testing.T) {
	t.Parallel()
	var seen []string
	tokens := []string{"first", "second", ""}
	s := foul(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("X-Vault-Token")+"@"+r.Header.Get("X-Vault-Namespace"))
		w.WriteHeader(http.StatusForbidden)
	}, Options{Namespace: "team", Token: func() (string, error) {
		token := tokens[0]
		tokens = tokens[1:]
		return token, nil
	}})
	for range 3 {
		_, _ = s.decrypt(t.Context(), []byte("vault:v1:x"))
	}
	if got := strings.Join(seen, " "); got != "first@team second@team @team" {
		t.Errorf("it was asked with %s", got)
	}
	unreadable := errors.New("kms.token_file: no such file")
	s.opts.Token = func() (string, error) { return "", unreadable }
	if _, err := s.decrypt(t.Context(), []byte("x")); ReasonOf(err) != ReasonNoToken || !strings.Contains(err.Error(), "kms.token_file") {
		t.Errorf("%v (%s)", err, ReasonOf(err))
	}
}

// TestSilenceEnds: a service that does not answer holds nobody longer than the time-out, nor than whoever asks wants to wait.
func TestSilenceEnds(t *testing.T) {
	t.Parallel()
	asked, over := make(chan struct{}, 1), make(chan struct{})
	defer close(over)
	silent := func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-over
	}
	s := foul(t, silent, Options{Timeout: 100 * time.Millisecond})
	if _, err := s.decrypt(t.Context(), []byte("x")); ReasonOf(err) != ReasonUnreachable {
		t.Errorf("%v (%s)", err, ReasonOf(err))
	}
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	s = foul(t, silent, Options{Timeout: time.Hour})
	if _, err := s.decrypt(ctx, []byte("x")); ReasonOf(err) != ReasonUnreachable {
		t.Errorf("%v (%s)", err, ReasonOf(err))
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open("hcvault://"+address+"/transit/keys/k", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.decrypt(t.Context(), []byte("x")); ReasonOf(err) != ReasonUnreachable || !strings.Contains(err.Error(), "refused") {
		t.Errorf("%v (%s)", err, ReasonOf(err))
	}
}

// TestForeignPlaintext: what a service opens need not be a master key, nor the one that was wrapped.
func TestForeignPlaintext(t *testing.T) {
	t.Parallel()
	another := mustKey(t)
	for name, tc := range map[string]struct{ opens, want string }{
		"no key":      {"hello", "is no master key"},
		"nothing":     {"", "is no master key"},
		"another key": {another.Text(), "opens another key than it wrapped"},
	} {
		s := foul(t, func(w http.ResponseWriter, _ *http.Request) {
			answer, _ := json.Marshal(map[string]any{"data": map[string]any{"ciphertext": "vault:v1:x", "plaintext": []byte(tc.opens)}})
			_, _ = w.Write(answer)
		}, Options{})
		_, err := Text(t.Context(), mustKey(t), s)
		if err == nil || ReasonOf(err) != "" || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && len(tc.opens) > 0 && strings.Contains(err.Error(), tc.opens) {
			t.Errorf("%s: the error quotes what was opened", name)
		}
	}
}

// TestServicePrintsNoSecret: a service and its errors are printed, so neither may hold a token or a key.
func TestServicePrintsNoSecret(t *testing.T) {
	t.Parallel()
	key, err := seal.GenerateMasterKey(seal.Development)
	if err != nil {
		t.Fatal(err)
	}
	s := foul(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }, Options{
		Token: func() (string, error) { return "hvs.token", nil },
	})
	_, failed := Text(t.Context(), key, s)
	var u *UnavailableError
	if !errors.As(failed, &u) {
		t.Fatalf("%v", failed)
	}
	for _, v := range []any{s, *s, u, *u, failed} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "hvs.token") || strings.Contains(text, key.Text()[20:]) {
				t.Errorf("%T shows a secret by %s", v, verb)
			}
		}
	}
}
