package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// FuzzOpenHandshake: no cookie finishes a sign-in by a provider that was not made here, for
// that state and provider.
func FuzzOpenHandshake(f *testing.F) {
	s := accessService(f)
	ada := Actor{UserID: uuid.UUID{1}, SessionID: uuid.UUID{2}}
	h, err := s.newHandshake(ada, "id", "/account?tab=keys")
	if err != nil {
		f.Fatal(err)
	}
	h.ID = "state" // the same in every process that looks for others
	good, err := h.sign(s.keys[0])
	if err != nil {
		f.Fatal(err)
	}
	access, _, err := s.sign(ada, testTime)
	if err != nil {
		f.Fatal(err)
	}
	parts := strings.Split(good, ".")
	for _, seed := range []string{good, access, parts[0] + "." + parts[1] + ".", "eyJhbGciOiJub25lIn0." + parts[1] + ".", good + "=", "..", ""} {
		f.Add(seed, h.ID)
	}
	f.Add(good, "")
	f.Fuzz(func(t *testing.T, token, state string) {
		got, told, err := s.openHandshake(token, "id", state)
		if err != nil {
			if got != nil || fault.Of(err).Code != "handshake_invalid" {
				t.Errorf("%q: got %+v, %v, want handshake_invalid", token, got, err)
			}
			return
		}
		who, err := got.actor()
		if token != good || state != h.ID || err != nil || who.UserID != ada.UserID || got.ReturnTo != h.ReturnTo || told != h.with(s.keys[0]) {
			t.Errorf("%q of %q is taken for one of %+v, %v", token, state, who, err)
		}
	})
}

// FuzzReadUploadToken: nothing uploads in the name of somebody that was not made here.
func FuzzReadUploadToken(f *testing.F) {
	s := accessService(f)
	user, session := uuid.UUID{1}, uuid.UUID{2}
	good := s.keys[0].proveUpload(append(append(user[:], session[:]...), 0, 0, 0, 0, 1, 2, 3, 4))
	addTokens(f, uploadMark, good)
	f.Fuzz(func(t *testing.T, token string) {
		who, err := s.readUploadToken(token)
		if err != nil {
			if who.Known() == nil || fault.Of(err).Code != "token_invalid" {
				t.Errorf("%q: got %+v, %v, want nobody, token_invalid", token, who, err)
			}
			return
		}
		if !means(strings.TrimPrefix(token, uploadMark), good) || who.UserID != user || who.SessionID != session || who.Expires.Unix() != 0x01020304 || len(who.Permissions) > 0 {
			t.Errorf("%q let %+v in", token, who)
		}
	})
}

// FuzzKnownDevice: no cookie makes a device known that was not given for this account, as it
// is now.
func FuzzKnownDevice(f *testing.F) {
	s := accessService(f)
	ada := &User{ID: uuid.UUID{1}, Generation: 7}
	claim := binary.BigEndian.AppendUint64(make([]byte, deviceIDBytes), uint64(testTime.Unix()+1))
	good := s.keys[0].proveDevice(claim, ada)
	addTokens(f, "", good)
	f.Fuzz(func(t *testing.T, token string) {
		id, known := s.knownDevice(ada, token)
		if known && (!means(token, good) || id != string(good[:deviceIDBytes])) {
			t.Errorf("%q is taken for %x", token, id)
		}
		for _, other := range []*User{{ID: ada.ID, Generation: 8}, {ID: uuid.UUID{2}, Generation: 7}, {}} {
			if id, known := s.knownDevice(other, token); known || id != "" {
				t.Errorf("%q is taken for %x of %+v", token, id, other)
			}
		}
	})
}

// FuzzUnlocked: no cookie stands for the password of a link that was not given for it.
func FuzzUnlocked(f *testing.F) {
	s := accessService(f)
	lock := Lock{LinkID: uuid.UUID{1}, Hash: "a"}
	given, _ := s.proveLink(lock)
	good, err := base64.RawURLEncoding.DecodeString(given)
	if err != nil {
		f.Fatal(err)
	}
	addTokens(f, "", good)
	f.Fuzz(func(t *testing.T, proof string) {
		if s.Unlocked(lock, proof) && !means(proof, good) {
			t.Errorf("%q opens it", proof)
		}
		for _, other := range []Lock{{LinkID: uuid.UUID{2}, Hash: "a"}, {LinkID: uuid.UUID{1}, Hash: "b"}} {
			if s.Unlocked(other, proof) {
				t.Errorf("%q opens %+v", proof, other)
			}
		}
	})
}

// addTokens adds a token of those bytes, and some that are near to it.
func addTokens(f *testing.F, mark string, good []byte) {
	text := base64.RawURLEncoding.EncodeToString(good)
	flipped := bytes.Clone(good)
	flipped[0] ^= 1
	for _, seed := range []string{
		mark + text, mark + text[:len(text)-1], mark + text + "A", mark + text + "=", text, mark, "", mark + base64.StdEncoding.EncodeToString(good),
		mark + base64.RawURLEncoding.EncodeToString(flipped),
	} {
		f.Add(seed)
	}
}

// means reports whether a token is of those bytes. Some are written in several ways: the
// last character has bits to spare.
func means(token string, good []byte) bool {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	return err == nil && bytes.Equal(raw, good)
}
