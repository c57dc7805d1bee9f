package api_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

type kept struct {
	LegalHold      bool
	MediaKept      bool
	MediaExpiresAt *time.Time
	ExpiresAt      *time.Time
}

func TestRetention(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.store.add(t, w.ids["user"], func(tr *transcription.Transcription) { tr.Status, tr.CompletedAt = transcription.Completed, start })
	path := "/api/v1/transcriptions/" + id.String()
	put := func(path, body string) answer {
		return w.do(t, call{actor: "user", method: "PUT", path: path, body: body})
	}
	check := func(media, whole time.Duration) {
		t.Helper()
		got := data[kept](t, w.do(t, call{actor: "user", path: path}))
		if !is(got.MediaExpiresAt, media) || !is(got.ExpiresAt, whole) || got.LegalHold || !got.MediaKept {
			t.Errorf("got %v, %v, want %v and %v; %+v", got.MediaExpiresAt, got.ExpiresAt, media, whole, got)
		}
	}
	check(0, 0)
	tag := w.do(t, call{actor: "user", path: path}).Header.Get("ETag")
	put("/api/v1/me/retention", `{"mediaDays":7,"transcriptionDays":30}`).expect(t, 200, "")
	check(7*24*time.Hour, 30*24*time.Hour)
	w.do(t, call{actor: "user", path: path, header: map[string]string{"If-None-Match": tag}}).expect(t, 200, "")
	put("/api/v1/me/retention", `{"transcriptionDays":30}`).expect(t, 200, "")
	check(0, 30*24*time.Hour)
	if got := data[map[string]*int](t, w.do(t, call{actor: "user", path: "/api/v1/me/retention"})); got["mediaDays"] != nil || *got["transcriptionDays"] != 30 {
		t.Errorf("got %v", got)
	}
	for _, body := range []string{`{"mediaDays":-1}`, `{"transcriptionDays":36501}`} {
		put("/api/v1/me/retention", body).expect(t, 400, "invalid_days")
	}
	folder := &transcription.Folder{ID: newID(t), OwnerID: w.ids["user"], Name: "Calls"}
	if err := w.store.CreateFolder(t.Context(), folder); err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.Arrange(t.Context(), w.ids["user"], []uuid.UUID{id}, transcription.Arrangement{Folder: &folder.ID}); err != nil {
		t.Fatal(err)
	}
	put("/api/v1/folders/"+folder.ID.String()+"/retention", `{"mediaDays":1,"transcriptionDays":0}`).expect(t, 200, "")
	check(24*time.Hour, 0)
	put("/api/v1/folders/"+folder.ID.String()+"/retention", `{"mediaDays":99999}`).expect(t, 400, "invalid_days")
}

// is reports whether a moment is so long after the start; zero: there is none.
func is(at *time.Time, after time.Duration) bool {
	if after == 0 {
		return at == nil
	}
	return at != nil && at.Equal(start.Add(after))
}

