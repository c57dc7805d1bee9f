package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
)

// deviceTTL is for how long a device is known on which somebody has signed in.
const deviceTTL = 365 * 24 * time.Hour

const (
	deviceIDBytes = 16
	deviceBytes   = deviceIDBytes + 8 + sha256.Size // the id, when it ends, and the proof of both
)

// newDevice returns what a device is known by from now on, by this user alone, and until
// what signing in rests on is changed: who has come by the password of before is nobody any
// more. It opens nothing: whoever has it may be wrong about a password without being
// mistaken for those who guess.
func (s *Service) newDevice(u *User) (token string, expires time.Time, err error) {
	expires = s.now().Add(deviceTTL).Truncate(time.Second)
	raw := make([]byte, deviceIDBytes, deviceBytes)
	if _, err := io.ReadFull(s.rand, raw); err != nil {
		return "", time.Time{}, fmt.Errorf("make a device's id: %w", err)
	}
	raw = binary.BigEndian.AppendUint64(raw, uint64(expires.Unix())) //nolint:gosec // after 1970
	return base64.RawURLEncoding.EncodeToString(s.keys[0].proveDevice(raw, u)), expires, nil
}

// knownDevice returns the id of a device on which the user has signed in before.
func (s *Service) knownDevice(u *User, token string) (id string, known bool) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) != deviceBytes || u.ID == uuid.Nil {
		return "", false
	}
	claim := raw[:deviceIDBytes+8]
	expires := time.Unix(int64(binary.BigEndian.Uint64(claim[deviceIDBytes:])), 0) //nolint:gosec // proved below to be what newDevice wrote
	for _, k := range s.keys {
		if hmac.Equal(k.proveDevice(claim, u), raw) {
			return string(claim[:deviceIDBytes]), s.now().Before(expires)
		}
	}
	return "", false
}

// proveDevice returns the claim with its proof behind it.
func (k keys) proveDevice(claim []byte, u *User) []byte {
	return prove(k.device, claim, binary.BigEndian.AppendUint64(u.ID[:], uint64(u.Generation))...) //nolint:gosec // a count
}
