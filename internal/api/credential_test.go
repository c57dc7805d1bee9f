package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/turboscribe/turboscribe/internal/auth/authtest"
)

// token sends the mail that waits and returns the token of the letter to an address.
func (w *world) token(t *testing.T, to, action string) string {
	t.Helper()
	if err := w.auth.SendMail(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, l := range w.mailbox.Take() {
		if l.To == to && authtest.Token(l, action) != "" {
			return authtest.Token(l, action)
		}
	}
	t.Fatalf("no mail to %s has a link to %s", to, action)
	return ""
}

func (w *world) post(t *testing.T, path, body string) answer {
	t.Helper()
	return w.do(t, call{method: "POST", path: "/api/v1/auth/" + path, body: body})
}

const newPassword = "other words in another row"

func TestResetPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	known := w.post(t, "password/forgot", `{"email":"user@example.com"}`)
	unknown := w.post(t, "password/forgot", `{"email":"unknown@example.com"}`)
	for _, got := range []answer{known, unknown} {
		got.expect(t, 202, "")
		if got.body != "" {
			t.Errorf("got %s", got.body)
		}
	}
	token := w.token(t, "user@example.com", "reset")
	body := `{"token":"` + token + `","password":"` + newPassword + `"}`
	w.post(t, "password/reset", body).expect(t, 204, "")
	w.post(t, "password/reset", body).expect(t, 400, "ticket_invalid")
	w.do(t, call{actor: "user", path: "/api/v1/me"}).expect(t, 401, "session_expired")
	w.post(t, "login", `{"email":"user@example.com","password":"`+newPassword+`"}`).expect(t, 200, "")
	if strings.Contains(w.log.String(), token) {
		t.Error("the token is in the log")
	}
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	elsewhere := w.signIn(t)
	change := call{actor: "user", method: "PUT", path: "/api/v1/me/password", body: `{"currentPassword":"` + password + `","newPassword":"` + newPassword + `"}`}
	w.do(t, change).expect(t, 204, "")
	w.do(t, change).expect(t, 403, "wrong_password")
	w.do(t, call{actor: "user", path: "/api/v1/me"}).expect(t, 200, "")
	w.refresh(t, elsewhere["ts_refresh"].Value).expect(t, 401, "session_expired")
}

func TestChangeEmail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.do(t, call{actor: "user", method: "PUT", path: "/api/v1/me/email", body: `{"currentPassword":"` + password + `","email":"other@example.com"}`}).expect(t, 202, "")
	w.do(t, call{actor: "user", method: "PUT", path: "/api/v1/me/email", body: `{"currentPassword":"` + password + `","email":"new@example.com"}`}).expect(t, 202, "")
	token := w.token(t, "new@example.com", "verify")
	w.post(t, "email/verify", `{"token":"`+token+`","password":"wrong"}`).expect(t, 403, "wrong_password")
	w.post(t, "email/verify", `{"token":"`+token+`","password":"`+password+`"}`).expect(t, 204, "")
	me := data[struct {
		Email         string
		EmailVerified bool
	}](t, w.do(t, call{actor: "user", path: "/api/v1/me"}))
	if me.Email != "new@example.com" || !me.EmailVerified {
		t.Errorf("got %+v", me)
	}
	w.post(t, "email/verify", `{"token":"`+token+`"}`).expect(t, 400, "ticket_invalid")
	w.post(t, "email/resend", `{"email":"nobody"}`).expect(t, 400, "invalid_email")
}

// Mails name the address of the installation, which answered a browser with the JSON of a 404.
func TestWelcome(t *testing.T) {
	t.Parallel()
	got := newWorld(t).do(t, call{path: "/"})
	got.expect(t, http.StatusOK, "")
	for _, link := range []string{`href="/account"`, `href="/api/v1/openapi.yaml"`} {
		if !strings.Contains(got.body, link) {
			t.Errorf("no %s in %s", link, got.body)
		}
	}
	if kind := got.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/html") {
		t.Errorf("it is %s", kind)
	}
}

// TestAccountPage: its own script and style may run, and nothing else.
func TestAccountPage(t *testing.T) {
	t.Parallel()
	got := newWorld(t).do(t, call{path: "/account"})
	if !strings.Contains(got.body, "Whoever opened the account knows its password") {
		t.Error("who confirms an address is not warned")
	}
	csp := got.Header.Get("Content-Security-Policy")
	if got.StatusCode != http.StatusOK || strings.Count(csp, "'sha256-") != 2 || strings.Contains(csp, "unsafe") {
		t.Errorf("got %d with %s", got.StatusCode, csp)
	}
	if got.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Error("the address could be told to other sites")
	}
}
