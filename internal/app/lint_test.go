package app

import (
	"crypto/sha1"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"software.sslmate.com/src/go-pkcs12"
)

// TestLintCredentials: each way to name a credential, what is wrong with one, and no secret in any of it.
func TestLintCredentials(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const secret = "open-sesame"
	write := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	pair, err := makePair(certFile, keyFile, serverTemplate(time.Now(), time.Now().Add(serverLife)), nil)
	if err != nil {
		t.Fatal(err)
	}
	pfx, err := pkcs12.Modern.Encode(pair.PrivateKey, pair.Leaf, nil, secret)
	if err != nil {
		t.Fatal(err)
	}
	thumbprint := fmt.Sprintf("certificate %X", sha1.Sum(pair.Leaf.Raw))
	pfxFile := write("client.pfx", string(pfx), 0o600)
	right, wrong := write("right", secret+"\n", 0o600), write("wrong", "something else", 0o600)
	for name, c := range map[string]struct {
		options    LintOptions
		want, fail string
	}{
		"none":                    {LintOptions{}, "basic :******", ""},
		"word":                    {LintOptions{Basic: Login{Text: "ann:" + secret}}, "basic ann:******", ""},
		"file":                    {LintOptions{Basic: Login{File: write("login", "ann:"+secret+"\n", 0o600)}}, "basic ann:******", ""},
		"open file":               {LintOptions{Basic: Login{File: write("open", "ann:"+secret, 0o644)}}, "", "may be read by others"},
		"empty file":              {LintOptions{Basic: Login{File: write("empty", "", 0o600)}}, "", "written as user:password"},
		"empty variable":          {LintOptions{Basic: Login{Env: "LOGIN"}}, "", "written as user:password"},
		"no user name":            {LintOptions{Basic: Login{Text: ":" + secret}}, "", "written as user:password"},
		"PKCS#12":                 {LintOptions{PKCS12File: pfxFile, PKCS12PasswordFile: right}, thumbprint, ""},
		"PKCS#12, wrong password": {LintOptions{PKCS12File: pfxFile, PKCS12PasswordFile: wrong}, "", "pkcs12: "},
		"PKCS#12, no password":    {LintOptions{PKCS12File: pfxFile}, "", "pkcs12: "},
		"PKCS#12, no file":        {LintOptions{PKCS12PasswordFile: right}, "", "no PKCS#12 file"},
		"PEM":                     {LintOptions{CertFile: certFile, KeyFile: keyFile}, thumbprint, ""},
		"PEM, no key":             {LintOptions{CertFile: certFile}, "", "cert and key go together"},
		"PEM, another file":       {LintOptions{CertFile: certFile, KeyFile: right}, "", "cert.pem with"},
		"two":                     {LintOptions{CertFile: certFile, KeyFile: keyFile, PKCS12File: pfxFile}, "", "give one credential"},
		"three":                   {LintOptions{Basic: Login{Text: "ann:" + secret}, PKCS12File: pfxFile}, "", "give one credential"},
	} {
		c.options.URL = "https://localhost/?code=" + secret
		l, err := PrepareLint(t.Context(), c.options, slog.New(slog.DiscardHandler))
		if err != nil {
			if c.fail == "" || !strings.Contains(err.Error(), c.fail) {
				t.Errorf("%s: %v, want %q", name, err, c.fail)
			}
			if strings.Contains(fmt.Sprintf("%v %+v", err, err), secret) {
				t.Errorf("%s: the error shows the secret", name)
			}
			continue
		}
		if got := fmt.Sprintf("%+v", l.options.Credential); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if l.URL() != "https://localhost/?code=******" {
			t.Errorf("the URL is shown as %s", l.URL())
		}
		l.options.Client.Close()
	}
}

func TestClaimValue(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		"Ulm": "Ulm", "": "", "true": true, "false": false, "42": int64(42), "-1": int64(-1), `"42"`: "42", "4.5": "4.5",
		"null": "null", "[1]": "[1]", "7 days": "7 days", "1e3": "1e3",
	} {
		if diff := cmp.Diff(want, claimValue(text)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

// TestTargetURL: callers are told a name that the certificate has.
func TestTargetURL(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hosts []string
		want  string
	}{
		"localhost":    {[]string{"localhost"}, "https://localhost:8444/"},
		"the address":  {[]string{"127.0.0.1"}, "https://127.0.0.1:8444/"},
		"another name": {[]string{"target.example"}, "https://target.example:8444/"},
	} {
		template := serverTemplate(time.Now(), time.Now().Add(serverLife))
		template.DNSNames, template.IPAddresses = nil, nil
		for _, host := range c.hosts {
			if ip := net.ParseIP(host); ip != nil {
				template.IPAddresses = append(template.IPAddresses, ip)
			} else {
				template.DNSNames = append(template.DNSNames, host)
			}
		}
		dir := t.TempDir()
		certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
		if _, err := makePair(certFile, keyFile, template, nil); err != nil {
			t.Fatal(err)
		}
		cert, err := loadCertificate(certFile, keyFile, slog.New(slog.DiscardHandler), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		if got := targetURL(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8444}, cert); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
