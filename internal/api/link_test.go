package api_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/api"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

type link struct {
	ID         uuid.UUID  `json:"id"`
	Label      string     `json:"label"`
	Access     string     `json:"access"`
	Password   bool       `json:"password"`
	ExpiresAt  *time.Time `json:"expiresAt"`
	Uses       int        `json:"uses"`
	LastUsedAt *time.Time `json:"lastUsedAt"`
	URL        string     `json:"url"`
	Token      string     `json:"token"`
}

// addLink has the user make a link.
func (w *world) addLink(t *testing.T, id uuid.UUID, body string) link {
	t.Helper()
	made := w.user(t, "POST", "/transcriptions/"+id.String()+"/links", body)
	made.expect(t, 201, "")
	return data[link](t, made)
}

// insertLink makes one to edit without a request.
func (w *world) insertLink(t *testing.T, id uuid.UUID) (link uuid.UUID, token string) {
	t.Helper()
	token, hash, err := w.auth.NewLinkToken()
	if err != nil {
		t.Fatal(err)
	}
	l := &transcription.Link{ID: newID(t), TranscriptionID: id, Hash: hash, Access: transcription.ToEdit}
	if err := w.store.CreateLink(t.Context(), w.ids["user"], l); err != nil {
		t.Fatal(err)
	}
	return l.ID, token
}

// addTalk adds a completed transcription of the user's of two speakers.
func (w *world) addTalk(t *testing.T) uuid.UUID {
	t.Helper()
	return w.store.add(t, w.ids["user"], func(r *transcription.Transcription) {
		r.Status, r.CompletedAt, r.Language, r.Duration = transcription.Completed, start, "en", time.Minute
		r.Segments = []transcription.Segment{
			{Start: 0, End: time.Second, Text: "Good <b>morning</b>.", Speaker: "Ann"}, {Start: 12 * time.Second, End: 14 * time.Second, Text: "Hello Ann.", Speaker: "Bob"},
		}
		r.Text = transcription.Text(r.Segments)
		r.File.Name, r.Tags = "board meeting.mp3", []string{"secret tag"}
	})
}

type sharedText struct {
	Title    string `json:"title"`
	Access   string `json:"access"`
	Revision int    `json:"revision"`
	Text     *string
	Segments []struct{ Text, Speaker string }
}

func TestLinks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.addTalk(t)
	links := "/transcriptions/" + id.String() + "/links"
	l := w.addLink(t, id, `{"access":"read","label":" for the press ","expiresAt":"2999-01-01T00:00:00Z"}`)
	if l.Label != "for the press" || l.Password || l.ExpiresAt == nil || l.URL != "http://localhost:8080/s/"+l.Token || !strings.HasPrefix(l.Token, "tsl_") || len(l.Token) != 4+43 {
		t.Errorf("got %+v", l)
	}
	got := w.do(t, call{path: "/api/v1/shared/" + l.Token})
	got.expect(t, 200, "")
	if text := data[sharedText](t, got); text.Title != "board meeting" || text.Access != "read" || len(text.Segments) != 2 || text.Segments[1].Speaker != "Bob" {
		t.Errorf("got %+v", text)
	}
	for _, secret := range []string{w.ids["user"].String(), id.String(), "user@example.com", "secret tag", "mp3"} {
		if strings.Contains(got.body, secret) {
			t.Errorf("a guest is told %q: %s", secret, got.body)
		}
	}
	w.do(t, call{method: "PATCH", path: "/api/v1/shared/" + l.Token, body: `{"edits":[]}`}).expect(t, 403, "read_only")
	for format, status := range map[string]int{"txt": 200, "srt": 200, "vtt": 200, "docx": 200, "json": 400, "csv": 400} {
		if got := w.do(t, call{path: "/api/v1/shared/" + l.Token + "/export?format=" + format}); got.StatusCode != status {
			t.Errorf("%s: got %d %s", format, got.StatusCode, got.body)
		}
	}
	list := data[struct{ Items []link }](t, w.user(t, "GET", links, "")).Items
	if len(list) != 1 || list[0].ID != l.ID || list[0].Uses != 8 || list[0].LastUsedAt == nil || list[0].URL != "" {
		t.Errorf("got %+v, want 8 uses and no address", list)
	}
	for body, code := range map[string]string{
		`{"access":"own"}`: "invalid_access", `{"access":"read","expiresAt":"2020-01-01T00:00:00Z"}`: "invalid_expiry",
		`{"access":"read","password":"short"}`: "password_too_short", `{"access":"read","label":"` + strings.Repeat("x", 101) + `"}`: "invalid_label",
	} {
		w.user(t, "POST", links, body).expect(t, 400, code)
	}
	w.user(t, "DELETE", links+"/x", "").expect(t, 404, "not_found")
	w.user(t, "DELETE", links+"/"+newID(t).String(), "").expect(t, 404, "not_found")
}

