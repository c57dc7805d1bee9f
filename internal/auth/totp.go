package auth

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what authenticator apps compute; HMAC does not rest on collisions
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// What authenticator apps take for granted, and many of them cannot do otherwise.
const (
	totpPeriod = 30 * time.Second
	totpDigits = 6
	// totpSkew is how many steps a clock may be off, either way (RFC 6238, 5.2).
	totpSkew = 1
	// seedBytes are as many as the hash has (RFC 4226, 4).
	seedBytes = sha1.Size
)

// seedText is how apps and people write a seed.
var seedText = base32.StdEncoding.WithPadding(base32.NoPadding)

// Seed is what an authenticator app and this installation share to compute the same codes
// (TOTP, RFC 6238).
type Seed string

// String hides the seed from logs.
func (s Seed) String() string { return "…" }

// GoString hides it, too.
func (s Seed) GoString() string { return s.String() }

func newSeed(random io.Reader) (Seed, error) {
	raw := make([]byte, seedBytes)
	if _, err := io.ReadFull(random, raw); err != nil {
		return "", fmt.Errorf("make a seed: %w", err)
	}
	return Seed(raw), nil
}

// ReadSeed reads what Text has written.
func ReadSeed(text string) (Seed, error) {
	raw, err := seedText.DecodeString(text)
	if err != nil || len(raw) != seedBytes {
		return "", fmt.Errorf("read a seed of %d bytes", len(raw)) // nothing of it in a message
	}
	return Seed(raw), nil
}

// Text is the seed as people type it into an app.
func (s Seed) Text() string { return seedText.EncodeToString([]byte(s)) }

// url returns the seed as apps read it out of a QR code.
func (s Seed) url(issuer, account string) string {
	q := url.Values{"secret": {s.Text()}, "issuer": {issuer}, "algorithm": {"SHA1"}, "digits": {strconv.Itoa(totpDigits)}, "period": {strconv.Itoa(int(totpPeriod.Seconds()))}}
	u := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + account, RawQuery: strings.ReplaceAll(q.Encode(), "+", "%20")} // some apps show a +
	return u.String()
}

// code returns the one of a step (RFC 4226, 5.3).
func (s Seed) code(step int64) string {
	mac := hmac.New(sha1.New, []byte(s))
	_ = binary.Write(mac, binary.BigEndian, step) // never fails
	sum := mac.Sum(nil)
	from := sum[len(sum)-1] & 0xf
	n := binary.BigEndian.Uint32(sum[from:from+4]) & 0x7fffffff
	return fmt.Sprintf("%0*d", totpDigits, n%1_000_000)
}

// step returns the one that a code belongs to, of those about now. All of them are
// compared, so that the time it takes tells nothing.
func (s Seed) step(code string, now time.Time) (step int64, ok bool) {
	at := now.Unix() / int64(totpPeriod.Seconds())
	for n := at - totpSkew; n <= at+totpSkew; n++ {
		if hmac.Equal([]byte(s.code(n)), []byte(code)) {
			step, ok = n, true
		}
	}
	return step, ok
}
