package auth_test

import (
	"strings"
	"testing"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
)

// TestService_SignIns: what a program says of itself is shown without what could play
// tricks on who reads it.
func TestService_SignIns(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, new(authtest.Store))
	ctx := auth.WithOrigin(t.Context(), auth.Origin{IP: "192.0.2.1", UserAgent: "a\x00\u202e\n" + strings.Repeat("ä", 300)})
	g, err := s.Register(ctx, ada, password)
	if err != nil {
		t.Fatal(err)
	}
	who, err := s.Authenticate(t.Context(), g.Access)
	if err != nil {
		t.Fatal(err)
	}
	found, err := s.SignIns(t.Context(), who, auth.Cursor{}, 10)
	if err != nil || len(found) != 1 || found[0].ID != who.SessionID {
		t.Fatalf("got %+v, %v, want the one of %+v", found, err, who)
	}
	if got, want := found[0].Client, (auth.Client{IP: "192.0.2.1", UserAgent: "a" + strings.Repeat("ä", 199)}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, err := s.SignIns(t.Context(), auth.Actor{}, auth.Cursor{}, 10); code(err) != "unauthenticated" {
		t.Errorf("nobody: got %v, want unauthenticated", err)
	}
}