// TestLinks_gone: whatever is wrong with a link, a stranger is told the same.
func TestLinks_gone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.addTalk(t)
	revoked, expired := w.addLink(t, id, `{"access":"edit"}`), w.addLink(t, w.addTalk(t), `{"access":"edit"}`)
	w.user(t, "DELETE", "/transcriptions/"+id.String()+"/links/"+revoked.ID.String(), "").expect(t, 204, "")
	w.store.ExpireLinks()
	at := w.addTalk(t)
	deleted := w.addLink(t, at, `{"access":"edit","password":"`+password+`"}`)
	w.user(t, "DELETE", "/transcriptions/"+at.String(), "").expect(t, 204, "")
	ids := regexp.MustCompile(`"request_id":"[^"]*"`)
	for _, in := range []call{
		{path: "/s/%s"},
		{method: "POST", path: "/s/%s"},
		{path: "/api/v1/shared/%s"},
		{method: "PATCH", path: "/api/v1/shared/%s", body: `{"edits":[]}`},
		{path: "/api/v1/shared/%s/export"},
		{method: "POST", path: "/api/v1/shared/%s/unlock", body: `{"password":"x"}`},
	} {
		var first string
		for how, token := range map[string]string{
			"revoked": revoked.Token, "deleted": deleted.Token, "expired": expired.Token, "cut": revoked.Token[:40], "made up": "x", "long": strings.Repeat("x", 4000), "NUL": "%00",
		} {
			to := in
			to.path = fmt.Sprintf(in.path, token)
			got := w.do(t, to)
			body := ids.ReplaceAllString(got.body, "")
			if first == "" {
				first = body
			}
			if got.StatusCode != http.StatusNotFound || body != first {
				t.Errorf("%s %s: got %d %s, others %s", in.path, how, got.StatusCode, body, first)
			}
		}
	}
}

func TestLinks_edit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.addTalk(t)
	l := w.addLink(t, id, `{"access":"edit","label":"the speakers"}`)
	path := "/api/v1/shared/" + l.Token
	tag := w.do(t, call{path: path}).Header.Get("ETag")
	edit := func(text string) answer {
		return w.do(t, call{method: "PATCH", path: path, header: map[string]string{"If-Match": tag}, body: fmt.Sprintf(`{"edits":[{"op":"text","segment":1,"text":%q}]}`, text)})
	}
	got := edit("Hello Ann, good to see you.")
	got.expect(t, 200, "")
	if text := data[sharedText](t, got); text.Revision != 1 || text.Segments[1].Text != "Hello Ann, good to see you." {
		t.Errorf("got %+v", text)
	}
	edit("Somebody was faster.").expect(t, 412, "stale_edit")
	list := data[struct {
		Items []struct{ By struct{ Kind, Name string } }
	}](t, w.user(t, "GET", "/transcriptions/"+id.String()+"/revisions", "")).Items
	if len(list) != 1 || list[0].By.Kind != "link" || list[0].By.Name != "the speakers" {
		t.Errorf("got %+v", list)
	}
	w.user(t, "GET", "/transcriptions/"+id.String()+"/history", "").expect(t, 200, "")
}

