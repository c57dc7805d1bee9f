package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/rs/zerolog"
)

// Serve returns a unit that serves h on addr, with limits on every wait: it is
// meant for Health, whose answers are small and quick. It is best the first in
// the list, hence the last to stop, so that a draining process can be asked. An
// address that cannot be used is an error of the unit at once.
func Serve(addr string, h http.Handler) Unit {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       5 * time.Second,
		WriteTimeout:      15 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	return Unit{
		Name: "health",
		Run: func(ctx context.Context) error {
			server.BaseContext = func(net.Listener) context.Context { return ctx }
			l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
			if err != nil {
				return fmt.Errorf("listen for health checks: %w", err)
			}
			zerolog.Ctx(ctx).Info().Stringer("addr", l.Addr()).Msg("health checks and metrics are served")
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve health checks: %w", err)
			}
			return nil
		},
		Stop: server.Shutdown,
	}
}
