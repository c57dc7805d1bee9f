package daemon

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Counter registers a counter with one label, which takes the given values only, and
// returns what counts one up. Each value is there from the start, at 0: what has
// never happened must not look like what is not measured.
func Counter(r prometheus.Registerer, name, help, label string, values ...string) (count func(value string), err error) {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	if err := r.Register(c); err != nil {
		return nil, err
	}
	for _, v := range values {
		c.WithLabelValues(v)
	}
	return func(value string) { c.WithLabelValues(value).Inc() }, nil
}

// readTime bounds what a gauge is read in: whoever collects does not wait for ever.
const readTime = 3 * time.Second

// Gauges registers gauges that are read when somebody collects them: one for each value
// of a label, or a single one for the empty value when there is no label. What cannot be
// read is left out, since no figure is better than a wrong one, and logged.
func Gauges(ctx context.Context, r prometheus.Registerer, name, help, label string, read func(ctx context.Context) (map[string]float64, error)) error {
	var labels []string
	if label != "" {
		labels = []string{label}
	}
	return r.Register(&gauges{ctx: context.WithoutCancel(ctx), read: read, labels: labels, desc: prometheus.NewDesc(name, help, labels, nil)})
}

type gauges struct {
	ctx    context.Context //nolint:containedctx // prometheus passes none on
	read   func(ctx context.Context) (map[string]float64, error)
	labels []string
	desc   *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (g *gauges) Describe(to chan<- *prometheus.Desc) { to <- g.desc }

// Collect implements prometheus.Collector.
func (g *gauges) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(g.ctx, readTime)
	defer cancel()
	values, err := g.read(ctx)
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Stringer("metric", g.desc).Msg("not read")
		return
	}
	for value, n := range values {
		to <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, n, []string{value}[:len(g.labels)]...)
	}
}
