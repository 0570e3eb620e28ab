package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/patchbay/patchbay/internal/app"
)

// pkcs12File makes a file as an administrator gets it from a certificate authority, and beside it, with .pem and .key.pem, what
// is in it.
func pkcs12File(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: pkcs12 file password days")
	}
	days, err := strconv.Atoi(args[2])
	ts.Check(err)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Duration(days)*24*time.Hour + time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	ts.Check(err)
	certificate, err := x509.ParseCertificate(der)
	ts.Check(err)
	file, err := pkcs12.Modern2023.Encode(key, certificate, nil, args[1])
	ts.Check(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	for ending, content := range map[string][]byte{
		"":         file,
		".pem":     pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		".key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	} {
		ts.Check(os.WriteFile(ts.MkAbs(args[0]+ending), content, 0o600))
	}
}

func TestMGCArguments(t *testing.T) {
	t.Parallel()
	tests := []struct{ args, want []string }{
		{nil, nil},
		{[]string{"connector", "list", "--count", "true"}, []string{"connector", "list", "--count", "true"}},
		{[]string{"identity", "x", "list", "--count", "true", "--all"}, []string{"identity", "x", "list", "--count=true", "--all"}},
		{[]string{"identity", "--select", "id", "displayName", "--top", "1"}, []string{"identity", "--select", "id", "--select", "displayName", "--top", "1"}},
		{[]string{"identity", "--select=id", "displayName"}, []string{"identity", "--select=id", "--select", "displayName"}},
		{[]string{"identity", "--headers", "A=1", "B=2"}, []string{"identity", "--headers", "A=1", "--headers", "B=2"}},
		{[]string{"identity", "--body", "-", "--filter", "a", "b"}, []string{"identity", "--body", "-", "--filter", "a", "b"}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, mgcArguments(tt.args)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.args, diff)
		}
	}
}

func TestLifeOf(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	const day = 24 * time.Hour
	tests := []struct {
		from, to time.Duration
		want     string
	}{
		{-day, 60*day + time.Hour, "60 days left, until 2026-08-30"},
		{-day, 47 * time.Hour, "1 day left"},
		{-day, 23 * time.Hour, "ends within a day"},
		{-2 * day, 0, "ended on 2026-07-01"},
		{-2 * day, -day, "ended on 2026-06-30"},
		{day, 2 * day, "not valid before 2026-07-02"},
	}
	for _, tt := range tests {
		if got := lifeOf(app.RemoteCertificate{NotBefore: at(tt.from), NotAfter: at(tt.to)}, now); got != tt.want {
			t.Errorf("from %s to %s: %q, want %q", tt.from, tt.to, got, tt.want)
		}
	}
}
