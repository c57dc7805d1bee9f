// Package rate says how often somebody may do something.
package rate

import (
	"context"
	"time"
)

// Limit allows Burst at once and then one in every Every. The zero value allows all.
type Limit struct {
	Burst int
	Every time.Duration
}

// PerMinute allows that many in a minute, also at once; 0 allows all.
func PerMinute(n int) Limit {
	if n <= 0 {
		return Limit{}
	}
	return Limit{Burst: n, Every: time.Minute / time.Duration(n)}
}

// Window returns how long it takes from nothing to all of the burst.
func (l Limit) Window() time.Duration { return time.Duration(l.Burst) * l.Every }

// Bucket holds what somebody may still do.
type Bucket struct {
	Key string // whose, and for what
	Limit
}

// Level is how a bucket stands.
type Level struct {
	Granted int           // of those that were asked for
	Left    int           // that could be taken now
	Wait    time.Duration // until one can be taken; 0: at once
	Full    time.Duration // until nothing is missing
}

// Request asks a bucket for n, and gives n back when that is negative.
type Request struct {
	Bucket
	N int
}

// Store keeps buckets, which are full at first.
type Store interface {
	// Take takes from each bucket as many as it has of those asked for, and returns how
	// they stand, in the order of the requests.
	Take(ctx context.Context, requests ...Request) ([]Level, error)
}

// after returns when a bucket that will be full at full will be so once n are taken, or
// as many as there are, and how many that is. Whatever a bucket lacks is told by that
// one time (the generic cell rate algorithm).
func (l Limit) after(full, now time.Time, n int) (time.Time, int) {
	if full.Before(now) {
		full = now
	}
	if n > 0 {
		n = min(n, l.left(full.Sub(now)))
	}
	return full.Add(time.Duration(n) * l.Every), n
}

func (l Limit) left(missing time.Duration) int {
	return max(0, int((l.Window()-missing)/l.Every))
}

// Level returns how a bucket stands that will be full in missing.
func (l Limit) Level(granted int, missing time.Duration) Level {
	return Level{Granted: granted, Left: l.left(missing), Wait: max(0, missing+l.Every-l.Window()), Full: missing}
}
