package auth_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// keyed is a service with a person who has signed in.
type keyed struct {
	*auth.Service
	store *authtest.Store
	clock *clock
	who   auth.Actor
}

func newKeyed(t *testing.T) keyed {
	t.Helper()
	store := new(authtest.Store)
	s, c := newService(t, store)
	who, err := s.Authenticate(t.Context(), register(t, s).Access)
	if err != nil {
		t.Fatal(err)
	}
	return keyed{s, store, c, who}
}

func (k keyed) make(t *testing.T, scopes ...auth.Permission) (*auth.Key, string) {
	t.Helper()
	made, text, err := k.CreateKey(t.Context(), k.who, auth.NewKey{Name: "backup", Scopes: scopes, ExpiresAt: k.clock.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return made, text
}

func (k keyed) setRole(t *testing.T, r auth.Role) {
	t.Helper()
	if _, err := k.store.ChangeUser(t.Context(), k.who.UserID, auth.UserChange{At: k.clock.Now(), Role: &r}, auth.Entry{}); err != nil {
		t.Fatal(err)
	}
}

func TestService_CreateKey(t *testing.T) {
	t.Parallel()
	k := newKeyed(t)
	made, text := k.make(t, auth.WriteTranscriptions, auth.ReadTranscriptions, auth.WriteTranscriptions)
	// 256 random bits in base 32 behind the prefix.
	if !regexp.MustCompile(`^ts_[a-z2-7]{8}_[a-z2-7]{52}$`).MatchString(text) || !strings.HasPrefix(text, "ts_"+made.Prefix+"_") || !auth.IsKey(text) {
		t.Errorf("got the key %q of prefix %q", text, made.Prefix)
	}
	if want := []auth.Permission{auth.ReadTranscriptions, auth.WriteTranscriptions}; !slices.Equal(made.Scopes, want) {
		t.Errorf("got scopes %v, want %v", made.Scopes, want)
	}
	if _, again := k.make(t, auth.ReadTranscriptions); again == text {
		t.Error("two keys are the same")
	}
	who, err := k.AuthenticateKey(t.Context(), text)
	if err != nil || who.UserID != k.who.UserID || who.KeyID != made.ID || who.SessionID != uuid.Nil || who.Email != ada || !who.Can(auth.WriteTranscriptions) {
		t.Errorf("got %+v, %v", who, err)
	}
}

func TestService_CreateKey_refuses(t *testing.T) {
	t.Parallel()
	k := newKeyed(t)
	read := []auth.Permission{auth.ReadTranscriptions}
	for name, tt := range map[string]struct {
		in   auth.NewKey
		want string
	}{
		"no name":           {auth.NewKey{Name: "  ", Scopes: read}, "invalid_name"},
		"a long name":       {auth.NewKey{Name: strings.Repeat("x", 101), Scopes: read}, "invalid_name"},
		"a line break":      {auth.NewKey{Name: "a\nb", Scopes: read}, "invalid_name"},
		"expired already":   {auth.NewKey{Name: "x", Scopes: read, ExpiresAt: k.clock.Now()}, "invalid_expiry"},
		"no scopes":         {auth.NewKey{Name: "x"}, "invalid_scopes"},
		"more than its own": {auth.NewKey{Name: "x", Scopes: []auth.Permission{auth.WatchQueues}}, "invalid_scopes"},
		"an unknown scope":  {auth.NewKey{Name: "x", Scopes: []auth.Permission{"*"}}, "invalid_scopes"},
	} {
		if _, _, err := k.CreateKey(t.Context(), k.who, tt.in); code(err) != tt.want {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
	k.setRole(t, auth.Admin)
	admin := k.who
	admin.Permissions = authtest.Roles[auth.Admin]
	if _, _, err := k.CreateKey(t.Context(), admin, auth.NewKey{Name: "x", Scopes: []auth.Permission{auth.ManageUsers}}); code(err) != "invalid_scopes" {
		t.Errorf("a key that could give itself more: got %v, want invalid_scopes", err)
	}
}

// What a key may do is never more than what the role of its owner may do now.
func TestService_AuthenticateKey_asOfNow(t *testing.T) {
	t.Parallel()
	k := newKeyed(t)
	made, text := k.make(t, auth.ReadTranscriptions, auth.WriteTranscriptions)
	k.setRole(t, auth.Viewer)
	who, err := k.AuthenticateKey(t.Context(), text)
	if err != nil || !who.Can(auth.ReadTranscriptions) || who.Can(auth.WriteTranscriptions) {
		t.Errorf("of a viewer: got %+v, %v, want it to read only", who, err)
	}
	k.setRole(t, auth.Admin)
	if who, err = k.AuthenticateKey(t.Context(), text); err != nil || who.Can(auth.WatchQueues) {
		t.Errorf("of an administrator: got %+v, %v, want its scopes only", who, err)
	}
	if err := k.RevokeKey(t.Context(), k.who, made.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := k.AuthenticateKey(t.Context(), text); code(err) != "key_invalid" || !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("revoked: got %v, want key_invalid", err)
	}
}

func TestService_AuthenticateKey_refuses(t *testing.T) {
	t.Parallel()
	k := newKeyed(t)
	made, text := k.make(t, auth.ReadTranscriptions)
	for name, text := range map[string]string{"the prefix": "ts_" + made.Prefix + "_", "upper case": strings.ToUpper(text), "more": text + "a", "less": text[:len(text)-1]} {
		if _, err := k.AuthenticateKey(t.Context(), text); code(err) != "key_invalid" {
			t.Errorf("%s: got %v, want key_invalid", name, err)
		}
	}
	k.clock.advance(time.Hour)
	if _, err := k.AuthenticateKey(t.Context(), text); code(err) != "key_expired" {
		t.Errorf("got %v, want key_expired", err)
	}
}

// A key that was found in some repository must not become a way to stay.
func TestService_key_isNotInPerson(t *testing.T) {
	t.Parallel()
	k := newKeyed(t)
	made, text := k.make(t, auth.ReadTranscriptions)
	who, err := k.AuthenticateKey(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func(context.Context) error{
		"make a key": func(ctx context.Context) error {
			_, _, err := k.CreateKey(ctx, who, auth.NewKey{Name: "x", Scopes: who.Permissions})
			return err
		},
		"list keys":     func(ctx context.Context) error { _, err := k.Keys(ctx, who, uuid.Nil, 10); return err },
		"revoke a key":  func(ctx context.Context) error { return k.RevokeKey(ctx, who, made.ID) },
		"list sign-ins": func(ctx context.Context) error { _, err := k.SignIns(ctx, who, auth.Cursor{}, 10); return err },
		"end sign-ins":  func(ctx context.Context) error { return k.EndOtherSignIns(ctx, who) },
		"end a sign-in": func(ctx context.Context) error { return k.EndSignIn(ctx, who, k.who.SessionID) },
		"change a user": func(ctx context.Context) error { return changeAs(ctx, k, who) },
	} {
		if err := call(t.Context()); code(err) != "key_not_allowed" || !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s: got %v, want key_not_allowed", name, err)
		}
	}
}

// changeAs changes a user with a key that would be allowed to, were it none.
func changeAs(ctx context.Context, k keyed, who auth.Actor) error {
	who.Permissions = authtest.Roles[auth.Admin]
	_, err := k.ChangeUser(ctx, who, who.UserID, auth.UserChange{})
	return err
}

// counting counts how often the use of a key is written.
type counting struct {
	auth.Store
	uses int
}

func (c *counting) UseKey(ctx context.Context, id uuid.UUID, at, unlessSince time.Time) error {
	c.uses++
	return c.Store.UseKey(ctx, id, at, unlessSince)
}

func TestService_AuthenticateKey_writesOnceAMinute(t *testing.T) {
	t.Parallel()
	store := &counting{Store: new(authtest.Store)}
	s, c := newService(t, store)
	who, err := s.Authenticate(t.Context(), register(t, s).Access)
	if err != nil {
		t.Fatal(err)
	}
	_, text, err := s.CreateKey(t.Context(), who, auth.NewKey{Name: "x", Scopes: who.Permissions})
	if err != nil {
		t.Fatal(err)
	}
	for range 120 {
		if _, err := s.AuthenticateKey(t.Context(), text); err != nil {
			t.Fatal(err)
		}
		c.advance(time.Second)
	}
	if store.uses != 2 {
		t.Errorf("the use was written %d times in two minutes, want 2", store.uses)
	}
	keys, err := s.Keys(t.Context(), who, uuid.Nil, 10)
	if err != nil || len(keys) != 1 || c.Now().Sub(keys[0].UsedAt) > time.Minute {
		t.Errorf("got %+v, %v at %s, want it used within a minute", keys, err, c.Now())
	}
}
