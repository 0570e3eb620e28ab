package steps

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/patchbay/patchbay/internal/apiconn"
)

// metrics counts and times decisions. Labels come from our own tables, never from a request or an answer.
type metrics struct {
	decisions *prometheus.CounterVec
	duration  *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	if reg == nil {
		return nil
	}
	m := &metrics{
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "patchbay_step_decisions_total",
			Help: "Decisions of sign-up steps that were answered, those recorded for a repeated Idempotency-Key included.",
		}, []string{"step", "action", "reason"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "patchbay_step_duration_seconds",
			Help:    "Time from a step's request to its decision, in seconds.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30, 60},
		}, []string{"step", "action"}),
	}
	reg.MustRegister(m.decisions, m.duration)
	return m
}

// decided counts a decision.
func (m *metrics) decided(step string, d apiconn.Decision, took time.Duration) {
	if m == nil {
		return
	}
	known, found := apiconn.StepByName(step)
	if !found {
		return // no decision is about another step
	}
	reason := string(d.Reason)
	if _, listed := apiconn.ReasonByName(d.Reason); !listed {
		reason = "other"
	}
	m.decisions.WithLabelValues(known.Name, string(d.Action), reason).Inc()
	m.duration.WithLabelValues(known.Name, string(d.Action)).Observe(took.Seconds())
}