// TestLinks_password: who does not know it is told nothing and waits longer and longer, and
// the cookie that stands for it opens no other link.
func TestLinks_password(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.addTalk(t)
	l, another := w.addLink(t, id, `{"access":"edit","password":"`+password+`"}`), w.addLink(t, id, `{"access":"edit","password":"`+password+`"}`)
	path := "/api/v1/shared/" + l.Token
	if !l.Password {
		t.Errorf("got %+v", l)
	}
	for _, in := range []call{{path: path}, {path: path + "/export"}, {method: "PATCH", path: path, body: `{"edits":[]}`}} {
		w.do(t, in).expect(t, 401, "password_required")
	}
	unlock := call{method: "POST", path: path + "/unlock", body: `{"password":"` + password + `"}`}
	got := w.do(t, unlock)
	got.expect(t, 204, "")
	cookie := got.Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Expires.After(w.clock.Now().Add(12*time.Hour+time.Minute)) {
		t.Errorf("the cookie is %s", cookie)
	}
	with := func(value, token string) answer {
		name := w.do(t, call{method: "POST", path: "/api/v1/shared/" + token + "/unlock", body: unlock.body}).Cookies()[0].Name
		return w.do(t, call{path: "/api/v1/shared/" + token, header: map[string]string{"Cookie": name + "=" + value}})
	}
	with(cookie.Value, l.Token).expect(t, 200, "")
	with(cookie.Value, another.Token).expect(t, 401, "password_required")
	with(cookie.Value[:20], l.Token).expect(t, 401, "password_required")
	with(strings.Repeat("A", len(cookie.Value)), l.Token).expect(t, 401, "password_required")
	list := data[struct{ Items []link }](t, w.user(t, "GET", "/transcriptions/"+id.String()+"/links", "")).Items
	if list[1].Uses != 1 || list[0].Uses != 0 {
		t.Errorf("who was turned away counts: %+v", list)
	}
	w.clock.advance(13 * time.Hour)
	with(cookie.Value, l.Token).expect(t, 401, "password_required")
	for i := range 6 {
		got := w.do(t, call{method: "POST", path: path + "/unlock", body: `{"password":"not that one"}`})
		if want := map[bool]string{true: "wrong_password", false: "too_many_attempts"}[i < 5]; got.code(t) != want {
			t.Errorf("attempt %d: got %d %s, want %s", i, got.StatusCode, got.body, want)
		}
	}
	w.do(t, unlock).expect(t, 429, "too_many_attempts")
}

// hashes returns which scripts and styles of a page its policy lets through, and which there
// are.
func hashes(page string) (found []string) {
	for _, m := range regexp.MustCompile(`(?s)<(?:script|style)>(.*?)</`).FindAllStringSubmatch(page, -1) {
		sum := sha256.Sum256([]byte(m[1]))
		found = append(found, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	return found
}

func TestSharedPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.addTalk(t)
	for _, access := range []string{"read", "edit"} {
		l := w.addLink(t, id, `{"access":"`+access+`"}`)
		got := w.do(t, call{path: "/s/" + l.Token})
		got.expect(t, 200, "")
		for _, want := range []string{
			"<h1 dir=\"auto\">board meeting</h1>", "Good &lt;b&gt;morning&lt;/b&gt;.", ">Ann</h2>", ">Bob</h2>", "00:00:12", `lang="en"`,
			"/api/v1/shared/" + l.Token + "/export?format=srt", "noindex",
		} {
			if !strings.Contains(got.body, want) {
				t.Errorf("there is no %q in %s", want, got.body)
			}
		}
		if strings.Contains(got.body, "contenteditable=") != (access == "edit") || strings.Contains(got.body, "<script>") != (access == "edit") {
			t.Errorf("%s: %s", access, got.body)
		}
		policy := got.Header.Get("Content-Security-Policy")
		for _, hash := range hashes(got.body) {
			if !strings.Contains(policy, hash) {
				t.Errorf("%s is not in %s", hash, policy)
			}
		}
		for name, want := range map[string]string{
			"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow, noarchive", "X-Frame-Options": "DENY", "Content-Type": "text/html; charset=UTF-8",
		} {
			if h := got.Header.Get(name); h != want {
				t.Errorf("%s: got %q, want %q", name, h, want)
			}
		}
		if outside := regexp.MustCompile(`(?:src|href|action)="?(?:https?:)?//`).FindString(got.body); outside != "" || !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") {
			t.Errorf("%q, %s", outside, policy)
		}
	}
}

