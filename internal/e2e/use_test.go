//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// list returns all that the person has, page by page.
func (p *person) list(query string) (all []transcription) {
	p.t.Helper()
	cursor := ""
	for {
		var page struct {
			Items      []transcription
			NextCursor string
		}
		p.get("/transcriptions?limit=2&cursor="+url.QueryEscape(cursor)+query).want(p.t, http.StatusOK, &page)
		all = append(all, page.Items...)
		if page.NextCursor == "" {
			return all
		}
		cursor = page.NextCursor
	}
}

// TestList walks through the pages of a list: newest first, nothing twice.
func TestList(t *testing.T) {
	t.Parallel()
	p := shared.person(t)
	var want []string
	for i := range 5 {
		want = append(want, p.send(fmt.Sprint(i, ".flac"), demo(t, "test/silent1.flac")))
	}
	slices.Reverse(want)
	for _, id := range want {
		p.complete(id)
	}
	for query, want := range map[string][]string{"": want, "&status=completed": want, "&status=failed": nil} {
		var got []string
		for _, item := range p.list(query) {
			got = append(got, item.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", query, got, want)
		}
	}
}

// TestDelete_running deletes what is being worked on: it is gone with all that
// belongs to it.
func TestDelete_running(t *testing.T) {
	t.Parallel()
	p := shared.person(t)
	id := p.send("meeting.flac", demo(t, "samples/meeting.flac"))
	eventually(t, "a chunk is being transcribed", func() bool { return shared.chunks(t, id, "state = 'running'") > 0 })
	p.delete("/transcriptions/"+id).want(t, http.StatusNoContent, nil)
	p.get("/transcriptions/"+id).refused(t, http.StatusNotFound, "not_found")
	p.get("/export/"+id).refused(t, http.StatusNotFound, "not_found")
	for _, table := range []string{"files WHERE owner_id", "transcriptions WHERE owner_id", "steps WHERE owner_id"} {
		if n := shared.count(t.Context(), "SELECT count(*) FROM "+table+" = $1", p.id); n != 0 {
			t.Errorf("%s: %d rows are left", table, n)
		}
	}
	eventually(t, "no object is left", func() bool {
		keys, err := shared.blobs.Keys(t.Context(), "u/"+p.id+"/")
		return err == nil && len(keys) == 0
	})
	eventually(t, "no task is left", func() bool { return len(shared.tasks(t, id)) == 0 })
}

// TestBrowser signs in, comes back and signs out with nothing but cookies.
func TestBrowser(t *testing.T) {
	t.Parallel()
	known := shared.person(t)
	p := shared.visitor(t)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p.client.Jar = jar
	me := func() answer { return p.get("/me") }
	me().refused(t, http.StatusUnauthorized, "unauthenticated")
	login := p.post("/auth/login", map[string]string{"email": known.email, "password": secret})
	login.want(t, http.StatusOK, nil)
	csrf := ""
	for _, cookie := range (&http.Response{Header: login.header}).Cookies() {
		if cookie.Name == "csrf_token" {
			csrf = cookie.Value
			continue
		}
		if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode {
			t.Errorf("the cookie %s can be read by scripts or sent by other sites", cookie.Name)
		}
	}
	me().want(t, http.StatusOK, nil)
	p.do(http.MethodPost, root+"/auth/logout", http.NoBody, "Sec-Fetch-Site", "cross-site").refused(t, http.StatusForbidden, "cross_origin")
	p.do(http.MethodPost, root+"/auth/logout", http.NoBody).refused(t, http.StatusForbidden, "csrf_token")
	p.csrf = csrf
	id := p.send("short03.flac", demo(t, "test/short03.flac"))
	p.complete(id)
	p.do(http.MethodPost, root+"/auth/refresh", http.NoBody).want(t, http.StatusOK, nil)
	me().want(t, http.StatusOK, nil)
	p.do(http.MethodPost, root+"/auth/logout", http.NoBody).want(t, http.StatusNoContent, nil)
	me().refused(t, http.StatusUnauthorized, "unauthenticated")
	p.do(http.MethodPost, root+"/auth/refresh", http.NoBody).refused(t, http.StatusUnauthorized, "session_expired")
	known.get("/transcriptions/"+id).want(t, http.StatusOK, nil)
}

// TestDashboard shows the queues to administrators and to nobody else.
func TestDashboard(t *testing.T) {
	t.Parallel()
	look := func(p *person) answer { return p.do(http.MethodGet, "/admin/queues", http.NoBody) }
	look(shared.visitor(t)).refused(t, http.StatusUnauthorized, "unauthenticated")
	look(shared.person(t)).refused(t, http.StatusForbidden, "forbidden")
	admin := shared.visitor(t)
	admin.signIn("/auth/login", http.StatusOK, adminEmail, adminPassword)
	page := look(admin)
	page.want(t, http.StatusOK, nil)
	if !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") {
		t.Errorf("the dashboard is %s", page.header.Get("Content-Type"))
	}
}

// TestCommandLine uses the stack through the command line, as people at a
// terminal do.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	p := shared.person(t)
	file := t.TempDir() + "/short03.flac"
	writeFile(t, file, demo(t, "test/short03.flac"))
	cli := func(stdin string, args ...string) string {
		t.Helper()
		var stderr strings.Builder
		cmd := shared.command(t.Context(), "turboscribe", args...)
		cmd.Stdin, cmd.Stderr = strings.NewReader(stdin), &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("turboscribe %q: %v\n%s\n%s", args, err, out, stderr.String())
		}
		return string(out)
	}
	cli(secret+"\n", "login", "--email", p.email, "--password-stdin")
	text := cli("", "transcribe", file)
	if n := wordErrors(words(text), readTruth(t, "test/short03").words()); n > 1 {
		t.Errorf("%d words are wrong: %s", n, text)
	}
	id := p.list("")[0].ID
	if list := cli("", "list"); !strings.Contains(list, id) || !strings.Contains(list, "completed") {
		t.Errorf("list does not show it:\n%s", list)
	}
	if got := cli("", "get", id); got != text {
		t.Errorf("get says %q, transcribe said %q", got, text)
	}
	if srt, want := cli("", "export", id, "--format", "srt"), p.get("/export/"+id+"?format=srt"); srt != string(want.body) || !strings.Contains(srt, " --> ") {
		t.Errorf("export says %q, the api %q", srt, want.body)
	}
	var limits struct{ ExportFormats []string }
	p.get("/limits").want(t, http.StatusOK, &limits)
	for _, format := range limits.ExportFormats {
		if file := p.get("/export/" + id + "?format=" + format); file.status != http.StatusOK || len(file.body) == 0 {
			t.Errorf("the export as %s is %d, %d bytes", format, file.status, len(file.body))
		}
	}
	if report := cli("", "doctor"); strings.Contains(report, "FAIL") || !strings.Contains(report, "demo.en") {
		t.Errorf("doctor finds fault:\n%s", report)
	}
}
