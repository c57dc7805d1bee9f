package api

import (
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// cursorBytes is the length of a cursor: a time in nanoseconds and an id.
const cursorBytes = 8 + 16

// A cursor is opaque to clients, so that it may change, but no secret: whose
// list it is read in is decided by who asks.
func formatCursor(c transcription.Cursor) string {
	raw := make([]byte, 0, cursorBytes)
	raw = binary.BigEndian.AppendUint64(raw, uint64(c.CreatedAt.UnixNano()))
	raw = append(raw, c.ID[:]...)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// parseCursor returns the zero Cursor for an empty string.
func parseCursor(s string) (transcription.Cursor, error) {
	if s == "" {
		return transcription.Cursor{}, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) != cursorBytes {
		return transcription.Cursor{}, fault.New(fault.Invalid, "That is no cursor. Take nextCursor from the page before, or leave it out.").
			WithCode("invalid_cursor").With("field", "cursor")
	}
	at := int64(binary.BigEndian.Uint64(raw)) //nolint:gosec // the bits come back as they went
	return transcription.Cursor{CreatedAt: time.Unix(0, at).UTC(), ID: uuid.UUID(raw[8:])}, nil
}
