package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"patchbay": main})
}

// TestScripts runs the specifications of the command line in testdata/script. Beside testscript's own commands there are:
//
//	refuses CODE COMMAND...   the command ends with that exit code, prints nothing, and one line on stderr
//	until COMMAND...          repeats the command until it succeeds, at most for a minute
//	mode OCTAL FILE...        the files have that mode
//	value NAME FILE MEMBER    sets NAME to a member of the JSON object in FILE
//	expand FILE...            replaces $NAME in the files
//	token NAME ENV-FILE       asks for a token as a file like dev.env says, until it gets one; sets NAME and what the file says;
//	                          with ! it must be refused
//	http STATUS METHOD URL CA-FILE [TOKEN [BODY-FILE]]   the request is answered with that status; prints the body
//	await STATUS METHOD URL CA-FILE [TOKEN [BODY-FILE]]  repeats the request until it is, at most for a minute
//	certificate FILE          writes an RSA certificate in PEM
//	pkcs12 FILE PASSWORD DAYS writes a PKCS#12 file with a certificate that is valid for that many days
//	renew                     replaces the server certificate in tls.pem and tls-key.pem
//
// and those of databaseCommands.
func TestScripts(t *testing.T) {
	t.Parallel()
	commands := map[string]func(*testscript.TestScript, bool, []string){
		"refuses": refuses, "until": until, "mode": mode, "value": value, "expand": expand, "token": token,
		"http": request, "await": await, "certificate": certificate, "pkcs12": pkcs12File, "renew": renew,
	}
	maps.Copy(commands, databaseCommands(t))
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setup,
		Cmds:                commands,
	})
}

// setup gives each script free ports and a server certificate for localhost.
func setup(env *testscript.Env) error {
	for _, name := range []string{"PORT1", "PORT2"} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		env.Setenv(name, strconv.Itoa(ln.Addr().(*net.TCPAddr).Port))
		if err := ln.Close(); err != nil {
			return err
		}
	}
	return writeTLS(env.WorkDir)
}

// writeTLS writes tls.pem and tls-key.pem: a new server certificate for localhost.
func writeTLS(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	return errors.Join(
		writeCertificate(filepath.Join(dir, "tls.pem"), "localhost", key),
		os.WriteFile(filepath.Join(dir, "tls-key.pem"), keyPEM, 0o600),
	)
}

func renew(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: renew")
	}
	ts.Check(writeTLS(ts.MkAbs(".")))
}

// writeCertificate writes a certificate for key that it signs itself.
func writeCertificate(path, name string, key crypto.Signer) error {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}

func certificate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: certificate file")
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	ts.Check(err)
	ts.Check(writeCertificate(ts.MkAbs(args[0]), "client", key))
}

func refuses(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: refuses code command...")
	}
	err := ts.Exec(args[1], args[2:]...)
	exit := &exec.ExitError{}
	if !errors.As(err, &exit) {
		ts.Fatalf("accepted: %v", err)
	}
	if got := strconv.Itoa(exit.ExitCode()); got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("printed %q", out)
	}
	if line := ts.ReadFile("stderr"); !regexp.MustCompile(`^patchbay: [^\n]+\n$`).MatchString(line) {
		ts.Fatalf("want one line on stderr, got %q", line)
	}
}

func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: until command...")
	}
	poll(ts, func() error { return ts.Exec(args[0], args[1:]...) })
}

// poll repeats try until it succeeds, at most for a minute.
func poll(ts *testscript.TestScript, try func() error) {
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline.C:
			ts.Fatalf("still failing after a minute: %v", err)
		}
	}
}

func mode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: mode octal file...")
	}
	for _, name := range args[1:] {
		info, err := os.Stat(ts.MkAbs(name))
		ts.Check(err)
		if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
			ts.Fatalf("%s has mode %s, want %s", name, got, args[0])
		}
	}
}

func value(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: value NAME file member")
	}
	var object map[string]any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &object))
	text, ok := object[args[2]].(string)
	if !ok {
		ts.Fatalf("%s is no text", args[2])
	}
	ts.Setenv(args[0], text)
}

func expand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: expand file...")
	}
	for _, name := range args {
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(os.Expand(ts.ReadFile(name), ts.Getenv)), 0o600))
	}
}

// token waits for the server too: after a restart on another port dev.env names the old one for a moment.
func token(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] token NAME env-file")
	}
	if neg {
		if status, _, err := askToken(ts, args[1]); err != nil || status != http.StatusUnauthorized {
			ts.Fatalf("status %d, %v, want 401", status, err)
		}
		return
	}
	poll(ts, func() error {
		status, body, err := askToken(ts, args[1])
		if err != nil || status != http.StatusOK {
			return fmt.Errorf("status %d, %w", status, err)
		}
		var answer struct {
			AccessToken string `json:"access_token"`
		}
		if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.AccessToken == "" {
			return fmt.Errorf("no token in the answer: %w", err)
		}
		ts.Setenv(args[0], answer.AccessToken)
		return nil
	})
}

// askToken sends one token request as the environment file says, and sets its variables.
func askToken(ts *testscript.TestScript, file string) (int, string, error) {
	text, err := os.ReadFile(ts.MkAbs(file))
	if err != nil {
		return 0, "", err
	}
	env := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[name] = value
		ts.Setenv(name, value)
	}
	form := url.Values{
		"grant_type": {"client_credentials"}, "scope": {"https://graph.microsoft.com/.default"},
		"client_id": {env["AZURE_CLIENT_ID"]}, "client_secret": {env["AZURE_CLIENT_SECRET"]},
	}
	address := env["AZURE_AUTHORITY_HOST"] + "/" + env["AZURE_TENANT_ID"] + "/oauth2/v2.0/token"
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	return send(http.MethodPost, address, ts.MkAbs(env["SSL_CERT_FILE"]), header, form.Encode())
}

func request(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(ask(ts, neg, args))
}

func await(ts *testscript.TestScript, neg bool, args []string) {
	poll(ts, func() error { return ask(ts, neg, args) })
}

// ask makes the request of http and await; another status than the wanted one is an error.
func ask(ts *testscript.TestScript, neg bool, args []string) error {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: http status method url ca-file [token [body-file]]")
	}
	header, body := http.Header{}, ""
	if len(args) > 4 {
		header.Set("Authorization", "Bearer "+args[4])
	}
	if len(args) > 5 {
		header.Set("Content-Type", "application/json")
		body = ts.ReadFile(args[5])
	}
	status, answer, err := send(args[1], args[2], ts.MkAbs(args[3]), header, body)
	if err != nil {
		return err
	}
	if strconv.Itoa(status) != args[0] {
		return fmt.Errorf("status %d, want %s: %s", status, args[0], answer)
	}
	_, err = fmt.Fprintln(ts.Stdout(), answer)
	return err
}

// send makes one HTTPS request that trusts only the certificates of a file.
func send(method, address, caFile string, header http.Header, body string) (int, string, error) {
	ca, err := os.ReadFile(caFile)
	if err != nil {
		return 0, "", err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	req, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header = header
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
	}, Timeout: 10 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, string(answer), err
}