// TestHold: what is held cannot be deleted, by one or by many, nor taken out of its folder.
// A program that may write can hold, but lift nothing; an administrator can both, and the
// audit log has it.
func TestHold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.store.add(t, w.ids["user"], func(tr *transcription.Transcription) { tr.Status, tr.CompletedAt = transcription.Completed, start })
	path := "/api/v1/transcriptions/" + id.String()
	_, key, err := w.auth.CreateKey(t.Context(), authtest.Actor(w.ids["user"], auth.Member), auth.NewKey{Name: "writes", Scopes: []auth.Permission{auth.ReadTranscriptions, auth.WriteTranscriptions}})
	if err != nil {
		t.Fatal(err)
	}
	const program = "program"
	w.tokens[program] = key
	hold := func(actor, path, value string) answer {
		return w.do(t, call{actor: actor, method: "PUT", path: path + "/hold", body: `{"legalHold":` + value + `}`})
	}
	hold(program, path, "true").expect(t, 200, "")
	hold(program, path, "false").expect(t, 403, "key_not_allowed")
	w.do(t, call{actor: "user", method: "PUT", path: path + "/hold", body: `{}`}).expect(t, 400, "missing_field")
	if got := data[kept](t, w.do(t, call{actor: "user", path: path})); !got.LegalHold {
		t.Errorf("got %+v", got)
	}
	w.do(t, call{actor: "user", method: "DELETE", path: path}).expect(t, 409, "legal_hold")
	bulk := data[struct {
		Items []struct{ Error struct{ Code string } }
	}](t, w.do(t, call{actor: "user", method: "POST", path: "/api/v1/transcriptions/bulk", body: `{"ids":["` + id.String() + `"],"action":"delete"}`}))
	if bulk.Items[0].Error.Code != "legal_hold" {
		t.Errorf("in bulk: got %+v", bulk)
	}
	hold("other", path, "false").expect(t, 404, "not_found")
	hold("admin", path, "false").expect(t, 404, "not_found")
	hold("operator", "/api/v1/admin/transcriptions/"+id.String(), "false").expect(t, 403, "forbidden")
	hold("admin", "/api/v1/admin/transcriptions/"+id.String(), "true").expect(t, 200, "")
	hold("user", path, "false").expect(t, 403, "hold_of_administrator")
	hold("admin", "/api/v1/admin/transcriptions/"+id.String(), "false").expect(t, 200, "")
	entries := data[struct {
		Items []struct {
			User, Subject struct{ UserID uuid.UUID }
			Details       map[string]any
		}
	}](t, w.do(t, call{actor: "admin", path: "/api/v1/admin/audit?action=hold.lifted"})).Items
	if len(entries) != 1 || entries[0].User.UserID != w.ids["admin"] || entries[0].Subject.UserID != w.ids["user"] || entries[0].Details["of"] != "transcription" {
		t.Errorf("the audit log has %+v", entries)
	}
	folder := &transcription.Folder{ID: newID(t), OwnerID: w.ids["user"], Name: "Case"}
	if err := w.store.CreateFolder(t.Context(), folder); err != nil {
		t.Fatal(err)
	}
	at := "/api/v1/folders/" + folder.ID.String()
	move := func(folder string) answer {
		return w.do(t, call{actor: "user", method: "POST", path: "/api/v1/transcriptions/bulk", body: `{"ids":["` + id.String() + `"],"action":"move","folderId":` + folder + `}`})
	}
	move(`"`+folder.ID.String()+`"`).expect(t, 200, "")
	hold("user", at, "true").expect(t, 200, "")
	move("null").expect(t, 409, "legal_hold")
	w.do(t, call{actor: "user", method: "DELETE", path: at}).expect(t, 409, "legal_hold")
	w.do(t, call{actor: "user", method: "DELETE", path: path}).expect(t, 409, "legal_hold")
	hold(program, at, "false").expect(t, 403, "key_not_allowed")
	hold("user", at, "false").expect(t, 200, "")
	w.do(t, call{actor: "user", method: "DELETE", path: path}).expect(t, 204, "")
}

// TestMedia_expired: what was deleted as its retention says is gone for good, and its text
// is not.
func TestMedia_expired(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path, _ := w.addMedia(t, func(tr *transcription.Transcription) {
		tr.Status, tr.CompletedAt, tr.File.Gone, tr.Text = transcription.Completed, start, true, "Still here."
	})
	w.do(t, call{actor: "user", path: path}).expect(t, 410, "recording_gone")
	w.do(t, call{actor: "user", path: path + "/url"}).expect(t, 410, "recording_gone")
	of := path[:len(path)-len("/media")]
	w.do(t, call{actor: "user", path: of + "/peaks"}).expect(t, 410, "recording_gone")
	w.do(t, call{actor: "user", method: "POST", path: of + "/retry"}).expect(t, 409, "recording_gone")
	if got := data[kept](t, w.do(t, call{actor: "user", path: of})); got.MediaKept {
		t.Errorf("got %+v", got)
	}
}
