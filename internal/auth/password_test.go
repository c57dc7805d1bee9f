package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// cheap keeps tests fast; one of them uses the real cost.
var cheap = Argon2{MemoryKiB: 64, Passes: 1, Lanes: 1}

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, password, want string }{
		{"eight characters", "xkq-1#vz", ""},
		{"no rules of composition", "mmmmmmnn", ""},
		{"eight characters of two bytes", "äöüäöüäö", ""},
		{"seven characters of two bytes", "äöüäöüä", "password_too_short"},
		{"empty", "", "password_too_short"},
		{"256 characters", strings.Repeat("abcd", 64), ""},
		{"257 characters", strings.Repeat("abcd", 64) + "c", "password_too_long"},
		{"common", "password123", "password_too_common"},
		{"common in another case", "PassWord123", "password_too_common"},
		{"leaked, and no word", "1qaz2wsx3edc", "password_too_common"},
		{"a word of this place", "TurboScribe", "password_too_common"},
		{"a word of this place with digits and signs", "Turbo-Scribe_2026!", "password_too_common"},
		{"a word of this place and another", "turboscribe horse", ""},
		{"the address", "Ada.Lovelace@Example.com", "password_too_common"},
		{"the address before the @", "ada.Lovelace", "password_too_common"},
		{"the address and more", "ada.lovelace1", ""},
		{"one character", "zzzzzzzzzzzz", "password_too_common"},
		{"one character in both cases", "zZZzzzZz", "password_too_common"},
		{"one space", strings.Repeat(" ", 12), "password_too_common"},
		{"two in turn", "x7x7x7x7x", "password_too_common"},
		{"two of several bytes in turn", "äöäöäöäö", "password_too_common"},
		{"two in turn, and a third", "x7x7x7x7y", ""},
		{"two pairs", "xx77xx77", ""},
		{"not text", "abcdefgh\xff", "invalid_password"},
		{"no text before it was decoded", "abcdefgh\ufffd", "invalid_password"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if err := checkPassword("ada.lovelace@example.com", tt.password); err != nil {
				got = fault.Of(err).Code
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCommonPasswords_areReachable(t *testing.T) {
	t.Parallel()
	if len(commonPasswords) < 3000 {
		t.Errorf("the list has %d passwords", len(commonPasswords))
	}
	for p := range commonPasswords {
		if utf8.RuneCountInString(p) < minPassword || strings.ToLower(p) != p || repeats(p) {
			t.Errorf("%q can never match", p)
		}
	}
}

func TestHasher(t *testing.T) {
	t.Parallel()
	h := newHasher(Argon2{}, rand.Reader)
	stored, err := h.hash(t.Context(), "a good password")
	if err != nil {
		t.Fatal(err)
	}
	if want := "$argon2id$v=19$m=47104,t=1,p=1$"; !strings.HasPrefix(stored, want) {
		t.Errorf("got %s, want it to start with %s", stored, want)
	}
	again, err := h.hash(t.Context(), "a good password")
	if err != nil || again == stored {
		t.Errorf("got %s, %v twice: the salt is missing", again, err)
	}
	for password, want := range map[string]bool{"a good password": true, "a good passwore": false, "": false} {
		if ok, stale, err := h.verify(t.Context(), stored, password); ok != want || stale || err != nil {
			t.Errorf("%q: got %v, %v, %v, want %v", password, ok, stale, err, want)
		}
	}
}

func TestHasher_knowsOlderCosts(t *testing.T) {
	t.Parallel()
	old := newHasher(cheap, rand.Reader)
	stored, err := old.hash(t.Context(), "a good password")
	if err != nil {
		t.Fatal(err)
	}
	h := newHasher(Argon2{MemoryKiB: 128, Passes: 2, Lanes: 1}, rand.Reader)
	if ok, stale, err := h.verify(t.Context(), stored, "a good password"); !ok || !stale || err != nil {
		t.Errorf("got %v, %v, %v, want a match that is stale", ok, stale, err)
	}
}

// TestHasher_boundsMemory: without a bound a hundred sign-ins at once would take
// 4.6 GiB.
func TestHasher_boundsMemory(t *testing.T) {
	t.Parallel()
	h := newHasher(cheap, rand.Reader)
	for range cap(h.slots) {
		h.slots <- struct{}{}
	}
	h.wait = time.Millisecond
	if _, err := h.hash(t.Context(), "x"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v, want unavailable when all slots are taken", err)
	}
	h.wait = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.hash(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
	<-h.slots
	if _, err := h.hash(t.Context(), "x"); err != nil {
		t.Errorf("got %v with a free slot", err)
	}
}

// A container that may use two of the machine's 64 processors had room for 64
// hashes at once, which is 3 GB.
func TestHasher_slots(t *testing.T) { //nolint:paralleltest // it changes what the process may use
	before := runtime.GOMAXPROCS(0)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	for procs, want := range map[int]int{1: 1, 3: 3, 64: 8} {
		runtime.GOMAXPROCS(procs)
		if got := cap(newHasher(cheap, rand.Reader).slots); got != want {
			t.Errorf("%d processors: got %d slots, want %d", procs, got, want)
		}
	}
}

// strangers is a store that knows nobody.
type strangers struct{ Store }

func (strangers) UserByEmail(context.Context, string) (*User, error) {
	return nil, fault.New(fault.NotFound, "There is no such account.")
}

// TestLogin_hashesForUnknownUsers: an answer that comes at once would tell that
// there is no such account. With every slot taken, only a hash has to wait.
func TestLogin_hashesForUnknownUsers(t *testing.T) {
	t.Parallel()
	s := accessService(t)
	s.store, s.hasher.wait = strangers{}, time.Millisecond
	for range cap(s.hasher.slots) {
		s.hasher.slots <- struct{}{}
	}
	for _, email := range []string{"bob@example.com", "no address"} {
		if _, err := s.Login(t.Context(), email, "four words in a row"); fault.Of(err).Code != "busy" {
			t.Errorf("%s: got %v, want it to wait for a hash", email, err)
		}
	}
}

func TestParsePHC_refuses(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]string{
		"empty":              "",
		"another algorithm":  "$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5",
		"another version":    "$argon2id$v=16$m=64,t=1,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5",
		"no cost":            "$argon2id$v=19$$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5",
		"no passes":          "$argon2id$v=19$m=64,t=0,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5",
		"salt is not base64": "$argon2id$v=19$m=64,t=1,p=1$!!$a2V5a2V5a2V5a2V5a2V5",
		"key is not base64":  "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$!!",
		"empty key":          "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if p, err := parsePHC(s); err == nil {
				t.Errorf("got %+v, want an error", p)
			}
		})
	}
}
