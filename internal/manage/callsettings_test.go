package manage_test

import (
	"context"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/auth"
	"github.com/patchbay/patchbay/internal/conntest"
	"github.com/patchbay/patchbay/internal/manage"
)

// pin is a valid pin: the base64 of 32 octets that are all b.
func pin(b byte) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(b)), 32)))
}

// setCalls changes the call settings of a connector and returns them.
func setCalls(t *testing.T, i *conntest.Installation, id string, patch manage.CallSettingsPatch) apiconn.CallSettings {
	t.Helper()
	settings, err := i.Manage.UpdateCallSettings(t.Context(), i.Operator, id, patch, manage.Precondition{})
	if err != nil {
		t.Fatal(err)
	}
	return settings
}

func TestOnlyWhoMayCallSettings(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	m := i.Manage
	read, write := []auth.Permission{auth.APIConnectorsReadAll, auth.APIConnectorsReadWriteAll}, []auth.Permission{auth.APIConnectorsReadWriteAll}
	for name, op := range map[string]struct {
		may []auth.Permission
		run func(ctx context.Context, who auth.Caller) error
	}{
		"get": {read, func(ctx context.Context, who auth.Caller) error {
			_, err := m.GetCallSettings(ctx, who, "none")
			return err
		}},
		"update": {write, func(ctx context.Context, who auth.Caller) error { // asked before what is given is looked at
			_, err := m.UpdateCallSettings(ctx, who, "none", manage.CallSettingsPatch{Attempts: new(-1)}, manage.Precondition{})
			return err
		}},
		"expiring certificates": {read, func(ctx context.Context, who auth.Caller) error {
			_, err := m.ExpiringCertificates(ctx, who, time.Hour)
			return err
		}},
	} {
		for _, facts := range auth.Permissions() {
			may := facts.Permission == op.may[0] || facts.Permission == op.may[len(op.may)-1]
			err := op.run(t.Context(), i.Operator.Limit(facts.Permission))
			if refused := err != nil && apiconn.KindOf(err) == apiconn.Forbidden; refused == may {
				t.Errorf("%s with %s: %v", name, facts.Permission, err)
			}
		}
	}
}

