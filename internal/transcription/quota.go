package transcription

import (
	"context"
	"time"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// Quota bounds what one owner may have, and all. 0 is no bound.
type Quota struct {
	Queued  int           // of one owner, waiting to be begun
	Running int           // of one owner, at once; the others wait
	Active  int           // of one owner, on their way
	Bytes   int64         // of one owner's recordings that are stored
	Sound   time.Duration // of one owner, in a month
	Backlog int           // of all, waiting to be begun
}

// Usage is what an owner has of what a Quota bounds.
type Usage struct {
	Queued  int
	Active  int
	Bytes   int64
	Sound   time.Duration // of the month: booked when it is known, and settled when a run has ended
	Backlog int
	At      time.Time // now
}

// Reset returns when the next month begins, in UTC.
func (u Usage) Reset() time.Time {
	y, m, _ := u.At.UTC().Date()
	return time.Date(y, m+1, 1, 0, 0, 0, 0, time.UTC)
}

// queueWait is how many seconds somebody should wait whose upload found no place.
const queueWait = 60

// Admit returns nil when an owner who has u may begin one more, of which so many bytes
// are to be stored; 0: they are stored already. RateLimited too_many_queued,
// too_many_active, quota_minutes; TooLarge quota_bytes; Unavailable queue_full.
func (q Quota) Admit(u Usage, bytes int64) error {
	if q.Queued > 0 && u.Queued >= q.Queued {
		return fault.New(fault.RateLimited, "%d of your transcriptions wait to be begun, which is as many as may. Wait until some have ended, or cancel some.", u.Queued).
			WithCode("too_many_queued").With("limit", q.Queued).With("queued", u.Queued).With("retryAfter", queueWait)
	}
	if q.Active > 0 && u.Active >= q.Active {
		return fault.New(fault.RateLimited, "%d of your transcriptions are on their way, which is as many as may. Wait until some have ended, or cancel some.", u.Active).
			WithCode("too_many_active").With("limit", q.Active).With("active", u.Active).With("retryAfter", queueWait)
	}
	if q.Bytes > 0 && bytes > 0 && u.Bytes+bytes > q.Bytes {
		return fault.New(fault.TooLarge, "Your recordings may take %d bytes and take %d already, so this one does not fit. Delete some that you no longer need.", q.Bytes, u.Bytes).
			WithCode("quota_bytes").With("limit", q.Bytes).With("used", u.Bytes)
	}
	if q.Sound > 0 && u.Sound >= q.Sound {
		return q.spent(fault.RateLimited, u, "You have used the %.0f minutes that you have this month.", q.Sound.Minutes())
	}
	if q.Backlog > 0 && u.Backlog >= q.Backlog {
		return fault.New(fault.Unavailable, "More recordings wait than this installation can take at present. Try again in a few minutes.").
			WithCode("queue_full").With("retryAfter", queueWait)
	}
	return nil
}

// Afford returns nil when an owner who has u, this recording not counted, may have one of
// that length transcribed this month. TooLarge quota_minutes.
func (q Quota) Afford(u Usage, length time.Duration) error {
	if q.Sound == 0 || u.Sound+length <= q.Sound {
		return nil
	}
	return q.spent(fault.TooLarge, u, "The recording has %.1f minutes, and you have %.1f of the month's %.0f left.",
		length.Minutes(), max(q.Sound-u.Sound, 0).Minutes(), q.Sound.Minutes())
}

func (q Quota) spent(k fault.Kind, u Usage, format string, args ...any) error {
	reset := u.Reset()
	return fault.New(k, format+" There are more from "+reset.Format("2 January")+" on.", args...).WithCode("quota_minutes").
		With("limit", q.Sound.Minutes()).With("used", u.Sound.Minutes()).With("resetAt", reset).With("retryAfter", int(reset.Sub(u.At).Seconds())+1)
}

// Usage returns what the caller has used, and may.
func (s *Service) Usage(ctx context.Context, who auth.Actor) (Usage, Quota, error) {
	if err := who.SignedIn(); err != nil {
		return Usage{}, Quota{}, err
	}
	return s.store.Usage(ctx, who.UserID)
}
