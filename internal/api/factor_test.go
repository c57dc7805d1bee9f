package api_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/auth"
)

// totp computes the code of an authenticator app.
func totp(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	seed, err := base32.StdEncoding.DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, seed)
	if err := binary.Write(mac, binary.BigEndian, at.Unix()/30); err != nil {
		t.Fatal(err)
	}
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff%1_000_000)
}

type enrolment struct {
	Secret, URL string
	ExpiresAt   time.Time
}

type recovery struct{ RecoveryCodes []string }

// enrol gives somebody a second factor, and lets the code that has confirmed it pass.
func (w *world) enrol(t *testing.T, who string) (secret string, codes []string) {
	t.Helper()
	begun := w.do(t, call{actor: who, method: "POST", path: "/api/v1/me/second-factor", body: `{"currentPassword":"` + password + `"}`})
	begun.expect(t, 200, "")
	secret = data[enrolment](t, begun).Secret
	got := w.do(t, call{actor: who, method: "POST", path: "/api/v1/me/second-factor/confirm", body: `{"code":"` + totp(t, secret, w.clock.Now()) + `"}`})
	got.expect(t, 200, "")
	w.clock.advance(time.Minute)
	return secret, data[recovery](t, got).RecoveryCodes
}

// challenge returns that of an answer to the right password.
func (a answer) challenge(t *testing.T) string {
	t.Helper()
	a.expect(t, 401, "second_factor_required")
	if len(a.Cookies()) > 0 {
		t.Errorf("half a sign-in sets cookies: %v", a.Cookies())
	}
	_, rest, _ := strings.Cut(a.body, `"challenge":"`)
	challenge, _, _ := strings.Cut(rest, `"`)
	return challenge
}

func TestSecondFactor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	secret, codes := w.enrol(t, "user")
	type account struct {
		SecondFactorSince   *time.Time
		RecoveryCodesLeft   int
		SecondFactorMissing bool
	}
	if me := data[account](t, w.do(t, call{actor: "user", path: "/api/v1/me"})); me.SecondFactorSince == nil || me.RecoveryCodesLeft != 10 || me.SecondFactorMissing {
		t.Errorf("got %+v", me)
	}
	const credentials = `{"email":"user@example.com","password":"` + password + `"}`
	w.post(t, "login", `{"email":"user@example.com","password":"wrong"}`).expect(t, 401, "wrong_credentials")
	challenge := w.post(t, "login", credentials).challenge(t)
	bring := func(code string) answer {
		t.Helper()
		return w.post(t, "second-factor", `{"challenge":"`+challenge+`","code":"`+code+`"}`)
	}
	w.do(t, call{path: "/api/v1/me", header: map[string]string{"Authorization": "Bearer " + challenge}}).expect(t, 401, "token_invalid")
	bring("000000").expect(t, 401, "wrong_code")
	code := totp(t, secret, w.clock.Now())
	got := bring(code)
	got.expect(t, 200, "")
	if g := data[grant](t, got); g.UserID != w.ids["user"] || got.cookies()["ts_refresh"] == nil || strings.Contains(got.body, "returnTo") {
		t.Errorf("got %s with %v", got.body, got.Cookies())
	}
	bring(code).expect(t, 401, "wrong_code") // once
	bring(codes[0]).expect(t, 200, "")
	bring(codes[0]).expect(t, 401, "wrong_code")
	if log := w.log.String(); strings.Contains(log, challenge) || strings.Contains(log, codes[0]) || strings.Contains(log, secret) {
		t.Error("secrets are in the log")
	}

	w.clock.advance(time.Minute)
	both := `{"currentPassword":"` + password + `","code":"` + totp(t, secret, w.clock.Now()) + `"}`
	renewed := w.do(t, call{actor: "user", method: "POST", path: "/api/v1/me/second-factor/recovery-codes", body: both})
	renewed.expect(t, 200, "")
	bring(codes[1]).expect(t, 401, "wrong_code")
	both = `{"currentPassword":"` + password + `","code":"` + data[recovery](t, renewed).RecoveryCodes[0] + `"}`
	w.do(t, call{actor: "user", method: "DELETE", path: "/api/v1/me/second-factor", body: both}).expect(t, 204, "")
	bring(codes[2]).expect(t, 401, "challenge_invalid")
	w.post(t, "login", credentials).expect(t, 200, "")
}

