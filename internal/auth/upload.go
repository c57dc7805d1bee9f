package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// uploadTTL is how long a page may go on sending a batch of recordings without anybody
// there to refresh a sign-in.
const uploadTTL = 12 * time.Hour

const (
	uploadMark  = "tsu_" // begins every upload token
	uploadBytes = 16 + 16 + 8 + sha256.Size
)

// IsUploadToken reports whether a bearer token is meant to be one for uploads.
func IsUploadToken(token string) bool { return strings.HasPrefix(token, uploadMark) }

// UploadToken returns a token that is good for uploading and nothing else, for hours, and
// until the sign-in ends. Forbidden key_not_allowed: the caller is an API key, which
// needs none.
func (s *Service) UploadToken(ctx context.Context, who Actor) (token string, expires time.Time, err error) {
	if err := errors.Join(who.Require(WriteTranscriptions), who.InPerson()); err != nil {
		return "", time.Time{}, fault.Of(err)
	}
	expires = s.now().Add(uploadTTL).Truncate(time.Second)
	claim := append(append(make([]byte, 0, uploadBytes), who.UserID[:]...), who.SessionID[:]...)
	claim = binary.BigEndian.AppendUint64(claim, uint64(expires.Unix())) //nolint:gosec // after 1970
	token = uploadMark + base64.RawURLEncoding.EncodeToString(s.keys[0].proveUpload(claim))
	return token, expires, s.Audit(ctx, Entry{Action: UploadGranted, UserID: who.UserID, SubjectID: who.UserID})
}

// AuthenticateUpload returns who the upload token speaks for; they may upload and nothing
// else. Unauthenticated: token_expired, token_invalid, and whatever has become of the
// account and the sign-in.
func (s *Service) AuthenticateUpload(ctx context.Context, token string) (Actor, error) {
	who, err := s.readUploadToken(token)
	if err != nil {
		return Actor{}, err
	}
	if !s.now().Before(who.Expires) {
		return Actor{}, Expired(nil)
	}
	if who, err = s.entitle(ctx, who); err != nil {
		return Actor{}, err
	}
	may := who.Can(WriteTranscriptions)
	if who.Permissions = nil; may {
		who.Permissions = []Permission{WriteTranscriptions}
	}
	return who, nil
}

func (s *Service) readUploadToken(token string) (Actor, error) {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(token, uploadMark))
	if err != nil || len(raw) != uploadBytes {
		return Actor{}, invalidToken(fmt.Errorf("read an upload token of %d bytes: %w", len(raw), err))
	}
	claim := raw[:uploadBytes-sha256.Size]
	for _, k := range s.keys {
		if hmac.Equal(k.proveUpload(claim), raw) {
			expires := time.Unix(int64(binary.BigEndian.Uint64(claim[32:])), 0) //nolint:gosec // what UploadToken wrote
			return Actor{UserID: uuid.UUID(claim[:16]), SessionID: uuid.UUID(claim[16:32]), Expires: expires.UTC()}, nil
		}
	}
	return Actor{}, invalidToken(errors.New("the upload token was not made here"))
}

// proveUpload returns the claim with its proof behind it.
func (k keys) proveUpload(claim []byte) []byte { return prove(k.upload, claim) }

// prove returns the claim with a proof behind it that it was made here, about what is
// known besides.
func prove(key, claim []byte, about ...byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(claim)
	mac.Write(about)
	return mac.Sum(claim[:len(claim):len(claim)])
}
