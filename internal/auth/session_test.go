package auth_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

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

// TestService_Refresh_endsAtLast: refreshing keeps a sign-in for three months, not for ever.
func TestService_Refresh_endsAtLast(t *testing.T) {
	t.Parallel()
	s, c := newService(t, new(authtest.Store))
	g := register(t, s)
	last := c.Now().Add(90 * 24 * time.Hour)
	for range 4 {
		c.advance(20 * 24 * time.Hour)
		var err error
		if g, err = s.Refresh(t.Context(), g.Refresh); err != nil {
			t.Fatal(err)
		}
	}
	if !g.RefreshExpires.Equal(last) {
		t.Errorf("expires %s, want %s", g.RefreshExpires, last)
	}
	c.advance(10 * 24 * time.Hour)
	if _, err := s.Refresh(t.Context(), g.Refresh); code(err) != "session_expired" {
		t.Errorf("after 90 days: got %v, want session_expired", err)
	}
}

// TestService_tokens: nobody can guess what a sign-in goes on with.
func TestService_tokens(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, new(authtest.Store))
	first := register(t, s)
	second, err := s.Login(t.Context(), ada, password)
	if err != nil {
		t.Fatal(err)
	}
	third, err := s.Refresh(t.Context(), second.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, g := range []*auth.Grant{first, second, third} {
		if raw, err := base64.RawURLEncoding.DecodeString(g.Refresh); err != nil || len(raw) != 32 || seen[g.Refresh] {
			t.Errorf("%s is no new token of 256 bits: %v", g.Refresh, err)
		}
		seen[g.Refresh] = true
	}
}

// TestUploadToken_atTheEnd: a token for uploads that was taken in the last minute of a sign-in
// went on for half a day. No token outlives the sign-in that it was made in.
func TestUploadToken_atTheEnd(t *testing.T) {
	t.Parallel()
	s, c := newService(t, new(authtest.Store))
	g := register(t, s)
	for range 3 { // until no refresh makes it longer
		c.advance(30*24*time.Hour - time.Minute)
		var err error
		if g, err = s.Refresh(t.Context(), g.Refresh); err != nil {
			t.Fatal(err)
		}
	}
	who, err := s.Authenticate(t.Context(), g.Access)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := s.UploadToken(t.Context(), who)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AuthenticateUpload(t.Context(), token); err != nil {
		t.Errorf("a moment before: %v", err)
	}
	c.advance(3 * time.Minute)
	if _, err := s.AuthenticateUpload(t.Context(), token); code(err) != "session_expired" {
		t.Errorf("the upload token: got %v, want session_expired", err)
	}
	if _, err := s.Authenticate(t.Context(), g.Access); code(err) != "session_expired" {
		t.Errorf("the access token: got %v, want session_expired", err)
	}
}

// TestService_EndSignIn_late: who has found a sign-in may end that alone, and no other.
func TestService_EndSignIn_late(t *testing.T) {
	t.Parallel()
	m := newMailed(t)
	found := register(t, m.Service)
	m.advance(16 * time.Minute)
	owner := m.who(t, m.login(t, ada, password, ""))
	var err error
	if found, err = m.Refresh(t.Context(), found.Refresh); err != nil {
		t.Fatal(err)
	}
	thief := m.who(t, found)
	wantCode(t, m.EndSignIn(t.Context(), thief, owner.SessionID), "recent_sign_in_required")
	wantCode(t, m.EndOtherSignIns(t.Context(), thief), "recent_sign_in_required")
	if err := m.EndSignIn(t.Context(), owner, thief.SessionID); err != nil {
		t.Errorf("the owner: %v", err)
	}
	m.advance(16 * time.Minute)
	if err := m.EndSignIn(t.Context(), owner, owner.SessionID); err != nil {
		t.Errorf("one's own: %v", err)
	}
}
