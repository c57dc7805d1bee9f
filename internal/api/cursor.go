package api

import (
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// The lengths of cursors: a time in nanoseconds and an id, a number, or an id.
const (
	cursorBytes = 8 + 16
	placeBytes  = 8
	markBytes   = 16
)

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
	raw, err := decodeCursor(s, cursorBytes)
	if err != nil {
		return transcription.Cursor{}, err
	}
	at := int64(binary.BigEndian.Uint64(raw)) //nolint:gosec // the bits come back as they went
	return transcription.Cursor{CreatedAt: time.Unix(0, at).UTC(), ID: uuid.UUID(raw[8:])}, nil
}

// formatPlace returns the cursor of a list that is ordered by a number.
func formatPlace(n int64) string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(n))) //nolint:gosec // the bits come back as they went
}

// parsePlace returns 0 for an empty string.
func parsePlace(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	raw, err := decodeCursor(s, placeBytes)
	if err != nil {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(raw)), nil //nolint:gosec // the bits come back as they went
}

// formatMark returns the cursor of a list that is ordered by ids, which sort by age.
func formatMark(id uuid.UUID) string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// parseMark returns the zero id for an empty string.
func parseMark(s string) (uuid.UUID, error) {
	if s == "" {
		return uuid.Nil, nil
	}
	raw, err := decodeCursor(s, markBytes)
	if err != nil {
		return uuid.Nil, err
	}
	return uuid.UUID(raw), nil
}

// decodeCursor reads the one spelling of so many bytes: the library passes over line breaks,
// which make a text longer.
func decodeCursor(s string, size int) ([]byte, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) != size || len(s) != base64.RawURLEncoding.EncodedLen(size) {
		return nil, fault.New(fault.Invalid, "That is no cursor. Take nextCursor from the page before, or leave it out.").
			WithCode("invalid_cursor").With("field", "cursor")
	}
	return raw, nil
}
