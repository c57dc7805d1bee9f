package main

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// An upload that outlasts the grace is broken off, and what it stored removed:
// its handler must have returned before the program ends.
func TestHTTPUnit_waitsForWhatItBreaksOff(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	working := make(chan struct{})
	var cleaned atomic.Bool
	unit := httpUnit(t.Context(), listener, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(working)
		<-r.Context().Done()
		cleaned.Store(true)
	}), nil)
	served := make(chan error, 1)
	go func() { served <- unit.Run(t.Context()) }()
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String(), nil)
		if err != nil {
			t.Error(err)
			return
		}
		if answer, err := http.DefaultClient.Do(req); err == nil {
			t.Errorf("the request was answered with %d", answer.StatusCode)
			_ = answer.Body.Close()
		}
	}()
	<-working
	ctx, cancel := context.WithTimeout(t.Context(), cleanUp+100*time.Millisecond)
	defer cancel()
	if err := unit.Stop(ctx); err != nil {
		t.Error(err)
	}
	if !cleaned.Load() {
		t.Error("the handler still runs")
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	<-asked
}
