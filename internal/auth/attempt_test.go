package auth_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/rate"
)

// from returns the context of a request from that address and device.
func from(t *testing.T, ip, device string) context.Context {
	t.Helper()
	return auth.WithOrigin(t.Context(), auth.Origin{IP: ip, Device: device})
}

// TestService_Login_botnet: ten thousand wrong passwords for one account, each from
// another network, a tenth of a second apart. Its owner signs in all the while, on the
// device that is known, and from the very network of an attacker. An unknown device at a
// new address has to wait, a minute at most, and is then let in: nobody is locked out.
func TestService_Login_botnet(t *testing.T) {
	t.Parallel()
	s, c := newService(t, new(authtest.Store))
	known := register(t, s)
	compared := 0
	for i := range 10000 {
		_, err := s.Login(from(t, fmt.Sprintf("10.%d.%d.1", i/250, i%250), ""), ada, "wrong password")
		switch code(err) {
		case "wrong_credentials":
			compared++
		case "too_many_attempts":
		default:
			t.Fatal(err)
		}
		if i%1000 == 999 {
			for _, ip := range []string{"192.0.2.1", fmt.Sprintf("10.%d.%d.1", i/250, i%250)} {
				if _, err := s.Login(from(t, ip, known.Device), ada, password); err != nil {
					t.Errorf("after %d attempts the owner at %s: %v", i+1, ip, err)
				}
			}
		}
		c.advance(100 * time.Millisecond)
	}
	if compared > 120 {
		t.Errorf("%d passwords were compared within a quarter of an hour", compared)
	}
	_, err := s.Login(from(t, "198.51.100.1", ""), ada, password)
	if code(err) != "too_many_attempts" {
		t.Fatalf("an unknown device at a new address: got %v", err)
	}
	wait, _ := fault.Of(err).Details["retryAfter"].(int)
	if wait < 1 || wait > 60 {
		t.Errorf("it has to wait for %d seconds", wait)
	}
	c.advance(time.Duration(wait) * time.Second)
	if _, err := s.Login(from(t, "198.51.100.1", ""), ada, password); err != nil {
		t.Errorf("%d seconds later: %v", wait, err)
	}
}

// TestService_Login_slower: from one network each next attempt takes longer, whether or
// not there is such an account, and right ones are not counted.
func TestService_Login_slower(t *testing.T) {
	t.Parallel()
	s, c := newService(t, new(authtest.Store))
	register(t, s)
	for _, email := range []string{ada, "nobody@example.com", "no address"} {
		ctx := from(t, "192.0.2.1", "")
		if email == ada {
			for range 100 {
				if _, err := s.Login(ctx, ada, password); err != nil {
					t.Fatal(err)
				}
			}
		}
		var waits []int
		for attempts := 0; attempts < 60; {
			_, err := s.Login(ctx, email, "wrong password")
			if code(err) == "wrong_credentials" {
				attempts++
				continue
			}
			wait, _ := fault.Of(err).Details["retryAfter"].(int)
			if code(err) != "too_many_attempts" || wait == 0 {
				t.Fatal(err)
			}
			if len(waits) == 0 || wait > waits[len(waits)-1] {
				waits = append(waits, wait)
			}
			c.advance(time.Duration(wait) * time.Second)
		}
		if len(waits) < 3 || waits[0] > 10 || waits[len(waits)-1] < 500 || waits[len(waits)-1] > 600 {
			t.Errorf("%s: the delays grow like this: %v", email, waits)
		}
		c.advance(24 * time.Hour)
	}
}

// TestService_Login_spraying: one network that tries one password on many accounts is
// slowed, and other networks are not.
func TestService_Login_spraying(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, new(authtest.Store))
	register(t, s)
	for i := range 101 {
		_, err := s.Login(from(t, fmt.Sprint("192.0.2.", i), ""), fmt.Sprintf("somebody%d@example.com", i), password)
		want := "wrong_credentials"
		if i == 100 {
			want = "too_many_attempts"
		}
		if code(err) != want {
			t.Errorf("the %d.: got %v, want %s", i+1, err, want)
		}
	}
	for _, ip := range []string{"198.51.100.1", "2001:db8::1"} {
		if _, err := s.Login(from(t, ip, ""), ada, password); err != nil {
			t.Errorf("%s: %v", ip, err)
		}
	}
}

