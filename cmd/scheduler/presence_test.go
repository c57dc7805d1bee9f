package main

import (
	"context"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
)

func TestPresence(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	done := make(chan error)
	go func() { done <- presence{db}.run(ctx) }()
	for tick := time.NewTicker(10 * time.Millisecond); ; <-tick.C {
		p, err := db.Presence(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if p.Scheduler.Alive {
			break
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