// TestSharedPage_password goes through the form as a browser without scripts does.
func TestSharedPage_password(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.PublicURL = "https://scribe.example.com" })
	l := w.addLink(t, w.addTalk(t), `{"access":"read","password":"`+password+`"}`)
	path := "/s/" + l.Token
	got := w.do(t, call{path: path})
	if got.StatusCode != http.StatusUnauthorized || !strings.Contains(got.body, `type="password"`) || strings.Contains(got.body, "morning") || strings.Contains(got.body, "board") {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin", "Origin": "null"}
	got = w.do(t, call{method: "POST", path: path, header: form, body: "password=wrong"})
	if got.StatusCode != http.StatusForbidden || !strings.Contains(got.body, "not the password") || len(got.Cookies()) > 0 {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
	got = w.do(t, call{method: "POST", path: path, header: form, body: url.Values{"password": {password}}.Encode()})
	if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != path || len(got.Cookies()) != 1 {
		t.Fatalf("got %d %s %v", got.StatusCode, got.Header.Get("Location"), got.Cookies())
	}
	if c := got.Cookies()[0]; !strings.HasPrefix(c.Name, "__Host-ts_link_") || !c.Secure {
		t.Errorf("got %s", c)
	}
	got = w.do(t, call{path: path, header: map[string]string{"Cookie": got.Cookies()[0].Name + "=" + got.Cookies()[0].Value}})
	if got.StatusCode != http.StatusOK || !strings.Contains(got.body, "morning") {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
	form["Sec-Fetch-Site"] = "cross-site"
	w.do(t, call{method: "POST", path: path, header: form, body: "password=x"}).expect(t, 403, "cross_origin")
}

// TestSharedPage_passwordInTheAddress: a password was taken from the address as well, which
// ends in logs. Two of them are refused.
func TestSharedPage_passwordInTheAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.addLink(t, w.addTalk(t), `{"access":"read","password":"`+password+`"}`)
	right := url.Values{"password": {password}}.Encode()
	for name, tt := range map[string]struct {
		query, body string
		status      int
	}{
		"in the address":  {"?" + right, "x=y", http.StatusForbidden},
		"in both":         {"?" + right, "password=wrong", http.StatusForbidden},
		"twice":           {"", right + "&password=wrong", http.StatusBadRequest},
		"no form at all":  {"", "%zz", http.StatusBadRequest},
		"in the form":     {"", right, http.StatusSeeOther},
		"wrong elsewhere": {"?password=wrong", right, http.StatusSeeOther},
	} {
		form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
		got := w.do(t, call{method: "POST", path: "/s/" + l.Token + tt.query, header: form, body: tt.body})
		if got.StatusCode != tt.status || (len(got.Cookies()) > 0) != (tt.status == http.StatusSeeOther) {
			t.Errorf("%s: got %d, want %d", name, got.StatusCode, tt.status)
		}
	}
}

// TestSharedPage_signedIn: who is signed in comes as a guest like everybody else.
func TestSharedPage_signedIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.addTalk(t)
	l := w.addLink(t, id, `{"access":"edit"}`)
	got := w.do(t, call{
		method: "PATCH", path: "/api/v1/shared/" + l.Token, header: map[string]string{"Cookie": "ts_access=" + w.tokens["other"], "Sec-Fetch-Site": "same-origin"},
		body: `{"edits":[{"op":"text","segment":0,"text":"Good evening."}]}`,
	})
	got.expect(t, 200, "")
	list := data[struct {
		Items []struct{ By struct{ Kind string } }
	}](t, w.user(t, "GET", "/transcriptions/"+id.String()+"/revisions", "")).Items
	if len(list) != 1 || list[0].By.Kind != "link" {
		t.Errorf("got %+v", list)
	}
}

