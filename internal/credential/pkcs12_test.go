package credential

import (
	"context"
	"crypto"
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// smallFile is a PKCS#12 file of the P-256 leaf, cheap to open, with password "pw".
func smallFile(t testing.TB) []byte {
	t.Helper()
	return builderFor(t, "pw").library(pkcs12.Modern2023, "p256", "leaf")
}

func TestPKCS12AlwaysReplaces(t *testing.T) {
	t.Parallel()
	file := smallFile(t)
	leaf := builderFor(t, "pw").parsed("leaf.crt")
	now := time.Now()
	facts := apiconn.Certificate{
		Thumbprint: fmt.Sprintf("%X", sha1.Sum(leaf.Raw)), NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter,
		Subject: "CN=leaf", UploadedAt: now.UTC().Truncate(time.Microsecond),
	}
	cases := []struct {
		name     string
		current  *apiconn.Authentication
		replace  bool
		sequence int64
	}{
		{"create", nil, false, 1},
		{"from basic", basicStored(), true, 1},
		{"from certificates", certificateStored(3), true, 4},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			change, err := accept(t, pkcs12Given(file, "pw"), c.current, now)
			if err != nil {
				t.Fatal(err)
			}
			want := facts
			want.Sequence = c.sequence
			if diff := cmp.Diff(want, change.Certificate.Certificate); diff != "" {
				t.Errorf("certificate (-want +got):\n%s", diff)
			}
			if change.Type != typeClientCertificate || change.Replace != c.replace {
				t.Errorf("type %s, replace %v", change.Type, change.Replace)
			}
		})
	}
}

func TestPKCS12PasswordMayBeAbsent(t *testing.T) {
	t.Parallel()
	file := builderFor(t, "").library(pkcs12.Modern2023, "p256", "leaf")
	given := pkcs12Given(file, "")
	null := pkcs12Given(file, "")
	null.Members["password"] = nil // as PowerShell sends the empty one
	absent := pkcs12Given(file, "")
	delete(absent.Members, "password")
	for _, g := range []Given{given, null, absent} {
		if _, err := accept(t, g, nil, time.Now()); err != nil {
			t.Errorf("%v: %v", g, err)
		}
	}
}

func TestPKCS12ValueIsRequired(t *testing.T) {
	t.Parallel()
	for _, members := range []map[string]any{{}, {"pkcs12Value": nil}, {"pkcs12Value": ""}, {"password": "p"}} {
		_, err := accept(t, Given{Type: typePKCS12, Members: members}, certificateStored(1), noon)
		wantError(t, err, apiconn.ReasonRequired, configuration+"pkcs12Value", "must not be null or empty")
		_, err = NewIntake(1).ReadUpload(t.Context(), "tenant", Given{Members: members}, noon)
		wantError(t, err, apiconn.ReasonRequired, "pkcs12Value", "must not be null or empty")
	}
}

