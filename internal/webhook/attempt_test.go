package webhook

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestOutcome(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status int
		state  State
		gone   bool
		code   string
	}{
		{200, Delivered, false, ""},
		{201, Delivered, false, ""},
		{204, Delivered, false, ""},
		{299, Delivered, false, ""},
		{101, Pending, false, "refused"},
		{301, Pending, false, "redirected"},
		{304, Pending, false, "redirected"},
		{308, Pending, false, "redirected"},
		{400, Pending, false, "refused"},
		{404, Pending, false, "refused"},
		{410, GivenUp, true, "gone"},
		{429, Pending, false, "refused"},
		{500, Pending, false, "refused"},
		{503, Pending, false, "refused"},
	} {
		o := outcome(Completed, 1, answer{status: tt.status, excerpt: "x"})
		code := ""
		if o.Failure != nil {
			code = o.Failure.Code
		}
		if o.State != tt.state || o.Gone != tt.gone || code != tt.code || o.Status != tt.status || o.Excerpt != "x" || (o.After > 0) != (tt.state == Pending) {
			t.Errorf("%d: got %+v, %q, want %+v", tt.status, o, code, tt)
		}
	}
}

// All attempts together take a day, and no two deliveries the same time.
func TestOutcome_schedule(t *testing.T) {
	t.Parallel()
	var least, most time.Duration
	for n := 1; n < Attempts(Completed); n++ {
		lo, hi := time.Duration(1<<62), time.Duration(0)
		for range 1000 {
			o := outcome(Completed, n, answer{status: 500})
			if o.State != Pending {
				t.Fatalf("attempt %d: got %s", n, o.State)
			}
			lo, hi = min(lo, o.After), max(hi, o.After)
		}
		if lo < delays[n-1] || hi > delays[n-1]*11/10 || hi-lo < delays[n-1]/20 {
			t.Errorf("attempt %d is followed after %v to %v", n, lo, hi)
		}
		least, most = least+lo, most+hi
	}
	if least < 23*time.Hour || most > 27*time.Hour {
		t.Errorf("all attempts take %v to %v, want about a day", least, most)
	}
	if o := outcome(Completed, Attempts(Completed), answer{status: 500}); o.State != GivenUp || o.After != 0 {
		t.Errorf("got %+v after the last attempt", o)
	}
	if o := outcome(Progress, 3, answer{status: 500}); o.State != GivenUp {
		t.Errorf("got %+v after the third attempt to tell of progress", o)
	}
}

// A receiver may ask for more time, within limits, and never for less: all attempts
// would be used up within seconds.
func TestOutcome_retryAfter(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status      int
		asked       time.Duration
		least, most time.Duration
	}{
		{429, time.Minute, time.Minute, time.Minute},
		{503, time.Hour, time.Hour, time.Hour},
		{429, time.Second, 5 * time.Second, 6 * time.Second},
		{503, 1000 * time.Hour, longestRetryAfter, longestRetryAfter},
		{500, time.Hour, 5 * time.Second, 6 * time.Second},
	} {
		if o := outcome(Completed, 1, answer{status: tt.status, retryAfter: tt.asked}); o.After < tt.least || o.After > tt.most {
			t.Errorf("%d after %v: got %v, want %v to %v", tt.status, tt.asked, o.After, tt.least, tt.most)
		}
	}
}

func TestReadRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "x": 0, "-5": 0, "0": 0, "120": 2 * time.Minute, " 7 ": 7 * time.Second, "1.5": 0,
		"99999999999999": longestRetryAfter, "99999999999999999999": 0,
		now.Add(time.Minute).Format(http.TimeFormat): time.Minute, now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		if got := readRetryAfter(header, now); got != want {
			t.Errorf("%q: got %v, want %v", header, got, want)
		}
	}
}

// FuzzAnswer: what a receiver says of itself bounds no wait beyond the longest, and fits into
// a row of the database.
func FuzzAnswer(f *testing.F) {
	f.Add(503, "120", []byte("busy"))
	f.Add(429, "Fri, 31 Dec 9999 23:59:59 GMT", []byte("\xff\x00"))
	f.Add(200, "-1", []byte(nil))
	f.Add(-1, "99999999999999999999", bytes.Repeat([]byte("ä"), maxExcerpt))
	f.Fuzz(func(t *testing.T, status int, header string, body []byte) {
		asked := readRetryAfter(header, time.Unix(1700000000, 0))
		if o := outcome(Completed, 1, answer{status: status, retryAfter: asked}); asked < 0 || o.After < 0 || o.After > longestRetryAfter {
			t.Errorf("%q asks for %v and gets %v", header, asked, o.After)
		}
		if text := excerpt(body); len(text) > maxExcerpt || !utf8.ValidString(text) || strings.Contains(text, "\x00") {
			t.Errorf("%q became %q", body, text)
		}
	})
}