func TestSharedPage_notReady(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.store.add(t, w.ids["user"], func(r *transcription.Transcription) {
		r.Status, r.Partial, r.Text, r.Segments = transcription.Transcribing, true, "Half.", []transcription.Segment{{End: time.Second, Text: "Half."}}
	})
	l := w.addLink(t, id, `{"access":"edit"}`)
	got := w.do(t, call{path: "/s/" + l.Token})
	if got.StatusCode != http.StatusOK || !strings.Contains(got.body, "no text yet") || strings.Contains(got.body, "Half") {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
	if text := data[sharedText](t, w.do(t, call{path: "/api/v1/shared/" + l.Token})); text.Text != nil || len(text.Segments) > 0 {
		t.Errorf("got %+v", text)
	}
	w.do(t, call{path: "/api/v1/shared/" + l.Token + "/export"}).expect(t, 409, "not_completed")
	w.do(t, call{method: "PATCH", path: "/api/v1/shared/" + l.Token, body: `{"edits":[]}`}).expect(t, 409, "no_text")
}

// TestLinks_notLogged: the token of a link is in paths, and in no line of the log.
func TestLinks_notLogged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.addLink(t, w.addTalk(t), `{"access":"edit"}`)
	w.client = http.DefaultClient // the contract has no route like some of these
	for _, path := range []string{
		"/s/%s", "/s/%s/", "/s/%s/x", "/S/%s", "/x/%s", "/%s", "/api/v1/shared/%s", "/api/v1/shared/%s/export", "/api/v1/shared/%s/unlock", "/api/v1/Shared/%s/nothing", "/s/%%74%s", "/s/a%%2f%s",
		"/api/v1/transcriptions/%s", "/api/v1/transcriptions?cursor=%s",
	} {
		token := l.Token
		if strings.Contains(path, "%%74") {
			token = token[1:]
		}
		for _, method := range []string{"GET", "POST", "DELETE"} {
			w.log.Reset()
			w.do(t, call{actor: "user", method: method, path: fmt.Sprintf(path, token), body: "{}"})
			w.waitForLog(t, `"message":"request"`)
			if strings.Contains(w.log.String(), l.Token[5:20]) {
				t.Errorf("%s %s: %s", method, path, w.log)
			}
		}
	}
}

// TestLinks_audit: the audit log tells of links, and of none by what it opens or is called.
func TestLinks_audit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.addTalk(t)
	l := w.addLink(t, id, `{"access":"edit","label":"for Ann"}`)
	w.user(t, "DELETE", "/transcriptions/"+id.String()+"/links/"+l.ID.String(), "").expect(t, 204, "")
	var actions []string
	for _, action := range []string{"link.created", "link.revoked"} {
		got := w.do(t, call{actor: "admin", path: "/api/v1/admin/audit?action=" + action})
		if strings.Contains(got.body, `"`+action+`"`) && !strings.Contains(got.body, "Ann") && !strings.Contains(got.body, l.Token) {
			actions = append(actions, action)
		}
	}
	if diff := cmp.Diff([]string{"link.created", "link.revoked"}, actions); diff != "" {
		t.Errorf("-want +told\n%s", diff)
	}
}
