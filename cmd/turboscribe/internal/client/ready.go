package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Readiness is what a server says of itself.
type Readiness struct {
	OK     bool
	Checks map[string]string // what it depends on, and "ok" or what is wrong
	Clock  time.Time         // the server's, to the second; zero when it does not say
}

// Ready asks the server how it is. Nobody has to be signed in.
func (c *Client) Ready(ctx context.Context) (Readiness, error) {
	ctx, cancel := within(ctx, c.timeout)
	defer cancel()
	got, err := c.exchange(ctx, c.request(http.MethodGet, "/readyz", nil))
	if err != nil {
		return Readiness{}, err
	}
	if got.status != http.StatusOK && got.status != http.StatusServiceUnavailable {
		return Readiness{}, got.refusal()
	}
	r := Readiness{OK: got.status == http.StatusOK, Checks: map[string]string{}}
	if at, err := http.ParseTime(got.header.Get("Date")); err == nil {
		r.Clock = at
	}
	var answer struct {
		Checks map[string]any
		Data   struct{ Checks map[string]any }
	}
	if err := json.Unmarshal(got.body, &answer); err != nil {
		return r, nil // the status alone says whether it is ready
	}
	for _, checks := range []map[string]any{answer.Checks, answer.Data.Checks} {
		for name, value := range checks {
			r.Checks[name] = checkText(value)
		}
	}
	return r, nil
}

// checkText returns the outcome of one check, which is a word or an object.
func checkText(value any) string {
	if object, ok := value.(map[string]any); ok {
		value = object["status"]
		if reason, ok := object["error"].(string); ok && reason != "" {
			value = reason
		}
	}
	if text, ok := value.(string); ok {
		return text
	}
	return "unknown"
}
