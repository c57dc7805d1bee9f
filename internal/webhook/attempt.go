package webhook

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// State says how a delivery stands.
type State string

// The states of a delivery.
const (
	Pending   State = "pending"   // to be sent, or to be sent again
	Delivered State = "delivered" // the receiver has said that it has it
	GivenUp   State = "failed"    // every attempt has failed
	Withdrawn State = "canceled"  // its webhook was disabled, or it was overtaken by the end
)

// States lists every state.
var States = []State{Pending, Delivered, GivenUp, Withdrawn}

// delays are waited before the second attempt and each further one, and up to a tenth
// longer, so that deliveries that failed together do not meet again. All together are
// a day.
var delays = []time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 6 * time.Hour, 10 * time.Hour,
}

// longestRetryAfter bounds how long a receiver may have an attempt put off.
const longestRetryAfter = 6 * time.Hour

// Attempts returns how often an event of that type is sent before it is given up. What
// is said of the progress is soon no longer true.
func Attempts(t Type) int {
	if t == Progress {
		return 3
	}
	return len(delays) + 1
}

// Outcome is what became of an attempt.
type Outcome struct {
	State   State         // Pending: to be tried again
	After   time.Duration // until then
	Status  int           // of the answer; 0: there was none
	Excerpt string        // of its body, at most 1 KiB
	Failure *transcription.Failure
	Gone    bool // the receiver wants nothing any more
	Took    time.Duration
}

// answer is what a receiver said.
type answer struct {
	status     int
	retryAfter time.Duration
	excerpt    string
}

// outcome returns what an answer to that attempt means.
func outcome(t Type, attempt int, a answer) Outcome {
	o := Outcome{Status: a.status, Excerpt: a.excerpt}
	switch {
	case a.status >= http.StatusOK && a.status < http.StatusMultipleChoices:
		o.State = Delivered
		return o
	case a.status == http.StatusGone:
		o.State, o.Gone = GivenUp, true
		o.Failure = &transcription.Failure{Code: "gone", Message: "The receiver answered that it wants no more events (410)."}
		return o
	case a.status >= http.StatusMultipleChoices && a.status < http.StatusBadRequest:
		o.Failure = &transcription.Failure{Code: "redirected", Message: "The receiver answered with a redirect, which is not followed. Change the address of the webhook."}
	default:
		o.Failure = &transcription.Failure{Code: "refused", Message: "The receiver did not answer with a status from 200 to 299."}
	}
	if a.status != http.StatusTooManyRequests && a.status != http.StatusServiceUnavailable {
		a.retryAfter = 0
	}
	return again(o, t, attempt, a.retryAfter)
}

// again lets an attempt be followed by another one, if any is left. A receiver may ask
// for more time, not for less: its attempts would soon be used up.
func again(o Outcome, t Type, attempt int, asked time.Duration) Outcome {
	if attempt >= Attempts(t) {
		o.State = GivenUp
		return o
	}
	delay := delays[max(attempt, 1)-1]
	delay += rand.N(delay/10 + 1) //nolint:gosec // nobody gains by foreseeing it
	o.State, o.After = Pending, max(delay, min(asked, longestRetryAfter))
	return o
}

// readRetryAfter returns how long the header asks to wait: it has seconds or a date.
// What is neither asks for nothing.
func readRetryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if n, err := strconv.ParseInt(header, 10, 64); err == nil {
		return time.Duration(min(max(n, 0), int64(longestRetryAfter/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
