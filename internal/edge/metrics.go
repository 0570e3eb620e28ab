package edge

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts and times requests by route. Labels come from the route table and the status, never from a request's
// own text, so a client can neither swell them nor put anything into them.
type Metrics struct {
	duration *prometheus.HistogramVec
}

// NewMetrics registers the metrics of the HTTP surfaces with reg: patchbay_http_request_duration_seconds by route,
// method and status.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "patchbay_http_request_duration_seconds",
		Help:    "Time from a request's first octet to its answer, in seconds.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"route", "method", "status"})}
	reg.MustRegister(m.duration)
	return m
}

func (m *Metrics) observe(route, method string, status int, took time.Duration) {
	if m == nil {
		return
	}
	switch method {
	case "GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS":
	default:
		method = "other"
	}
	if route == "" {
		route = "none"
	}
	m.duration.WithLabelValues(route, method, strconv.Itoa(status)).Observe(took.Seconds())
}