// TestCallSettingsLife sets everything, a part, nothing and everything back, and reads the audit.
func TestCallSettingsLife(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	id := newConnector(t, i, full("a"))
	one, two := conntest.NewClientKey(t, i.Clock.Now(), time.Hour), conntest.NewClientKey(t, i.Clock.Now(), time.Hour)
	sha := func(k *conntest.ClientKey) string { return fmt.Sprintf("%X", sha1.Sum(k.Certificate)) }
	got, err := i.Manage.GetCallSettings(t.Context(), i.Operator, id)
	if want := (apiconn.CallSettings{TenantID: i.Tenant.ID, ConnectorID: id}); err != nil || !cmp.Equal(want, got) {
		t.Errorf("before anything is set: %+v, error %v", got, err)
	}

	bundle := "# roots of the test\r\n" + string(two.PEM()) + "\n between \n" + string(one.PEM()) + string(two.PEM())
	got = setCalls(t, i, id, manage.CallSettingsPatch{
		Profile: new(apiconn.ProfileB2C), Budget: new(1500*time.Millisecond + 7), AttemptTimeout: new(time.Second), Attempts: new(1),
		TrustedRoots: &bundle, PinnedKeys: &[]string{"sha256/" + pin('a'), pin('/'), "sha256//" + pin('b'), pin('a')},
		LateCertificate: new(true), MaxConcurrent: new(7),
	})
	want := apiconn.CallSettings{
		TenantID: i.Tenant.ID, ConnectorID: id, Version: 1, Profile: apiconn.ProfileB2C, Budget: 1500 * time.Millisecond,
		AttemptTimeout: time.Second, Attempts: 1, TrustedRoots: string(two.PEM()) + string(one.PEM()),
		PinnedKeys: []string{pin('a'), pin('/'), pin('b')}, LateCertificate: true, MaxConcurrent: 7, ChangedAt: i.Clock.Now(),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("all set (-want +got):\n%s", diff)
	}
	setCalls(t, i, id, manage.CallSettingsPatch{Attempts: new(2), TrustedRoots: new(string(one.PEM()))})
	for _, nothing := range []manage.CallSettingsPatch{
		{},
		{Attempts: new(2)},
		{TrustedRoots: new("\n" + string(one.PEM()))},
		{PinnedKeys: &[]string{pin('a'), "sha256/" + pin('/'), pin('b')}},
		{Budget: new(1500*time.Millisecond + 1)},
	} {
		if got := setCalls(t, i, id, nothing); got.Version != 2 {
			t.Errorf("%+v changed nothing and made version %d", nothing, got.Version)
		}
	}
	got = setCalls(t, i, id, manage.CallSettingsPatch{
		Profile: new(apiconn.CallProfile("")), Budget: new(time.Duration(0)), AttemptTimeout: new(time.Duration(0)), Attempts: new(0),
		TrustedRoots: new(" "), PinnedKeys: new([]string{}), LateCertificate: new(false), MaxConcurrent: new(0),
	})
	if want := (apiconn.CallSettings{TenantID: i.Tenant.ID, ConnectorID: id, Version: 3, ChangedAt: i.Clock.Now()}); !cmp.Equal(want, got) {
		t.Errorf("set back: %+v", got)
	}

	modified := map[string][]apiconn.Modified{}
	for n, e := range entries(t, i) {
		if e.Activity == apiconn.ActivityCreateConnector {
			continue
		}
		if e.Activity != apiconn.ActivityUpdateConnector || e.Operation != "Update" || e.Targets[0].ID != id ||
			e.Targets[0].DisplayName != "a" || e.Targets[0].Type != "IdentityApiConnector" {
			t.Errorf("entry %d is %+v", n, e)
		}
		modified[e.Targets[0].Modified[0].New] = e.Targets[0].Modified
	}
	pins := strings.Join(want.PinnedKeys, ",")
	if diff := cmp.Diff(map[string][]apiconn.Modified{
		"b2c": {
			{Property: "callSettings/profile", New: "b2c"},
			{Property: "callSettings/budget", New: "1.5s"},
			{Property: "callSettings/attemptTimeout", New: "1s"},
			{Property: "callSettings/attempts", New: "1"},
			{Property: "callSettings/trustedRoots", New: sha(two) + "," + sha(one)},
			{Property: "callSettings/pinnedKeys", New: pins},
			{Property: "callSettings/lateCertificate", New: "true"},
			{Property: "callSettings/maxConcurrent", New: "7"},
		},
		"2": {
			{Property: "callSettings/attempts", Old: "1", New: "2"},
			{Property: "callSettings/trustedRoots", Old: sha(two) + "," + sha(one), New: sha(one)},
		},
		"": {
			{Property: "callSettings/profile", Old: "b2c"},
			{Property: "callSettings/budget", Old: "1.5s"},
			{Property: "callSettings/attemptTimeout", Old: "1s"},
			{Property: "callSettings/attempts", Old: "2"},
			{Property: "callSettings/trustedRoots", Old: sha(one)},
			{Property: "callSettings/pinnedKeys", Old: pins},
			{Property: "callSettings/lateCertificate", Old: "true"},
			{Property: "callSettings/maxConcurrent", Old: "7"},
		},
	}, modified); diff != "" {
		t.Errorf("the audit (-want +got):\n%s", diff)
	}
	if n := len(entries(t, i)); n != 4 {
		t.Errorf("%d audit entries, want 4", n)
	}
	if c := sealed(t, i, id); c.Version != 1 {
		t.Errorf("the connector is at version %d, want 1", c.Version)
	}
}

