//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// share gives somebody else one of the person's, once they have proved their address.
func (p *person) share(with *person, id, access string) (share string) {
	p.t.Helper()
	if _, err := p.s.db.ExecContext(p.t.Context(), "UPDATE users SET verified_at = now() WHERE id = $1", with.id); err != nil {
		p.t.Fatal(err)
	}
	var given struct{ ID string }
	p.post("/transcriptions/"+id+"/shares", map[string]string{"email": with.email, "access": access}).want(p.t, http.StatusCreated, &given)
	return given.ID
}

// TestShare has two people work on one text, until its owner takes it back.
func TestShare(t *testing.T) {
	t.Parallel()
	p, other := shared.person(t), shared.person(t)
	done := p.complete(p.send("talk.flac", demo(t, "test/short01.flac")))
	other.get("/transcriptions/"+done.ID).refused(t, http.StatusNotFound, "not_found")
	given := p.share(other, done.ID, "edit")
	if list := other.list("&shared=with-me"); len(list) != 1 || list[0].ID != done.ID {
		t.Errorf("got %+v", list)
	}
	if got := other.show(done.ID); got.Text != done.Text {
		t.Errorf("got %q, want %q", got.Text, done.Text)
	}
	other.patch("/transcriptions/"+done.ID, map[string]any{"edits": []any{map[string]any{"op": "text", "segment": 0, "text": "We agree."}}}).want(t, http.StatusOK, nil)
	if got := p.show(done.ID); !strings.HasPrefix(got.Text, "We agree.") {
		t.Errorf("the owner has %q", got.Text)
	}
	other.delete("/transcriptions/"+done.ID).refused(t, http.StatusForbidden, "owner_only")
	p.delete(fmt.Sprintf("/transcriptions/%s/shares/%s", done.ID, given)).want(t, http.StatusNoContent, nil)
	other.get("/transcriptions/"+done.ID).refused(t, http.StatusNotFound, "not_found")
}

// TestLink sends somebody without an account a link, by which they read a text, take it
// along and correct it, until it is revoked. That its token is in no log is looked for when
// all is over.
func TestLink(t *testing.T) {
	t.Parallel()
	p := shared.person(t)
	done := p.complete(p.send("board meeting.flac", demo(t, "test/short01.flac")))
	var l struct{ ID, URL, Token string }
	p.post("/transcriptions/"+done.ID+"/links", map[string]any{"access": "edit", "label": "Ann", "password": secret}).want(t, http.StatusCreated, &l)
	if !strings.HasSuffix(l.URL, "/s/"+l.Token) {
		t.Errorf("the address is %s", l.URL)
	}
	guest := shared.visitor(t)
	guest.get("/shared/"+l.Token).refused(t, http.StatusUnauthorized, "password_required")
	opened := guest.post("/shared/"+l.Token+"/unlock", map[string]string{"password": secret})
	opened.want(t, http.StatusNoContent, nil)
	cookie, _, _ := strings.Cut(opened.header.Get("Set-Cookie"), ";")
	var text struct {
		Title, Text string
		Revision    int
	}
	guest.get("/shared/"+l.Token, "Cookie", cookie).want(t, http.StatusOK, &text)
	if text.Title != "board meeting" || text.Text != done.Text {
		t.Errorf("got %+v, want %q", text, done.Text)
	}
	if file := guest.get("/shared/"+l.Token+"/export?format=pdf", "Cookie", cookie); file.status != http.StatusOK || !strings.HasPrefix(string(file.body), "%PDF") {
		t.Errorf("got %d %.100s", file.status, file.body)
	}
	page := guest.do(http.MethodGet, "/s/"+l.Token, http.NoBody, "Cookie", cookie)
	if page.status != http.StatusOK || !strings.Contains(string(page.body), "<h1 dir=\"auto\">board meeting</h1>") {
		t.Errorf("got %d %.500s", page.status, page.body)
	}
	guest.do(http.MethodPatch, root+"/shared/"+l.Token, strings.NewReader(`{"edits":[{"op":"text","segment":0,"text":"Ann was here."}]}`), "Content-Type", "application/json", "Cookie", cookie).
		want(t, http.StatusOK, &text)
	if got := p.show(done.ID); text.Revision != 1 || !strings.HasPrefix(got.Text, "Ann was here.") {
		t.Errorf("revision %d, and the owner has %q", text.Revision, got.Text)
	}
	p.delete(fmt.Sprintf("/transcriptions/%s/links/%s", done.ID, l.ID)).want(t, http.StatusNoContent, nil)
	guest.get("/shared/"+l.Token, "Cookie", cookie).refused(t, http.StatusNotFound, "link_not_found")
	if page := guest.do(http.MethodGet, "/s/"+l.Token, http.NoBody, "Cookie", cookie); page.status != http.StatusNotFound {
		t.Errorf("got %d %.500s", page.status, page.body)
	}
}