// TestSecondFactor_byProvider: a browser that comes back from a provider is sent to the page
// that asks for the code, and goes on where it wanted to be.
func TestSecondFactor_byProvider(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	v := p.visitor(t)
	v.signIn(t).expect(t, http.StatusSeeOther, "")
	secret := data[enrolment](t, v.request(t, "POST", "/api/v1/me/second-factor", `{"currentPassword":""}`)).Secret
	v.request(t, "POST", "/api/v1/me/second-factor/confirm", `{"code":"`+totp(t, secret, p.clock.Now())+`"}`).expect(t, 200, "")
	p.clock.advance(time.Minute)
	v = p.visitor(t)
	got := v.signIn(t)
	got.expect(t, http.StatusSeeOther, "")
	_, challenge, found := strings.Cut(got.Header.Get("Location"), "/account#second-factor=")
	if !found || got.cookies()["ts_access"] != nil {
		t.Fatalf("got %v, want to be sent to the page, and nobody signed in", got.Header)
	}
	v.request(t, "GET", "/api/v1/me", "").expect(t, 401, "unauthenticated")
	got = v.request(t, "POST", "/api/v1/auth/second-factor", `{"challenge":"`+challenge+`","code":"`+totp(t, secret, p.clock.Now())+`"}`)
	got.expect(t, 200, "")
	if to := data[struct{ ReturnTo string }](t, got).ReturnTo; to != "/account?tab=keys" {
		t.Errorf("it goes on to %q", to)
	}
	v.request(t, "GET", "/api/v1/me", "").expect(t, 200, "")
}

// TestSecondFactor_exported: people are told since when they have one, and not what it is.
func TestSecondFactor_exported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	secret, codes := w.enrol(t, "user")
	got := w.do(t, call{actor: "user", path: "/api/v1/me/export"})
	got.expect(t, 200, "")
	for name, content := range unzip(t, got.body) {
		if strings.Contains(content, secret) || strings.Contains(content, codes[0]) {
			t.Errorf("%s has a secret: %s", name, content)
		}
		if name == "account.json" && (!strings.Contains(content, `"secondFactorSince": "`) || strings.Contains(content, "hash")) {
			t.Errorf("got %s", content)
		}
	}
}

// TestSecondFactor_required is every route for an administrator who has to have a second
// factor: nothing but adding one may be done.
func TestSecondFactor_required(t *testing.T) {
	t.Parallel()
	allowed := []string{"GET /api/v1/me", "GET /api/v1/auth/csrf", "POST /api/v1/me/second-factor", "POST /api/v1/me/second-factor/confirm"}
	for _, row := range accessTable() {
		if row.who == "anybody" {
			continue
		}
		t.Run(row.route, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.require(t, auth.Admin)
			status, code := 403, "second_factor_missing"
			if slices.Contains(allowed, row.route) {
				status, code = row.status, row.code
			}
			row.request(t, w, "admin").expect(t, status, code)
		})
	}
}

// TestSecondFactor_added: once there is one, its owner may go on at once.
func TestSecondFactor_added(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.require(t, auth.Admin)
	if me := data[struct{ SecondFactorMissing bool }](t, w.do(t, call{actor: "admin", path: "/api/v1/me"})); !me.SecondFactorMissing {
		t.Error("it is not said")
	}
	w.do(t, call{actor: "operator", path: "/api/v1/admin/users"}).expect(t, 200, "")
	w.enrol(t, "admin")
	w.do(t, call{actor: "admin", path: "/api/v1/admin/users"}).expect(t, 200, "")
}

// TestResetFactor: somebody has lost the phone and the recovery codes.
func TestResetFactor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enrol(t, "user")
	path := "/api/v1/admin/users/" + w.ids["user"].String()
	since := data[struct{ SecondFactorSince *time.Time }](t, w.do(t, call{actor: "operator", path: path})).SecondFactorSince
	if since == nil {
		t.Error("operators do not see it")
	}
	w.do(t, call{actor: "admin", method: "DELETE", path: "/api/v1/admin/users/" + w.ids["admin"].String() + "/second-factor"}).expect(t, 409, "own_account")
	w.do(t, call{actor: "admin", method: "DELETE", path: path + "/second-factor"}).expect(t, 204, "")
	w.do(t, call{actor: "user", path: "/api/v1/me"}).expect(t, 401, "session_expired")
	w.signIn(t)
}

// TestSecondFactor_csrf: a page of somebody else cannot change how one signs in.
func TestSecondFactor_csrf(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	header := map[string]string{"Cookie": "ts_access=" + w.browser(t).access}
	for _, path := range []string{"", "/confirm", "/recovery-codes"} {
		w.do(t, call{method: "POST", path: "/api/v1/me/second-factor" + path, body: "{}", header: header}).expect(t, 403, "csrf_token")
	}
	w.do(t, call{method: "DELETE", path: "/api/v1/me/second-factor", body: "{}", header: header}).expect(t, 403, "csrf_token")
}