func TestCallSettingsRefusals(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	id := newConnector(t, i, full("a"))
	key := conntest.NewClientKey(t, i.Clock.Now(), time.Hour)
	der, err := x509.MarshalPKCS8PrivateKey(key.Private)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	certificate, private := string(key.PEM()), block("PRIVATE KEY", der)
	roots := func(text string) manage.CallSettingsPatch { return manage.CallSettingsPatch{TrustedRoots: &text} }
	pins := func(list ...string) manage.CallSettingsPatch { return manage.CallSettingsPatch{PinnedKeys: &list} }
	many := make([]string, apiconn.MaxPinnedKeys+1)
	for n := range many {
		many[n] = pin(byte(n))
	}
	type patch = manage.CallSettingsPatch
	for label, c := range map[string]struct {
		patch   manage.CallSettingsPatch
		field   string
		message string
	}{
		"another profile":        {patch{Profile: new(apiconn.CallProfile("B2C"))}, "profile", "one of: b2c, entra."},
		"a budget too short":     {patch{Budget: new(apiconn.MinBudget - 1)}, "budget", "from 100ms to 1m0s"},
		"a budget too long":      {patch{Budget: new(apiconn.MaxBudget + 1)}, "budget", "from 100ms to 1m0s"},
		"a negative budget":      {patch{Budget: new(-time.Second)}, "budget", "from 100ms to 1m0s"},
		"no time for an attempt": {patch{AttemptTimeout: new(time.Millisecond)}, "attemptTimeout", "from 10ms to 1m0s"},
		"longer than the step":   {patch{AttemptTimeout: new(2 * time.Second), Budget: new(time.Second)}, "attemptTimeout", "2s, is longer than the whole step may take, 1s."},
		"than the default":       {patch{AttemptTimeout: new(21 * time.Second)}, "attemptTimeout", "may take, 20s."},
		"than the profile":       {patch{AttemptTimeout: new(6 * time.Second), Profile: new(apiconn.ProfileB2C)}, "attemptTimeout", "may take, 5s."},
		"negative attempts":      {patch{Attempts: new(-1)}, "attempts", "from 1 to 5,"},
		"too many attempts":      {patch{Attempts: new(apiconn.MaxAttempts + 1)}, "attempts", "from 1 to 5,"},
		"negative concurrency":   {patch{MaxConcurrent: new(-1)}, "maxConcurrent", "from 1 to 10000,"},
		"too much concurrency":   {patch{MaxConcurrent: new(apiconn.MaxConcurrent + 1)}, "maxConcurrent", "from 1 to 10000,"},
		"roots that are no PEM":  {roots("hello"), "trustedRoots", "not a series of whole PEM blocks"},
		"a cut block":            {roots(certificate + certificate[:len(certificate)-20]), "trustedRoots", "not a series of whole PEM blocks"},
		"a key alone":            {roots(private), "trustedRoots", "contains a private key"},
		"a key behind":           {roots(certificate + private), "trustedRoots", "contains a private key"},
		"a key of OpenSSL":       {roots(certificate + block("RSA PRIVATE KEY", der)), "trustedRoots", "contains a private key"},
		"an encrypted key":       {roots(block("ENCRYPTED PRIVATE KEY", der) + certificate), "trustedRoots", "contains a private key"},
		"a key in a bad block":   {roots(certificate + strings.Replace(private, "\n", "!\n", 1)), "trustedRoots", "contains a private key"},
		"a public key":           {roots(certificate + block("PUBLIC KEY", []byte("x"))), "trustedRoots", "Block 2 of 'trustedRoots' is not a certificate"},
		"what is no certificate": {roots(certificate + block("CERTIFICATE", der)), "trustedRoots", "Block 2 of 'trustedRoots' is not a valid X.509 certificate"},
		"too many roots":         {roots(certificate + strings.Repeat("#", apiconn.MaxTrustedRoots)), "trustedRoots", "longer than 65536 octets"},
		"a pin too short":        {pins(pin('a'), pin('b')[:40]), "pinnedKeys", "Pin 2 of 'pinnedKeys'"},
		"a pin too long":         {pins(base64.StdEncoding.EncodeToString(make([]byte, 33))), "pinnedKeys", "Pin 1 of 'pinnedKeys'"},
		"a pin in hex":           {pins(strings.Repeat("ab", 32)), "pinnedKeys", "Pin 1 of 'pinnedKeys'"},
		"a pin with stray bits":  {pins(pin('a')[:42] + "F="), "pinnedKeys", "Pin 1 of 'pinnedKeys'"},
		"a pin without padding":  {pins(strings.TrimRight(pin('a'), "=")), "pinnedKeys", "Pin 1 of 'pinnedKeys'"},
		"a pin of another hash":  {pins("sha1/" + pin('a')), "pinnedKeys", "Pin 1 of 'pinnedKeys'"},
		"a pin on two lines":     {pins(pin('a')[:20] + "\n" + pin('a')[20:]), "pinnedKeys", "Pin 1 of 'pinnedKeys'"},
		"an empty pin":           {pins(""), "pinnedKeys", "Pin 1 of 'pinnedKeys'"},
		"too many pins":          {pins(many...), "pinnedKeys", "more than 16 pins"},
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			_, err := i.Manage.UpdateCallSettings(t.Context(), i.Operator, id, c.patch, manage.Precondition{})
			wantKind(t, err, apiconn.Invalid)
			if e := apiconn.AsError(err); e.Field != c.field || !strings.Contains(e.Message, c.message) || !strings.HasSuffix(e.Message, ".") {
				t.Errorf("it says of %q: %s", e.Field, e.Message)
			}
			encoded := base64.StdEncoding.EncodeToString(der)
			for _, secret := range []string{string(der[30:40]), encoded[40:60], "-----"} {
				if strings.Contains(err.Error(), secret) {
					t.Error("the error quotes what was given")
				}
			}
		})
	}
	t.Cleanup(func() {
		if s, err := i.Manage.GetCallSettings(context.WithoutCancel(t.Context()), i.Operator, id); s.Version != 0 || err != nil {
			t.Errorf("a refusal changed something: %+v, error %v", s, err)
		}
	})
}

