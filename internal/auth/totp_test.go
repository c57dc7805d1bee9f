package auth

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// TestSeed_vectors are those of RFC 4226 (appendix D) and RFC 6238 (appendix B, the last six
// of eight digits).
func TestSeed_vectors(t *testing.T) {
	t.Parallel()
	const seed = Seed("12345678901234567890")
	for step, want := range []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"} {
		if got := seed.code(int64(step)); got != want {
			t.Errorf("step %d: got %s, want %s", step, got, want)
		}
	}
	for second, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		step, ok := seed.step(want, time.Unix(second, 0))
		if !ok || step != second/30 {
			t.Errorf("at %d: got step %d, %v", second, step, ok)
		}
	}
}

// A code works in its step and in those beside it, and no longer.
func TestSeed_step(t *testing.T) {
	t.Parallel()
	const seed = Seed("12345678901234567890")
	now := time.Unix(1234567890, 0) // the first second of a step
	for off, want := range map[time.Duration]bool{
		-31 * time.Second: false, -30 * time.Second: true, 0: true, 29 * time.Second: true, 59 * time.Second: true, 60 * time.Second: false, time.Hour: false,
	} {
		if step, ok := seed.step("005924", now.Add(off)); ok != want || ok && step != now.Unix()/30 {
			t.Errorf("%s later: got %d, %v, want %v", off, step, ok, want)
		}
	}
	for _, bad := range []string{"", "5924", "005925", "0059240", "005924 ", "٠٠٥٩٢٤"} {
		if _, ok := seed.step(bad, now); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestSeed_text(t *testing.T) {
	t.Parallel()
	seed, err := newSeed(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := newSeed(rand.Reader)
	if err != nil || other == seed || len(seed) != 20 {
		t.Errorf("got %d bytes, %v, or the same again", len(seed), err)
	}
	if again, err := ReadSeed(seed.Text()); err != nil || again != seed {
		t.Errorf("it does not come back: %v", err)
	}
	if _, err := ReadSeed(seed.Text()[:16]); err == nil {
		t.Error("half of one is read")
	}
	for _, shown := range []string{fmt.Sprint(seed), fmt.Sprintf("%+v", struct{ S Seed }{seed}), fmt.Sprintf("%#v", seed)} {
		if strings.Contains(shown, string(seed)) || strings.Contains(shown, seed.Text()) {
			t.Error("it is shown")
		}
	}
	u, err := url.Parse(seed.url("TurboScribe (scribe.example.com)", "ada+b@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	if u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/TurboScribe (scribe.example.com):ada+b@example.com" ||
		u.Query().Get("secret") != seed.Text() || u.Query().Get("issuer") != "TurboScribe (scribe.example.com)" || strings.Contains(u.RawQuery, "+") {
		t.Errorf("got %s", u)
	}
}

// FuzzTidy: whatever is brought as a code, it is compared as digits or as a recovery code,
// and nothing else is right.
func FuzzTidy(f *testing.F) {
	for _, seed := range []string{"005924", " 005 924", "005-924", "abcdef-ghijkm-npqrst-uvwxyz", "ABCDEF-GHIJKM", "\xff\xfe", "٠٠٥٩٢٤", strings.Repeat("-", 100)} {
		f.Add(seed)
	}
	const seed = Seed("12345678901234567890")
	f.Fuzz(func(t *testing.T, code string) {
		tidied := tidy(code)
		if strings.ContainsAny(tidied, " -") || len(tidied) > len(code) || tidy(tidied) != tidied {
			t.Errorf("%q becomes %q", code, tidied)
		}
		if _, ok := seed.step(tidied, time.Unix(1234567890, 0)); ok != (tidied == "005924" || tidied == seed.code(1234567890/30-1) || tidied == seed.code(1234567890/30+1)) {
			t.Errorf("%q is right: %v", code, ok)
		}
	})
}

// FuzzReadChallenge: nothing is a challenge that was not made here, for that.
func FuzzReadChallenge(f *testing.F) {
	s := accessService(f)
	ada := &User{ID: uuid.UUID{1}, Generation: 7}
	good, err := s.challenge(ada, "/account")
	if err != nil {
		f.Fatal(err)
	}
	access, _, err := s.sign(Actor{UserID: ada.ID}, testTime)
	if err != nil {
		f.Fatal(err)
	}
	parts := strings.Split(good.Challenge, ".")
	for _, seed := range []string{good.Challenge, access, parts[0] + "." + parts[1] + ".", "eyJhbGciOiJub25lIn0." + parts[1] + ".", good.Challenge + "=", "..", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		c, id, err := s.readChallenge(token)
		if err != nil {
			if c != nil || fault.Of(err).Code != "challenge_invalid" {
				t.Errorf("%q: got %+v, %v, want challenge_invalid", token, c, err)
			}
			return
		}
		if token != good.Challenge || id != ada.ID || c.Generation != 7 || c.ReturnTo != "/account" {
			t.Errorf("%q is taken for one of %s: %+v", token, id, c)
		}
	})
}
