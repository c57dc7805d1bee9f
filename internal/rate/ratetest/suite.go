// Package ratetest checks that a store keeps the promises of rate.Store.
package ratetest

import (
	"context"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/rate"
)

// TestStore checks a store that is empty and works.
func TestStore(t *testing.T, s rate.Store) {
	t.Helper()
	hourly := func(key string) rate.Bucket {
		return rate.Bucket{Key: key, Limit: rate.Limit{Burst: 3, Every: time.Hour}}
	}
	take := func(n int, buckets ...rate.Bucket) []rate.Level {
		t.Helper()
		var requests []rate.Request
		for _, b := range buckets {
			requests = append(requests, rate.Request{Bucket: b, N: n})
		}
		levels, err := s.Take(t.Context(), requests...)
		if err != nil || len(levels) != len(buckets) {
			t.Fatalf("got %d levels, %v", len(levels), err)
		}
		return levels
	}
	want := func(got rate.Level, granted, left int, wait, full time.Duration) {
		t.Helper()
		near := func(got, want time.Duration) bool { return got <= want && got >= want-10*time.Minute && got >= 0 }
		if got.Granted != granted || got.Left != left || !near(got.Wait, wait) || !near(got.Full, full) {
			t.Errorf("got %+v, want %d granted, %d left, %s to wait, %s until it is full", got, granted, left, wait, full)
		}
	}
	want(take(2, hourly("a"))[0], 2, 1, 0, 2*time.Hour)
	want(take(2, hourly("a"))[0], 1, 0, time.Hour, 3*time.Hour)
	want(take(1, hourly("a"))[0], 0, 0, time.Hour, 3*time.Hour)
	both := take(1, hourly("a"), hourly("b"))
	want(both[0], 0, 0, time.Hour, 3*time.Hour)
	want(both[1], 1, 2, 0, time.Hour)
	want(take(-1, hourly("a"))[0], -1, 1, 0, 2*time.Hour)
	want(take(-5, hourly("b"))[0], -5, 3, 0, 0)
	want(take(1, hourly("b"))[0], 1, 2, 0, time.Hour)

	// What is empty becomes full again, one at a time.
	quick := rate.Bucket{Key: "c", Limit: rate.Limit{Burst: 2, Every: 20 * time.Millisecond}}
	begun := time.Now()
	for granted := 0; granted < 10; granted += take(1, quick)[0].Granted {
		wait(t.Context(), time.Millisecond)
	}
	if took := time.Since(begun); took < 150*time.Millisecond {
		t.Errorf("ten in %s", took)
	}
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
