package auth

import (
	"context"
	"encoding/base32"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
)

const (
	// keyMark begins every API key, so that scanners of leaked secrets and people know
	// one when they see it.
	keyMark = "ts_"
	// keyPrefix is how many characters tell one key from another; a list shows them.
	keyPrefix = 8
	// keyUse is how exactly it is known when a key was used the last time: a program
	// that polls shall not write a row with every request.
	keyUse = time.Minute

	maxKeyName = 100
	// MaxKeys is how many keys an account may have.
	MaxKeys = 100
)

// keyText is how the random bits of keys are written: nothing that a line break or a
// double click would stop at.
var keyText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// keyless are the permissions that no key has: with them it could give itself more.
var keyless = []Permission{ManageUsers}

// ownPermissions are what is left to the keys of who has to have a second factor and has
// none: programs go on with the recordings of their owner, and run nothing.
var ownPermissions = []Permission{ReadTranscriptions, WriteTranscriptions}

// Key is an API key: a password for a program, which may do some of what its owner may.
type Key struct {
	ID        uuid.UUID
	UserID    uuid.UUID
	Name      string
	Prefix    string
	Hash      TokenHash // of the whole key, which is kept nowhere; unique
	Scopes    []Permission
	CreatedAt time.Time
	ExpiresAt time.Time // zero: never
	UsedAt    time.Time // within a minute; zero: never
}

// KeyStore keeps API keys.
type KeyStore interface {
	// CreateKey inserts a key and adds an entry to the audit log. Conflict too_many_keys:
	// the owner has MaxKeys; password_changed: the generation of the owner is another by now.
	CreateKey(ctx context.Context, k *Key, generation int, e Entry) error
	// Keys returns a page of the owner's, newest first; only keys older than before,
	// unless that is zero.
	Keys(ctx context.Context, owner, before uuid.UUID, limit int) ([]Key, error)
	// DeleteKey deletes a key of the owner's and adds an entry with its Facts to the audit
	// log.
	// NotFound: there is none of that id, or it is somebody else's.
	DeleteKey(ctx context.Context, owner, id uuid.UUID, e Entry) error
	// KeyByHash returns a key and the rights of its owner, with no sign-in to have ended.
	// NotFound: there is none.
	KeyByHash(ctx context.Context, hash TokenHash) (*Key, Rights, error)
	// UseKey records that a key was used, unless it was since a moment.
	UseKey(ctx context.Context, id uuid.UUID, at, unlessSince time.Time) error
}

// NewKey is what somebody wants of a key.
type NewKey struct {
	Name      string
	Scopes    []Permission
	ExpiresAt time.Time // zero: never
}

// IsKey reports whether a bearer token is meant to be an API key.
func IsKey(token string) bool { return strings.HasPrefix(token, keyMark) }

// CreateKey makes a key for the caller and returns it with its text, which nobody will
// be told again. Its scopes are what it may do at most: when the role of its owner may
// do less, so may the key. The owner is told by mail: a key outlives sign-ins. Forbidden
// key_not_allowed: the caller is a key itself; recent_sign_in_required.
// Invalid invalid_name, invalid_expiry, invalid_scopes. Conflict too_many_keys,
// password_changed: a key made at the moment keys end would outlive that.
func (s *Service) CreateKey(ctx context.Context, who Actor, in NewKey) (*Key, string, error) {
	if err := s.RequireRecent(who); err != nil {
		return nil, "", err
	}
	k, err := s.accept(who, in)
	if err != nil {
		return nil, "", err
	}
	text, err := s.fill(k)
	if err != nil {
		return nil, "", err
	}
	e := Entry{Action: KeyCreated, UserID: who.UserID, SubjectID: who.UserID, Details: k.Facts()}.From(ctx)
	if err := s.store.CreateKey(ctx, k, who.generation, e); err != nil {
		return nil, "", err
	}
	return k, text, s.notify(ctx, &User{ID: who.UserID, Email: who.Email}, KeyNotice)
}