// TestService_Login_device: what a device is known by is worth something to its owner
// alone, for a year, and does not make passwords free to guess.
func TestService_Login_device(t *testing.T) {
	t.Parallel()
	s, c := newService(t, new(authtest.Store))
	mine := register(t, s)
	other, err := s.Register(t.Context(), "bob@example.com", password)
	if err != nil {
		t.Fatal(err)
	}
	refreshed, err := s.Refresh(t.Context(), mine.Refresh)
	if err != nil || refreshed.Device != "" {
		t.Errorf("a refresh gave the device %q, %v", refreshed.Device, err)
	}
	try := func(device string) string {
		t.Helper()
		_, err := s.Login(from(t, "192.0.2.1", device), ada, password)
		return code(err)
	}
	attack := func() {
		t.Helper()
		for i := range 100 {
			_, err := s.Login(from(t, fmt.Sprintf("10.0.%d.1", i), ""), ada, "wrong password")
			if err == nil {
				t.Fatal("the attack went through")
			}
		}
	}
	attack()
	broken := []byte(mine.Device)
	broken[3] ^= 1
	for name, tt := range map[string]struct{ device, want string }{
		"own": {mine.Device, ""}, "somebody else's": {other.Device, "too_many_attempts"}, "none": {"", "too_many_attempts"},
		"changed": {string(broken), "too_many_attempts"}, "cut": {mine.Device[:40], "too_many_attempts"}, "nonsense": {"x", "too_many_attempts"},
	} {
		if got := try(tt.device); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
	for i := range 11 {
		_, err := s.Login(from(t, fmt.Sprintf("172.16.%d.1", i), mine.Device), ada, "wrong password")
		if refused := code(err) == "too_many_attempts"; refused != (i == 10) {
			t.Errorf("the %d. with a stolen device: got %v", i+1, err)
		}
	}
	c.advance(365 * 24 * time.Hour)
	attack()
	if got := try(mine.Device); got != "too_many_attempts" {
		t.Errorf("a year later: got %q", got)
	}
}

// TestService_Login_atOnce: those who guess at the same moment gain nothing by it.
func TestService_Login_atOnce(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, new(authtest.Store))
	register(t, s)
	answers := make(chan string)
	for range 50 {
		go func() {
			_, err := s.Login(from(t, "192.0.2.1", ""), ada, "wrong password")
			answers <- code(err)
		}()
	}
	compared := 0
	for range 50 {
		if <-answers == "wrong_credentials" {
			compared++
		}
	}
	if compared > 5 || compared == 0 {
		t.Errorf("%d of 50 were compared", compared)
	}
}

// TestService_ChangePassword_underAttack: while others guessed a password, its owner could
// not change it. Browsers did not send the cookie of a device there, so that the owner stood
// in one line with the attack, and was told to use the very device.
func TestService_ChangePassword_underAttack(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, new(authtest.Store))
	who, err := s.Authenticate(t.Context(), register(t, s).Access)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if _, err := s.Login(from(t, fmt.Sprintf("10.0.%d.1", i), ""), ada, "wrong password"); err == nil {
			t.Fatal("the attack went through")
		}
	}
	if err := s.ChangePassword(from(t, "192.0.2.1", ""), who, auth.NewPassword{Current: password, Password: next}); err != nil {
		t.Errorf("the owner cannot change it: %v", err)
	}
	for i := range 11 {
		err := s.ChangePassword(from(t, fmt.Sprintf("172.16.%d.1", i), ""), who, auth.NewPassword{Current: "wrong password", Password: password})
		if refused := code(err) == "too_many_attempts"; refused != (i == 10) {
			t.Errorf("the %d. guess with a stolen sign-in: got %v", i+1, err)
		}
	}
}