func TestUpload(t *testing.T) {
	t.Parallel()
	proposal, err := NewIntake(1).ReadUpload(t.Context(), "tenant", pkcs12Given(smallFile(t), "pw"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, current := range []*apiconn.Authentication{nil, basicStored()} {
		_, err := proposal.Against(current)
		wantError(t, err, "", "", "First set its authenticationConfiguration to a #microsoft.graph.pkcs12Certificate with PATCH")
	}
	_, err = proposal.Against(certificateStored(MaxCertificates))
	wantError(t, err, "", "", "has 10 certificates, which is the most it can have")

	change, err := proposal.Against(certificateStored(MaxCertificates - 1))
	if err != nil {
		t.Fatal(err)
	}
	if change.Replace || change.Certificate.Sequence != MaxCertificates {
		t.Errorf("replace %v, sequence %d", change.Replace, change.Certificate.Sequence)
	}
	full := certificateStored(MaxCertificates)
	full.Certificates[3].Thumbprint = change.Certificate.Thumbprint // the same one again: no eleventh
	if change, err = proposal.Against(full); err != nil || change.Certificate.Sequence != MaxCertificates+1 {
		t.Errorf("the same certificate again: %+v, %v", change, err)
	}

	_, err = NewIntake(1).ReadUpload(t.Context(), "tenant", Given{Members: map[string]any{"foo": 1}}, noon)
	wantError(t, err, apiconn.ReasonUnknownProperty, "foo", "'foo' does not exist")
	_, err = NewIntake(1).ReadUpload(t.Context(), "tenant", pkcs12Given(smallFile(t), "other"), time.Now())
	wantError(t, err, apiconn.ReasonPKCS12Password, "password", "does not open the PKCS#12 file")
}

func TestStoredFormIsDeterministicAndComplete(t *testing.T) {
	t.Parallel()
	b := builderFor(t, "pw")
	now := time.Now()
	given := pkcs12Given(shop.pfx(t, "pw", "-inkey p256.key -in leaf.crt -certfile others.pem -name "+canary), "pw")
	first, err := accept(t, given, nil, now)
	must(t, first, err)
	second, err := accept(t, given, nil, now)
	must(t, second, err)
	if !first.Certificate.Stored.Equal(second.Certificate.Stored) {
		t.Error("the same file is stored differently the second time")
	}
	text := string(first.Certificate.Stored.Reveal())
	if strings.Count(text, "-----BEGIN") != 4 || strings.Contains(text, canary) {
		t.Error("the stored form is not one key and three certificates alone")
	}
	pair, err := ParseStored(first.Certificate.Stored)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]byte{b.der("leaf.crt"), b.der("middle.crt"), b.der("root.crt")}
	if diff := cmp.Diff(want, pair.Certificate); diff != "" {
		t.Error("the stored chain is not leaf, middle, root")
	}
	if !b.signer("p256").(interface{ Equal(crypto.PrivateKey) bool }).Equal(pair.PrivateKey) || pair.Leaf == nil {
		t.Error("the stored key is another one, or Leaf is not set")
	}
	for _, broken := range []string{"", canary, text[:200], strings.Replace(text, "PRIVATE", "PUBLIC", 2)} {
		if _, err := ParseStored(NewSecret(broken)); err == nil || leaks(err.Error()) != "" {
			t.Errorf("a broken stored form: %v", err)
		}
	}
}

func TestSubjectIsPrintable(t *testing.T) {
	t.Parallel()
	c := builderFor(t, "").parsed("leaf.crt")
	for name, want := range map[string]string{
		"plain": "CN=plain", "a\x00b\nc": "CN=a?b?c", "bad\xffoctet": "CN=bad?octet",
		strings.Repeat("ü", 600): "CN=" + strings.Repeat("ü", 508) + "…",
	} {
		c.Subject.Names = nil
		c.Subject.CommonName = name
		if got := subject(c); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func TestCertificateSentBack(t *testing.T) {
	t.Parallel()
	shown := func(change func(list []any)) Given {
		list := []any{}
		for _, c := range []string{"A", "B"} {
			list = append(list, map[string]any{
				"@odata.type": "#microsoft.graph.pkcs12CertificateInformation", "thumbprint": strings.Repeat(c, 40),
				"notAfter": json.Number("1826971200"), "notBefore": json.Number("1763899200"), "isActive": c == "B",
			})
		}
		change(list)
		return Given{Type: typeClientCertificate, Members: map[string]any{"certificateList": list}}
	}
	set := func(member string, value any) func([]any) {
		return func(list []any) { list[0].(map[string]any)[member] = value }
	}
	for _, g := range []Given{shown(func([]any) {}), shown(set("notAfter", "1826971200"))} {
		change, err := accept(t, g, certificateStored(2), noon)
		if err != nil || !change.Empty() || change.Type != typeClientCertificate {
			t.Errorf("sent back unchanged: %+v, %v", change, err)
		}
	}
	const message = "cannot be written"
	for name, change := range map[string]func([]any){
		"thumbprint": set("thumbprint", "x"), "time": set("notAfter", json.Number("1826971201")), "active": set("isActive", true),
		"more members": set("foo", nil), "a null": set("notBefore", nil), "no object": func(list []any) { list[0] = "x" },
	} {
		if _, err := accept(t, shown(change), certificateStored(2), noon); err == nil {
			t.Errorf("changed %s was accepted", name)
		} else {
			wantError(t, err, "", "authenticationConfiguration", message)
		}
	}
	for name, current := range map[string]*apiconn.Authentication{"create": nil, "basic": basicStored(), "one less": certificateStored(1), "one more": certificateStored(3)} {
		_, err := accept(t, shown(func([]any) {}), current, noon)
		t.Log(name)
		wantError(t, err, "", "authenticationConfiguration", message)
	}
}

func TestIntakeOpensSoManyAtATime(t *testing.T) {
	t.Parallel()
	in := NewIntake(1)
	done, err := share{in, "tenant"}.turn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = in.Read(ctx, "tenant", pkcs12Given(smallFile(t), "pw"), time.Now())
	if e := apiconn.AsError(err); e == nil || e.Kind != apiconn.Throttled || e.RetryAfter <= 0 {
		t.Errorf("no slot is free: %v", err)
	}
	_, err = in.Read(ctx, "tenant", pkcs12Given([]byte("junk"), "pw"), time.Now()) // refused without a turn
	wantError(t, err, "", configuration+"pkcs12Value", "is not a PKCS#12 file")
	done()
	if _, err := in.Read(t.Context(), "tenant", pkcs12Given(smallFile(t), "pw"), time.Now()); err != nil {
		t.Errorf("the slot is free again: %v", err)
	}
	if cap(NewIntake(0).slots) < 1 {
		t.Error("no slot by default")
	}
}
