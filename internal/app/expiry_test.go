package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"log/slog"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/patchbay/patchbay/internal/conntest"
	"github.com/patchbay/patchbay/internal/manage"
)

// TestExpiringCertificatesAreReported follows three certificates to their end: each is counted below every threshold that
// it has come under, and logged once for each.
func TestExpiringCertificatesAreReported(t *testing.T) {
	t.Parallel()
	i := conntest.NewInstallation(t)
	day := 24 * time.Hour
	for name, life := range map[string]time.Duration{"far": 200 * day, "month": 45 * day, "week": 6 * day} {
		certificateConnector(t, i, name, life)
	}
	log := &lockedBuffer{}
	metrics := prometheus.NewRegistry()
	e := newExpiry(i.Store, slog.New(slog.NewTextHandler(log, nil)), metrics)
	e.now = i.Clock.Now
	lines := 0
	for _, tt := range []struct {
		later time.Duration
		want  [5]float64 // below 0, 1, 7, 30, 60 days
		lines int        // that are new
	}{
		{0, [5]float64{0, 0, 1, 1, 2}, 2},
		{0, [5]float64{0, 0, 1, 1, 2}, 0},
		{5*day + time.Hour, [5]float64{0, 1, 1, 1, 2}, 1},
		{day, [5]float64{1, 1, 1, 1, 2}, 1},
		{10 * day, [5]float64{1, 1, 1, 2, 2}, 1},
	} {
		i.Clock.Advance(tt.later)
		if err := e.report(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := expiringCounts(t, metrics); got != tt.want {
			t.Errorf("after %s: %v certificates end within 0, 1, 7, 30 and 60 days, want %v", tt.later, got, tt.want)
		}
		if lines += tt.lines; strings.Count(log.String(), "ends soon") != lines {
			t.Errorf("after %s the log has %d lines, want %d:\n%s", tt.later, strings.Count(log.String(), "ends soon"), lines, log)
		}
	}
}

// expiringCounts reads the metric as a scrape would.
func expiringCounts(t *testing.T, metrics *prometheus.Registry) (counts [5]float64) {
	t.Helper()
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			n := slices.Index([]string{"0", "1", "7", "30", "60"}, m.GetLabel()[0].GetValue())
			counts[n] = m.GetGauge().GetValue()
		}
	}
	return counts
}

// certificateConnector makes a connector with a certificate that is valid for life.
func certificateConnector(t *testing.T, i *conntest.Installation, name string, life time.Duration) {
	t.Helper()
	url, now := "https://api.contoso.example/", i.Clock.Now()
	if _, err := i.Manage.CreateConnector(t.Context(), i.Operator, manage.ConnectorPatch{
		DisplayName: &name, TargetURL: &url, Authentication: &manage.AuthenticationGiven{
			Type: "#microsoft.graph.pkcs12Certificate", Members: map[string]any{"pkcs12Value": pkcs12Valid(t, name, now, now.Add(life))},
		},
	}, manage.Once{}); err != nil {
		t.Fatal(err)
	}
}

// pkcs12Value is a PKCS#12 file without a password, in base64, whose certificate is valid for an hour.
func pkcs12Value(t *testing.T, name string) string {
	t.Helper()
	return pkcs12Valid(t, name, time.Now(), time.Now().Add(time.Hour))
}

func pkcs12Valid(t *testing.T, name string, from, to time.Time) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: from.Add(-time.Hour), NotAfter: to}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	file, err := pkcs12.Modern2023.Encode(key, certificate, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(file)
}
