package auth_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
)

// TestService_Unlock: what proves that somebody knows the password of a link is good for
// that link, for that password and for a while.
func TestService_Unlock(t *testing.T) {
	t.Parallel()
	s, clock := newService(t, new(authtest.Store))
	ctx := t.Context()
	hash, err := s.HashLinkPassword(ctx, "four words in a row")
	if err != nil {
		t.Fatal(err)
	}
	l := auth.Lock{LinkID: uuid.New(), Hash: hash}
	proof, expires, err := s.Unlock(ctx, l, "four words in a row")
	if err != nil || !expires.After(clock.Now()) || expires.After(clock.Now().Add(12*time.Hour)) {
		t.Fatalf("good until %s: %v", expires, err)
	}
	replaced, err := s.HashLinkPassword(ctx, "four words in a row")
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.Repeat([]byte("t"), 32)
	rotated, _ := newService(t, new(authtest.Store), func(o *auth.Options) { o.Secrets = [][]byte{other, secret} })
	foreign, _ := newService(t, new(authtest.Store), func(o *auth.Options) { o.Secrets = [][]byte{other} })
	for name, tt := range map[string]struct {
		s     *auth.Service
		l     auth.Lock
		proof string
		want  bool
	}{
		"the same":                  {s, l, proof, true},
		"secret replaced":           {rotated, l, proof, true},
		"secret gone":               {foreign, l, proof, false},
		"another link":              {s, auth.Lock{LinkID: uuid.New(), Hash: hash}, proof, false},
		"another password":          {s, auth.Lock{LinkID: l.LinkID, Hash: replaced}, proof, false},
		"none":                      {s, l, "", false},
		"cut":                       {s, l, proof[:len(proof)-1], false},
		"longer":                    {s, l, proof + "AAAA", false},
		"made up":                   {s, l, strings.Repeat("A", len(proof)), false},
		"a link without password":   {s, auth.Lock{LinkID: l.LinkID}, "", true},
		"a proof for what has none": {s, auth.Lock{LinkID: l.LinkID}, proof, true},
	} {
		if got := tt.s.Unlocked(tt.l, tt.proof); got != tt.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
	clock.advance(12 * time.Hour)
	if s.Unlocked(l, proof) {
		t.Error("the proof is good for ever")
	}
}

// TestService_Unlock_attempts: who guesses waits longer and longer, others do not, and each
// link has attempts of its own.
func TestService_Unlock_attempts(t *testing.T) {
	t.Parallel()
	s, clock := newService(t, new(authtest.Store))
	hash, err := s.HashLinkPassword(t.Context(), "four words in a row")
	if err != nil {
		t.Fatal(err)
	}
	l := auth.Lock{LinkID: uuid.New(), Hash: hash}
	from := func(ip string) func(auth.Lock, string) string {
		ctx := auth.WithOrigin(t.Context(), auth.Origin{IP: ip})
		return func(l auth.Lock, password string) string {
			_, _, err := s.Unlock(ctx, l, password)
			return code(err)
		}
	}
	guesses, guest := from("192.0.2.1"), from("198.51.100.1")
	for range 5 {
		if got := guesses(l, "wrong"); got != "wrong_password" {
			t.Errorf("got %q", got)
		}
	}
	if got := guesses(l, "four words in a row"); got != "too_many_attempts" {
		t.Errorf("got %q", got)
	}
	if got := guest(l, "four words in a row"); got != "" {
		t.Errorf("another network: got %q", got)
	}
	if got := guesses(auth.Lock{LinkID: uuid.New(), Hash: hash}, "four words in a row"); got != "" {
		t.Errorf("another link: got %q", got)
	}
	clock.advance(11 * time.Second)
	if got := guesses(l, "four words in a row"); got != "" {
		t.Errorf("later: got %q", got)
	}
}

// TestGuest: who comes by a link is nobody with an account.
func TestGuest(t *testing.T) {
	t.Parallel()
	link := uuid.New()
	reads, edits := auth.Guest(link, "press", false), auth.Guest(link, "press", true)
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"reads":                  {reads.Require(auth.ReadTranscriptions), ""},
		"edits by one to read":   {reads.Require(auth.WriteTranscriptions), "read_only"},
		"edits":                  {edits.Require(auth.WriteTranscriptions), ""},
		"is signed in":           {edits.SignedIn(), "unauthenticated"},
		"is a person":            {edits.InPerson(), "unauthenticated"},
		"watches queues":         {edits.Require(auth.WatchQueues), "read_only"},
		"nobody with permission": {auth.Actor{Permissions: []auth.Permission{auth.ReadTranscriptions}}.Require(auth.ReadTranscriptions), "unauthenticated"},
	} {
		if got := code(tt.err); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
	if edits.ID() != link || (auth.Actor{UserID: link}).ID() != link || (auth.Actor{}).ID() != uuid.Nil {
		t.Error("the ids are wrong")
	}
}