// accept returns a key as it was asked for.
func (s *Service) accept(who Actor, in NewKey) (*Key, error) {
	now := s.now()
	name := strings.TrimSpace(in.Name)
	if n := utf8.RuneCountInString(name); n < 1 || n > maxKeyName || strings.ContainsFunc(name, unicode.IsControl) {
		return nil, fault.New(fault.Invalid, "Give the key a name of 1 to %d characters, so that you know later what it is for.", maxKeyName).
			WithCode("invalid_name").With("field", "name")
	}
	if !in.ExpiresAt.IsZero() && !in.ExpiresAt.After(now) {
		return nil, fault.New(fault.Invalid, "The key would have expired already. Choose a later moment, or none for a key that does not expire.").
			WithCode("invalid_expiry").With("field", "expiresAt")
	}
	allowed := slices.DeleteFunc(slices.Clone(who.Permissions), func(p Permission) bool { return slices.Contains(keyless, p) })
	for _, p := range in.Scopes {
		if !slices.Contains(allowed, p) {
			return nil, badScopes("You cannot give the scope %s to a key.", allowed, p)
		}
	}
	if len(in.Scopes) == 0 {
		return nil, badScopes("Name the scopes of the key: what it may do.", allowed)
	}
	scopes := slices.Compact(slices.Sorted(slices.Values(in.Scopes)))
	return &Key{UserID: who.UserID, Name: name, Scopes: scopes, CreatedAt: now, ExpiresAt: in.ExpiresAt}, nil
}

func badScopes(format string, allowed []Permission, args ...any) error {
	return fault.New(fault.Invalid, format, args...).WithCode("invalid_scopes").With("field", "scopes").With("allowed", allowed)
}

// fill gives a key its id and its secret, and returns its text.
func (s *Service) fill(k *Key) (text string, err error) {
	if k.ID, err = s.newID(); err != nil {
		return "", err
	}
	raw := make([]byte, keyPrefix*5/8+tokenBytes)
	if _, err := io.ReadFull(s.rand, raw); err != nil {
		return "", fmt.Errorf("make a key: %w", err)
	}
	k.Prefix = keyText.EncodeToString(raw[:keyPrefix*5/8])
	text = keyMark + k.Prefix + "_" + keyText.EncodeToString(raw[keyPrefix*5/8:])
	k.Hash = hashToken(text)
	return text, nil
}

// Facts returns what the audit log tells of a key.
func (k *Key) Facts() map[string]any {
	scopes := make([]string, len(k.Scopes))
	for i, p := range k.Scopes {
		scopes[i] = string(p)
	}
	return map[string]any{"prefix": k.Prefix, "scopes": strings.Join(scopes, " ")}
}

// Keys returns a page of the caller's keys, newest first.
func (s *Service) Keys(ctx context.Context, who Actor, before uuid.UUID, limit int) ([]Key, error) {
	if err := who.InPerson(); err != nil {
		return nil, err
	}
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	return s.store.Keys(ctx, who.UserID, before, limit)
}

// RevokeKey deletes a key of the caller's. It is refused from then on, in every process.
// NotFound: there is none of that id, or it is somebody else's.
func (s *Service) RevokeKey(ctx context.Context, who Actor, id uuid.UUID) error {
	if err := who.InPerson(); err != nil {
		return err
	}
	return s.store.DeleteKey(ctx, who.UserID, id, Entry{Action: KeyRevoked, UserID: who.UserID, SubjectID: who.UserID}.From(ctx))
}

// AuthenticateKey returns who an API key speaks for and what it may do: that of its
// scopes which the role of its owner may do, and no more than recordings while that owner
// lacks a second factor that they have to have. It is looked up every time, so that it is
// refused from the moment it is revoked. Unauthenticated key_invalid, key_expired,
// account_disabled.
func (s *Service) AuthenticateKey(ctx context.Context, text string) (Actor, error) {
	k, r, err := s.store.KeyByHash(ctx, hashToken(text))
	if fault.Is(err, fault.NotFound) {
		return Actor{}, fault.Wrap(err, fault.Unauthenticated, "That API key is not known. It was revoked, or is not complete.").WithCode("key_invalid")
	}
	if err != nil {
		return Actor{}, err
	}
	now := s.now()
	if !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt) {
		return Actor{}, fault.New(fault.Unauthenticated, "That API key has expired. Make another one.").WithCode("key_expired")
	}
	if r.Disabled {
		return Actor{}, accountDisabled(fault.Unauthenticated)
	}
	if err := s.use(ctx, k, now); err != nil {
		return Actor{}, err
	}
	who := Actor{UserID: k.UserID, Email: r.Email, Role: r.Role, KeyID: k.ID, Expires: now.Add(s.accessTTL)}
	for _, p := range k.Scopes {
		if s.lends(r, p) {
			who.Permissions = append(who.Permissions, p)
		}
	}
	return who, nil
}

// lends reports whether a key of somebody with those rights gets a permission of its scopes.
func (s *Service) lends(r Rights, p Permission) bool {
	if !slices.Contains(r.Permissions, p) {
		return false
	}
	return r.Factor || !s.mustEnrol(r.Role) || slices.Contains(ownPermissions, p)
}

func (s *Service) use(ctx context.Context, k *Key, now time.Time) error {
	if now.Sub(k.UsedAt) < keyUse {
		return nil
	}
	return s.store.UseKey(ctx, k.ID, now, now.Add(-keyUse))
}
