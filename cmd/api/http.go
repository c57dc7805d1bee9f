package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log" //nolint:depguard // net/http takes no other
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/semaphore"

	"github.com/turboscribe/turboscribe/internal/daemon"
)

// headerTimeout bounds how long a client may take over its request's head. Bodies
// and answers have their own limits in internal/api.
const headerTimeout = 10 * time.Second

// cleanUp is kept of the grace for requests that did not end by themselves: an
// upload that is broken off still has to remove what it stored.
const cleanUp = 5 * time.Second

// everyRequest is more than all requests that can be in work.
const everyRequest = 1 << 30

// httpUnit serves h, by https with the settings of secure, by http where that is nil. When it is stopped, it takes nothing new and waits; requests
// that do not end in time are broken off, and waited for once more.
func httpUnit(ctx context.Context, listener net.Listener, h http.Handler, secure *tls.Config) daemon.Unit {
	work := semaphore.NewWeighted(everyRequest)
	srv := &http.Server{
		Handler: counted(h, work), ErrorLog: log.New(errorLog{zerolog.Ctx(ctx)}, "", 0),
		TLSConfig:         secure,
		ReadHeaderTimeout: headerTimeout, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
	}
	return daemon.Unit{
		Name: "http",
		Run: func(context.Context) error {
			if err := serveOn(srv, listener); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		},
		Stop: func(ctx context.Context) error { return stop(ctx, srv, work) },
	}
}

// serveOn serves by https where there is a certificate.
func serveOn(srv *http.Server, listener net.Listener) error {
	if srv.TLSConfig == nil {
		return srv.Serve(listener)
	}
	return srv.ServeTLS(listener, "", "")
}

// counted makes every request hold a place in work.
func counted(h http.Handler, work *semaphore.Weighted) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !work.TryAcquire(1) {
			http.Error(w, "shutting down", http.StatusServiceUnavailable)
			return
		}
		defer work.Release(1)
		h.ServeHTTP(w, r)
	})
}

func stop(ctx context.Context, srv *http.Server, work *semaphore.Weighted) error {
	gently := ctx
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		gently, cancel = context.WithDeadline(ctx, deadline.Add(-cleanUp))
		defer cancel()
	}
	if srv.Shutdown(gently) == nil {
		return nil
	}
	zerolog.Ctx(ctx).Warn().Msg("requests are broken off")
	return errors.Join(srv.Close(), work.Acquire(ctx, everyRequest))
}

// errorLog makes lines of the log out of what net/http complains about.
type errorLog struct{ log *zerolog.Logger }

func (l errorLog) Write(line []byte) (int, error) {
	l.log.Warn().Str("from", "net/http").Msg(strings.TrimSpace(string(line)))
	return len(line), nil
}