// longest keeps how long the names of buckets are.
type longest struct{ bytes int }

func (c *longest) Take(_ context.Context, buckets ...rate.Bucket) []rate.Level {
	for _, b := range buckets {
		c.bytes = max(c.bytes, len(b.Key))
	}
	levels := make([]rate.Level, len(buckets))
	for i := range levels {
		levels[i].Granted = 1
	}
	return levels
}

func (c *longest) GiveBack(context.Context, ...rate.Bucket) {}

// TestService_Login_longName: each wrong password left its name in seven buckets for ten
// minutes, however long that was, and some hundred thousand may be kept.
func TestService_Login_longName(t *testing.T) {
	t.Parallel()
	buckets := new(longest)
	s, _ := newService(t, new(authtest.Store), func(o *auth.Options) { o.Attempts = buckets })
	_, err := s.Login(from(t, "192.0.2.1", ""), strings.Repeat("a", 60<<10)+"@example.com", password)
	if code(err) != "wrong_credentials" || buckets.bytes == 0 || buckets.bytes > 512 {
		t.Errorf("got %v, with a bucket of %d bytes", err, buckets.bytes)
	}
}

// TestService_Login_manyDevices: each sign-in makes a device known, and each device had
// attempts of its own, for a year and whatever became of the password. A thief who had known
// it had as many guesses at the next one, and at codes, as they had made devices known.
func TestService_Login_manyDevices(t *testing.T) {
	t.Parallel()
	m := newMailed(t)
	owner := register(t, m.Service)
	devices := m.devices(t, 50)
	if err := m.ChangePassword(t.Context(), m.who(t, owner), auth.NewPassword{Current: password, Password: next}); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, device := range devices {
		for range 10 {
			if _, err := m.Login(from(t, "10.0.0.1", device), ada, password); code(err) == "wrong_credentials" {
				compared++
			}
		}
	}
	if compared != 5 {
		t.Errorf("%d passwords were compared at once, want as many as of one network", compared)
	}
}

// devices signs in so many times.
func (m mailed) devices(t *testing.T, n int) (known []string) {
	t.Helper()
	for range n {
		known = append(known, m.login(t, ada, password, "").Device)
	}
	return known
}

// TestService_FinishSignIn_manyDevices: codes have one count over all devices of an account,
// and those from before the factor are none.
func TestService_FinishSignIn_manyDevices(t *testing.T) {
	t.Parallel()
	m := newMailed(t)
	e := &enrolled{mailed: m, here: register(t, m.Service)}
	before := e.devices(t, 50)
	e.enrol(t)
	var known []string
	for range 50 {
		e.advance(time.Minute)
		known = append(known, e.finish(t, e.challenge(t), e.app.code(e.Now()), "").Device)
	}
	e.advance(24 * time.Hour)
	challenge := e.challenge(t)
	for name, devices := range map[string][]string{"from before": before, "known": known} {
		compared := 0
		for i, device := range devices {
			for range 10 {
				_, err := e.FinishSignIn(from(t, fmt.Sprintf("10.0.%d.1", i), device), challenge, "no code")
				if code(err) == "wrong_code" {
					compared++
				}
			}
		}
		if compared != 5 {
			t.Errorf("devices %s: %d codes were compared at once, want 5", name, compared)
		}
	}
}

// TestService_RemoveFactor_manySignIns: nor has each sign-in a count of its own.
func TestService_RemoveFactor_manySignIns(t *testing.T) {
	t.Parallel()
	e := newEnrolled(t)
	compared := 0
	for range 10 {
		who := e.who(t, e.finish(t, e.challenge(t), e.app.code(e.Now()), ""))
		e.advance(30 * time.Second)
		for range 10 {
			if err := e.RemoveFactor(t.Context(), who, password, "000000"); code(err) == "wrong_code" {
				compared++
			}
		}
	}
	if compared > 10 {
		t.Errorf("%d codes were compared in five minutes", compared)
	}
}
