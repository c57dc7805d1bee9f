package api_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/api"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// A request waited for the database for as long as that took, and so did all behind it that
// found no connection. Now it is told so in time, and whatever it does ends.
func TestRequest_takesTooLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.RequestTimeout = 100 * time.Millisecond })
	id := w.store.add(t, w.ids["user"], completed)
	w.store.BreakWith(func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	got := w.do(t, call{actor: "user", path: "/api/v1/transcriptions/" + id.String()})
	if got.expect(t, 503, "request_timeout"); got.Header.Get("Retry-After") == "" {
		t.Error("nobody says when to try again")
	}
	w.store.BreakWith(nil)
	w.do(t, call{actor: "user", path: "/api/v1/transcriptions/" + id.String()}).expect(t, 200, "")
	w.do(t, call{actor: "user", path: "/api/v1/transcriptions/" + newID(t).String()}).expect(t, 404, "not_found")
}

// What moves recordings and files has no such limit.
func TestRequest_mayTakeLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.RequestTimeout = time.Millisecond })
	id := w.store.add(t, w.ids["user"], completed)
	w.store.BreakWith(func(ctx context.Context) error {
		if _, hurried := ctx.Deadline(); hurried {
			<-ctx.Done()
			return ctx.Err()
		}
		return fault.New(fault.NotFound, "There is none.")
	})
	for _, method := range []string{"GET", "HEAD"} {
		if got := w.do(t, call{actor: "user", method: method, path: "/api/v1/export/" + id.String() + "?format=txt"}); got.StatusCode != http.StatusNotFound {
			t.Errorf("%s: got %d", method, got.StatusCode)
		}
	}
	w.do(t, call{actor: "user", path: "/api/v1/transcriptions/" + id.String()}).expect(t, 503, "request_timeout")
}

// A route that is named as one without a limit is there, or a typing error would give it one.
func TestUnhurried(t *testing.T) {
	t.Parallel()
	routes := newWorld(t).Routes()
	for _, route := range api.Unhurried() {
		if !slices.Contains(routes, route) {
			t.Errorf("there is no route %s", route)
		}
		if method, _, _ := strings.Cut(route, " "); method == http.MethodHead {
			t.Errorf("%s goes with GET", route)
		}
	}
}
