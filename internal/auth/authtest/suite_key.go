package authtest

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

func addKey(t *testing.T, s auth.Store, user uuid.UUID, text string) *auth.Key {
	t.Helper()
	k := &auth.Key{
		ID: newID(t), UserID: user, Name: "backup", Prefix: "abcdefgh", Hash: sha256.Sum256([]byte(text)),
		Scopes: []auth.Permission{auth.ReadTranscriptions}, CreatedAt: start, ExpiresAt: start.Add(time.Hour),
	}
	e := auth.Entry{Action: auth.KeyCreated, UserID: user, SubjectID: user, Details: k.Facts()}
	if err := s.CreateKey(t.Context(), k, 0, e); err != nil {
		t.Fatal(err)
	}
	return k
}

func testKeys(t *testing.T, s auth.Store) {
	u := addUser(t, s)
	first, second := addKey(t, s, u.ID, "first"), addKey(t, s, u.ID, "second")
	got, rights, err := s.KeyByHash(t.Context(), first.Hash)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, got, equalTimes); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	want := auth.Rights{Email: u.Email, Role: u.Role, Permissions: Roles[u.Role]}
	if diff := cmp.Diff(want, rights, cmpopts.SortSlices(func(a, b auth.Permission) bool { return a < b })); diff != "" {
		t.Errorf("rights: -want +got\n%s", diff)
	}
	confirmed(t, s, u.ID)
	if _, rights, err := s.KeyByHash(t.Context(), first.Hash); err != nil || !rights.Factor {
		t.Errorf("got %+v, %v, want the owner's second factor", rights, err)
	}
	setDisabled(t, s, u.ID, true)
	if _, rights, err := s.KeyByHash(t.Context(), first.Hash); err != nil || !rights.Disabled {
		t.Errorf("got %+v, %v, want the owner disabled", rights, err)
	}
	for _, page := range []struct {
		before uuid.UUID
		limit  int
		want   []*auth.Key
	}{{uuid.Nil, 10, []*auth.Key{second, first}}, {uuid.Nil, 1, []*auth.Key{second}}, {second.ID, 1, []*auth.Key{first}}, {first.ID, 1, nil}} {
		found, err := s.Keys(t.Context(), u.ID, page.before, page.limit)
		if err != nil || len(found) != len(page.want) {
			t.Fatalf("got %d keys, %v, want %d", len(found), err, len(page.want))
		}
		for i, k := range page.want {
			if diff := cmp.Diff(*k, found[i], equalTimes); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		}
	}
}

func testKeysOfOthers(t *testing.T, s auth.Store) {
	u, bob := addUser(t, s), NewUser(t, "bob@example.com")
	if err := s.CreateUser(t.Context(), bob); err != nil {
		t.Fatal(err)
	}
	k := addKey(t, s, u.ID, "mine")
	revoked := auth.Entry{Action: auth.KeyRevoked, UserID: u.ID, SubjectID: u.ID}
	if err := s.DeleteKey(t.Context(), bob.ID, k.ID, revoked); !fault.Is(err, fault.NotFound) {
		t.Errorf("somebody else: got %v, want not_found", err)
	}
	if found, err := s.Keys(t.Context(), bob.ID, uuid.Nil, 10); err != nil || len(found) > 0 {
		t.Errorf("somebody else sees %v, %v", found, err)
	}
	if err := s.DeleteKey(t.Context(), u.ID, k.ID, revoked); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.KeyByHash(t.Context(), k.Hash); !fault.Is(err, fault.NotFound) {
		t.Errorf("revoked: got %v, want not_found", err)
	}
	if err := s.DeleteKey(t.Context(), u.ID, k.ID, revoked); !fault.Is(err, fault.NotFound) {
		t.Errorf("revoked twice: got %v, want not_found", err)
	}
	entries, err := s.Entries(t.Context(), auth.EntryFilter{UserID: u.ID, Limit: 10})
	if err != nil || len(entries) != 2 || entries[0].Action != auth.KeyRevoked || entries[1].Action != auth.KeyCreated {
		t.Fatalf("got %+v, %v, want that a key was made and revoked", entries, err)
	}
	for _, e := range entries {
		if diff := cmp.Diff(map[string]any{"prefix": "abcdefgh", "scopes": "transcriptions:read"}, e.Details); diff != "" {
			t.Errorf("%s: -want +got\n%s", e.Action, diff)
		}
	}
}

func testKeyLimit(t *testing.T, s auth.Store) {
	u := addUser(t, s)
	for range auth.MaxKeys {
		addKey(t, s, u.ID, newID(t).String())
	}
	more := &auth.Key{ID: newID(t), UserID: u.ID, Name: "more", Prefix: "x", Scopes: []auth.Permission{auth.ReadTranscriptions}, CreatedAt: start}
	err := s.CreateKey(t.Context(), more, 0, auth.Entry{Action: auth.KeyCreated})
	if !fault.Is(err, fault.Conflict) || fault.Of(err).Code != "too_many_keys" {
		t.Errorf("got %v, want conflict too_many_keys", err)
	}
}

func testUseKey(t *testing.T, s auth.Store) {
	u := addUser(t, s)
	k := addKey(t, s, u.ID, "text")
	for _, tt := range []struct{ at, want time.Duration }{{0, 0}, {59 * time.Second, 0}, {time.Minute, time.Minute}} {
		at := start.Add(tt.at)
		if err := s.UseKey(t.Context(), k.ID, at, at.Add(-time.Minute)); err != nil {
			t.Fatal(err)
		}
		if got, _, err := s.KeyByHash(t.Context(), k.Hash); err != nil || !got.UsedAt.Equal(start.Add(tt.want)) {
			t.Errorf("used after %s: got %+v, %v, want %s", tt.at, got, err, tt.want)
		}
	}
}
