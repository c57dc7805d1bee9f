package auth

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// Bounds of a password, in characters. There are no rules of composition: they
// make passwords harder to remember, not harder to guess.
const (
	minPassword = 8
	maxPassword = 256
)

// Argon2 is the cost of one argon2id hash. The zero value stands for 46 MiB, one
// pass, one lane: about 50 ms on a small machine.
type Argon2 struct {
	MemoryKiB uint32
	Passes    uint32
	Lanes     uint8
}

const (
	saltBytes = 16
	keyBytes  = 32
	maxHashes = 8

	// hashWait bounds the wait for a free slot: under a flood it is better to
	// answer some people than to keep all of them waiting.
	hashWait = 5 * time.Second
)

// checkPassword returns an Invalid fault for a password nobody should choose. One
// with U+FFFD was not text once: decoders put it in place of every byte that they
// cannot read, so that different passwords would become the same.
func checkPassword(email, password string) error {
	refuse := func(code, format string, args ...any) error {
		return fault.New(fault.Invalid, format, args...).WithCode(code).With("field", "password")
	}
	n := utf8.RuneCountInString(password)
	switch {
	case strings.ContainsRune(password, utf8.RuneError):
		return refuse("invalid_password", "The password is not valid UTF-8 text.")
	case n < minPassword:
		return refuse("password_too_short", "The password needs at least %d characters. A few words in a row are easy to remember.", minPassword)
	case n > maxPassword:
		return refuse("password_too_long", "The password may have at most %d characters.", maxPassword)
	case repeats(password):
		return refuse("password_too_common", "That password is one or two characters over and over. Choose another one; a few words in a row are easy to remember.")
	case isAddress(email, password):
		return refuse("password_too_common", "That password is the e-mail address or its part before the @. Choose another one.")
	case isCommon(password):
		return refuse("password_too_common", "That password is among the first anybody would guess. Choose another one.")
	}
	return nil
}

// repeats reports whether a password is one character over and over, or two in
// turn, whatever their case.
func repeats(password string) bool {
	runes := []rune(strings.ToLower(password))
	for i := 2; i < len(runes); i++ {
		if runes[i] != runes[i-2] {
			return false
		}
	}
	return true
}

// isAddress reports whether a password is the address of the account, or the part
// of it before the @.
func isAddress(email, password string) bool {
	local, _, _ := strings.Cut(email, "@")
	return strings.EqualFold(password, email) || strings.EqualFold(password, local)
}

// hasher makes and checks argon2id hashes, never more at once than this process
// may use processors, and never more than maxHashes: each takes 46 MiB.
type hasher struct {
	cost  Argon2
	rand  io.Reader
	slots chan struct{}
	wait  time.Duration
}

func newHasher(cost Argon2, random io.Reader) *hasher {
	if cost == (Argon2{}) {
		cost = Argon2{MemoryKiB: 46 << 10, Passes: 1, Lanes: 1}
	}
	return &hasher{cost: cost, rand: random, slots: make(chan struct{}, min(runtime.GOMAXPROCS(0), maxHashes)), wait: hashWait}
}

// hash returns a PHC string for the password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltBytes)
	if _, err := io.ReadFull(h.rand, salt); err != nil {
		return "", fmt.Errorf("make a salt: %w", err)
	}
	p := phc{cost: h.cost, salt: salt, size: keyBytes}
	var err error
	if p.key, err = h.key(ctx, p, password); err != nil {
		return "", err
	}
	return p.String(), nil
}

// verify reports whether the password belongs to the stored hash, and whether
// that hash was made at another cost than is asked for today.
func (h *hasher) verify(ctx context.Context, stored, password string) (ok, stale bool, err error) {
	p, err := parsePHC(stored)
	if err != nil {
		return false, false, err
	}
	key, err := h.key(ctx, p, password)
	if err != nil {
		return false, false, err
	}
	return subtle.ConstantTimeCompare(key, p.key) == 1, p.cost != h.cost, nil
}

// muchMemory is from where on a hash is worth a collection of its own, in KiB.
const muchMemory = 1 << 10

// key returns that of a password as p has it made, whatever key p has.
func (h *hasher) key(ctx context.Context, p phc, password string) ([]byte, error) {
	timer := time.NewTimer(h.wait)
	defer timer.Stop()
	select {
	case h.slots <- struct{}{}:
	case <-timer.C:
		return nil, fault.New(fault.Unavailable, "Too many people are signing in at this moment. Try again in a few seconds.").WithCode("busy")
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to hash a password: %w", ctx.Err())
	}
	defer func() { <-h.slots }()
	key := argon2.IDKey([]byte(password), p.salt, p.cost.Passes, p.cost.MemoryKiB, p.cost.Lanes, uint32(p.size)) //nolint:gosec // the length of a key
	// A hash leaves tens of megabytes of garbage. Waiting for the collector would let
	// two or three of them pile up and stay with the process for minutes.
	if p.cost.MemoryKiB >= muchMemory {
		debug.FreeOSMemory()
	}
	return key, nil
}

// phc is a hash in the format of the password hashing competition.
type phc struct {
	cost Argon2
	salt []byte
	size int // of the key
	key  []byte
}

// String returns $argon2id$v=19$m=…,t=…,p=…$salt$key.
func (p phc) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		p.cost.MemoryKiB, p.cost.Passes, p.cost.Lanes, b64.EncodeToString(p.salt), b64.EncodeToString(p.key))
}

func parsePHC(s string) (phc, error) {
	var p phc
	fields := strings.Split(s, "$")
	if len(fields) != 6 || fields[0] != "" || fields[1] != "argon2id" || fields[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, fmt.Errorf("parse a password hash: not argon2id version %d", argon2.Version)
	}
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &p.cost.MemoryKiB, &p.cost.Passes, &p.cost.Lanes); err != nil {
		return p, fmt.Errorf("parse the cost of a password hash: %w", err)
	}
	var err error
	if p.salt, err = base64.RawStdEncoding.DecodeString(fields[4]); err != nil {
		return p, fmt.Errorf("parse the salt of a password hash: %w", err)
	}
	if p.key, err = base64.RawStdEncoding.DecodeString(fields[5]); err != nil {
		return p, fmt.Errorf("parse the key of a password hash: %w", err)
	}
	p.size = len(p.key)
	if p.cost.Passes == 0 || p.cost.Lanes == 0 || len(p.key) < 16 {
		return p, fmt.Errorf("parse a password hash: impossible parameters %s", fields[3])
	}
	return p, nil
}
