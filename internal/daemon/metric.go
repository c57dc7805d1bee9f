package daemon

import "github.com/prometheus/client_golang/prometheus"

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
