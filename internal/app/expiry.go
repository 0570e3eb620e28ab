package app

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/patchbay/patchbay/internal/apiconn"
	"github.com/patchbay/patchbay/internal/store"
)

// The days before the end of a certificate at which it is reported.
var reportedDays = []int{60, 30, 7, 1}

// expiryInterval is how often the certificates are looked at.
const expiryInterval = time.Hour

// expiry reports the certificates in use that end soon: a metric by threshold, and a line of the log when a certificate
// comes below another one.
type expiry struct {
	store  *store.Store
	now    func() time.Time
	log    *slog.Logger
	within *prometheus.GaugeVec
	told   map[string]int // by tenant, connector and thumbprint: the threshold that was logged
}

func newExpiry(s *store.Store, log *slog.Logger, metrics prometheus.Registerer) *expiry {
	e := &expiry{
		store: s, now: now, log: log, told: map[string]int{},
		within: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "patchbay_client_certificates_expiring",
			Help: "Client certificates in use by connectors that end within so many days; 0 days: that have ended.",
		}, []string{"days"}),
	}
	metrics.MustRegister(e.within)
	return e
}

// report looks at all tenants' certificates once.
func (e *expiry) report(ctx context.Context) error {
	at := e.now()
	expiring, err := e.store.ExpiringCertificates(ctx, "", at, at.AddDate(0, 0, reportedDays[0]))
	if err != nil {
		return err
	}
	counts := map[int]int{}
	for _, c := range expiring {
		left := c.Certificate.NotAfter.Sub(at)
		for _, days := range append([]int{0}, reportedDays...) {
			if left <= time.Duration(days)*24*time.Hour {
				counts[days]++
			}
		}
		e.tell(c, left)
	}
	for _, days := range append([]int{0}, reportedDays...) {
		e.within.WithLabelValues(fmt.Sprint(days)).Set(float64(counts[days]))
	}
	return nil
}

// tell logs a certificate once for each threshold.
func (e *expiry) tell(c apiconn.ExpiringCertificate, left time.Duration) {
	threshold := reportedDays[0]
	for _, days := range append(reportedDays[:len(reportedDays):len(reportedDays)], 0) {
		if left <= time.Duration(days)*24*time.Hour {
			threshold = days
		}
	}
	key := strings.Join([]string{c.TenantID, c.ConnectorID, c.Certificate.Thumbprint}, "/")
	if before, told := e.told[key]; told && before <= threshold {
		return
	}
	e.told[key] = threshold
	e.log.Warn("a client certificate ends soon", "tenant_id", c.TenantID, "connector_id", c.ConnectorID,
		"thumbprint", c.Certificate.Thumbprint, "not_after", c.Certificate.NotAfter, "days_left", int(left.Hours()/24), "threshold_days", threshold)
}
