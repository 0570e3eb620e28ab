package bench

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// target is a server under load.
type target struct {
	url, token string
	client     *http.Client
	exact      bool // a status other than the expected one is a failure
}

// peerVariable makes this test binary the bare peer instead.
const peerVariable = "PATCHBAY_BENCH_PEER"

// TestMain runs the benchmarks or, in a child process, the peer: a bare handler, HTTP/1.1 over TLS as for Patchbay.
func TestMain(m *testing.M) {
	if os.Getenv(peerVariable) == "" {
		os.Exit(m.Run())
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	fmt.Println(server.URL)
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent closes it
	server.Close()
}

// startBare starts the peer in a process of its own.
func startBare(b *testing.B) target {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	peer := exec.CommandContext(b.Context(), self)
	peer.Env = append(os.Environ(), peerVariable+"=1")
	out, err := peer.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	in, err := peer.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := peer.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = in.Close(); _ = peer.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	// The peer's certificate is httptest's; what is measured is the server, not the client's trust in it.
	return target{url: strings.TrimSpace(line), client: client(&tls.Config{InsecureSkipVerify: true})}
}

// build builds the program as `make build` does and returns its path.
func build(b *testing.B) string {
	b.Helper()
	program := filepath.Join(b.TempDir(), "patchbay")
	cmd := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./cmd/patchbay")
	cmd.Dir, cmd.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

// dev starts `patchbay dev` with further settings and returns when it has printed its first line, which it does when it
// is ready.
func dev(b *testing.B, program, data string, settings ...string) *exec.Cmd {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), program, "dev", "--data-dir", data, "--listen", "127.0.0.1:0", "--throttle", "off", "--log-level", "error")
	cmd.Env = append(os.Environ(), settings...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		b.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return cmd
}

// end stops a server in order.
func end(cmd *exec.Cmd) {
	_ = cmd.Process.Signal(os.Interrupt)
	_ = cmd.Wait()
}

// startPatchbay starts the program without throttling, and gets a token.
func startPatchbay(b *testing.B) target {
	b.Helper()
	data := filepath.Join(b.TempDir(), "data")
	server := dev(b, build(b), data)
	b.Cleanup(func() { end(server) })
	env := readEnv(b, filepath.Join(data, "dev.env"))
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(env["SSL_CERT_FILE"])
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		b.Fatalf("read the certificate authority: %v", err)
	}
	t := target{client: client(&tls.Config{RootCAs: roots}), exact: true}
	t.url = env["PATCHBAY_URL"] + "/v1.0/identity/apiConnectors/" + env["PATCHBAY_CONNECTOR_ID"]
	t.token = t.ask(b, env)
	return t
}

func client(trust *tls.Config) *http.Client {
	most := connections[len(connections)-1]
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		TLSClientConfig: trust, MaxIdleConns: most, MaxIdleConnsPerHost: most, TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
	}}
}

func readEnv(b *testing.B, file string) map[string]string {
	b.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	env := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			env[name] = strings.Trim(value, `'"`)
		}
	}
	return env
}

func (t target) ask(b *testing.B, env map[string]string) string {
	b.Helper()
	answer, err := t.client.PostForm(env["PATCHBAY_URL"]+"/"+env["AZURE_TENANT_ID"]+"/oauth2/v2.0/token", url.Values{
		"grant_type": {"client_credentials"}, "scope": {"https://graph.microsoft.com/.default"},
		"client_id": {env["AZURE_CLIENT_ID"]}, "client_secret": {env["AZURE_CLIENT_SECRET"]},
	})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&token); err != nil || token.AccessToken == "" {
		b.Fatalf("no token: %s, %v", answer.Status, err)
	}
	return token.AccessToken
}