// TestCallSettingsAgainstEachOther: what is given must fit to what is there, and to the profile of the service.
func TestCallSettingsAgainstEachOther(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	id := newConnector(t, i, full("a"))
	i.Manage.CallProfile = apiconn.ProfileB2C
	update := func(patch manage.CallSettingsPatch) error {
		_, err := i.Manage.UpdateCallSettings(t.Context(), i.Operator, id, patch, manage.Precondition{})
		return err
	}
	wantKind(t, update(manage.CallSettingsPatch{AttemptTimeout: new(6 * time.Second)}), apiconn.Invalid)
	setCalls(t, i, id, manage.CallSettingsPatch{AttemptTimeout: new(6 * time.Second), Budget: new(6 * time.Second)})
	wantKind(t, update(manage.CallSettingsPatch{Budget: new(time.Second)}), apiconn.Invalid)
	wantKind(t, update(manage.CallSettingsPatch{Budget: new(time.Duration(0))}), apiconn.Invalid)
	setCalls(t, i, id, manage.CallSettingsPatch{Budget: new(time.Duration(0)), Profile: new(apiconn.ProfileEntra)})
	wantKind(t, update(manage.CallSettingsPatch{Profile: new(apiconn.CallProfile(""))}), apiconn.Invalid)
	if got := setCalls(t, i, id, manage.CallSettingsPatch{AttemptTimeout: new(time.Duration(0)), Profile: new(apiconn.CallProfile(""))}); got.Version != 3 {
		t.Errorf("%+v", got)
	}
}

func TestCallSettingsPrecondition(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	id := newConnector(t, i, full("a"))
	update := func(attempts int, versions ...int64) error {
		_, err := i.Manage.UpdateCallSettings(t.Context(), i.Operator, id, manage.CallSettingsPatch{Attempts: &attempts}, manage.Precondition{Versions: versions})
		return err
	}
	wantKind(t, update(1, 1), apiconn.Stale)
	if err := update(1, 0); err != nil {
		t.Error(err)
	}
	wantKind(t, update(2, 0), apiconn.Stale)
	if err := update(2, 7, 1); err != nil {
		t.Error(err)
	}
	_, err := i.Manage.GetCallSettings(t.Context(), i.Operator, "none")
	wantKind(t, err, apiconn.NotFound)
	_, err = i.Manage.UpdateCallSettings(t.Context(), i.Operator, "none", manage.CallSettingsPatch{}, manage.Precondition{})
	wantKind(t, err, apiconn.NotFound)
}

// TestExpiringCertificates: those of the caller's tenant, and of no other.
func TestExpiringCertificates(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	m, ctx := i.Manage, t.Context()
	m.UploadOntoBasic = true
	id := newConnector(t, i, full("a"))
	view, err := m.UploadClientCertificate(ctx, i.Operator, id, *certificateGiven(t), manage.Precondition{}, manage.Once{}) // for 24 hours
	if err != nil || view.ID != id {
		t.Fatal(err)
	}
	find := func(who auth.Caller, within time.Duration) []apiconn.ExpiringCertificate {
		t.Helper()
		found, err := m.ExpiringCertificates(ctx, who, within)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if found := find(i.Operator, 20*time.Hour); len(found) != 0 {
		t.Errorf("within 20 hours: %+v", found)
	}
	found := find(i.Operator, 30*time.Hour)
	if len(found) != 1 || found[0].ConnectorID != id || found[0].TenantID != i.Tenant.ID || found[0].DisplayName != "a" ||
		found[0].Certificate.Thumbprint != sealed(t, i, id).Authentication.Certificates[0].Thumbprint {
		t.Errorf("within 30 hours: %+v", found)
	}
	i.Clock.Advance(48 * time.Hour)
	if found := find(i.Operator, 0); len(found) != 1 {
		t.Errorf("ended: %+v", found)
	}
	other, err := m.CreateTenant(ctx, auth.Local(), "fabrikam.example", "")
	if err != nil {
		t.Fatal(err)
	}
	for name, who := range map[string]auth.Caller{"another tenant": auth.Local().WithTenant(other.ID), "no tenant": auth.Local()} {
		if found := find(who, 30*time.Hour); len(found) != 0 {
			t.Errorf("of %s: %+v", name, found)
		}
	}
	_, err = m.ExpiringCertificates(ctx, i.Operator, -1)
	wantKind(t, err, apiconn.Invalid)
}
