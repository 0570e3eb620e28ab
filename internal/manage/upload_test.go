package manage_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/conntest"
	"github.com/patchbay/patchbay/internal/manage"
)

// certificateGiven is a new self-signed certificate with its key in a PKCS#12 file.
func certificateGiven(t *testing.T) *manage.AuthenticationGiven {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	file, err := pkcs12.Modern2023.WithIterations(1000).Encode(key, certificate, nil, "pfx")
	if err != nil {
		t.Fatal(err)
	}
	return &manage.AuthenticationGiven{
		Type:    "#microsoft.graph.pkcs12Certificate",
		Members: map[string]any{"pkcs12Value": base64.StdEncoding.EncodeToString(file), "password": "pfx"},
	}
}

// TestUploadOntoBasic: refused, unless the setting makes it a replacement; then nothing of Basic remains (contract 8, row 30).
func TestUploadOntoBasic(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	id := newConnector(t, i, full("a"))
	file := certificateGiven(t)
	_, err := i.Manage.UploadClientCertificate(t.Context(), i.Operator, id, *file, manage.Precondition{}, manage.Once{})
	wantKind(t, err, apiconn.Invalid)
	if c := sealed(t, i, id); c.Version != 1 || c.Authentication.Type != apiconn.TypeBasicAuthentication || len(entries(t, i)) != 1 {
		t.Errorf("refused, and it is a %s of version %d", c.Authentication.Type, c.Version)
	}

	i.Manage.UploadOntoBasic = true
	wrong := *file
	wrong.Members = maps.Clone(file.Members)
	wrong.Members["password"] = "wrong"
	_, err = i.Manage.UploadClientCertificate(t.Context(), i.Operator, id, wrong, manage.Precondition{}, manage.Once{})
	wantKind(t, err, apiconn.Invalid)
	if c := sealed(t, i, id); c.Authentication.Type != apiconn.TypeBasicAuthentication || open(t, i, c, "password") != "p" {
		t.Errorf("a failed upload made it a %s", c.Authentication.Type)
	}
	if _, err := i.Manage.UploadClientCertificate(t.Context(), i.Operator, id, *file, manage.Precondition{}, manage.Once{}); err != nil {
		t.Fatal(err)
	}
	c := sealed(t, i, id)
	if c.Authentication.Type != apiconn.TypeClientCertificateAuthentication || len(c.Authentication.Open) != 0 || len(c.Authentication.Certificates) != 1 {
		t.Fatalf("%+v", c.Authentication)
	}
	member := apiconn.CertificateMember(c.Authentication.Certificates[0].Thumbprint)
	if got := slices.Collect(maps.Keys(c.Authentication.Sealed)); len(got) != 1 || got[0] != member {
		t.Errorf("sealed are %q", got)
	}
	if !strings.HasPrefix(open(t, i, c, member), "-----BEGIN PRIVATE KEY-----") {
		t.Error("the key is not what is sealed")
	}
}

// TestOnceAtTheOperation: the record is the caller's own, and the operation's: the same key means nothing to another
// application, and an upload is no repetition of one to another connector.
func TestOnceAtTheOperation(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	m, ctx, who := i.Manage, t.Context(), i.Operator
	once := manage.Once{Key: "key", Body: []byte("body")}
	first, err := m.CreateConnector(ctx, who, full("a"), once)
	if err != nil {
		t.Fatal(err)
	}
	again, err := m.CreateConnector(ctx, who, full("a"), once)
	if err != nil || again.ID != first.ID {
		t.Errorf("again: %s, %v", again.ID, err)
	}
	_, err = m.CreateConnector(ctx, who, full("a"), manage.Once{Key: "key", Body: []byte("other body")})
	wantReason(t, err, apiconn.ReasonIdempotencyMismatch)
	_, err = m.UploadClientCertificate(ctx, who, first.ID, *certificateGiven(t), manage.Precondition{}, once)
	wantReason(t, err, apiconn.ReasonIdempotencyMismatch)
	file := certificateGiven(t)
	upload := manage.Once{Key: "upload", Body: []byte("the same file")}
	for n, name := range []string{"b", "c"} {
		patch := full(name)
		patch.Authentication = file
		_, err := m.UploadClientCertificate(ctx, who, newConnector(t, i, patch), *file, manage.Precondition{}, upload)
		if n == 0 && err != nil {
			t.Error(err)
		}
		if n == 1 {
			wantReason(t, err, apiconn.ReasonIdempotencyMismatch)
		}
	}
	i.Clock.Advance(24*time.Hour + time.Second)
	later, err := m.CreateConnector(ctx, who, full("a"), once)
	if err != nil || later.ID == first.ID {
		t.Errorf("a day later: %s, %v", later.ID, err)
	}
}
