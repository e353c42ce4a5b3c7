package ranchersync

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const namespace = "ecr_login_rancher_sync"

// metrics are a service's Prometheus metrics, in a registry of their own. What
// is true at the moment is read from the service when asked for, so that series
// of credentials that are gone go as well.
type metrics struct {
	service  *Service
	registry *prometheus.Registry

	runs     *prometheus.CounterVec
	pushes   *prometheus.CounterVec
	failures *prometheus.CounterVec
	duration *prometheus.HistogramVec

	lastSuccess *prometheus.Desc
	lastRun     *prometheus.Desc
	up          *prometheus.Desc
	expiry      *prometheus.Desc
}

func newMetrics(s *Service) *metrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(namespace+"_"+name, help, labels, nil)
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	}
	m := &metrics{
		service:  s,
		registry: prometheus.NewRegistry(),
		runs:     counter("runs_total", "Runs over a target, by result (ok, failed).", "target", "result"),
		pushes:   counter("pushes_total", "Tokens pushed into a target.", "target"),
		failures: counter("failures_total", "Targets and credentials that were not in order after a run, by reason.", "target", "reason"),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "run_duration_seconds", Help: "How long a run over a target took.",
			Buckets: []float64{.1, .3, 1, 3, 10, 30, 100, 300},
		}, []string{"target"}),
		lastSuccess: desc("last_success_timestamp_seconds", "When everything in a target was last in order; 0: never yet.", "target"),
		lastRun:     desc("last_run_timestamp_seconds", "When the last run over a target ended; 0: never yet.", "target"),
		up:          desc("healthy", "Whether /healthz answers 200."),
		expiry:      desc("token_expiry_timestamp_seconds", "When the token ends that a credential holds.", "target", "registry", "credential"),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Always 1; the version is in the label.",
		ConstLabels: prometheus.Labels{"version": s.version},
	})
	info.Set(1)
	m.registry.MustRegister(m, m.runs, m.pushes, m.failures, m.duration, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.lastSuccess, m.lastRun, m.up, m.expiry} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	healthy := 0.0
	if m.service.Health() == nil {
		healthy = 1
	}
	gauge(m.up, healthy)
	s := m.service
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.targets {
		var success, run float64
		if !st.lastSuccess.IsZero() {
			success = float64(st.lastSuccess.Unix())
		}
		if !st.at.IsZero() {
			run = float64(st.at.Unix())
		}
		gauge(m.lastSuccess, success, st.name)
		gauge(m.lastRun, run, st.name)
		for place, tok := range st.tokens {
			gauge(m.expiry, float64(tok.expires.Unix()), st.name, place.host, place.credential)
		}
	}
}

// observe counts what became of a run over a target.
func (m *metrics) observe(t TargetReport) {
	result := "ok"
	if t.Failed() {
		result = "failed"
	}
	m.runs.WithLabelValues(t.Name, result).Inc()
	m.duration.WithLabelValues(t.Name).Observe(t.Seconds)
	if t.Error != nil {
		m.failures.WithLabelValues(t.Name, string(t.Error.Reason)).Inc()
	}
	pushes := m.pushes.WithLabelValues(t.Name) // there from the first run on, be it at 0
	for _, e := range t.Registries {
		if e.Status == Updated || e.Status == Created || e.Status == Unverified && (e.Action == Update || e.Action == Create) {
			pushes.Inc()
		}
		if e.Error != nil {
			m.failures.WithLabelValues(t.Name, string(e.Error.Reason)).Inc()
		}
	}
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
