//go:build e2e

package e2e

import (
	"archive/zip"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

type receipt struct {
	ReceiptID, DeletedAt, Status string
	Counts                       map[string]int
	VerifiedAt                   *string
}

// TestLeave has somebody delete their account who has something of everything, while a
// recording of theirs is in work and another on its way in, and somebody with whom they have shared
// a text has made an export of it. Then nothing in the
// database, in the bucket or in Redis knows them any more, not even by an id.
func TestLeave(t *testing.T) {
	t.Parallel()
	s := newStack(t, nil)
	stays := s.person(t)
	kept := stays.complete(stays.send("kept.flac", demo(t, "test/short01.flac")))
	p := s.person(t)
	traces := p.fill(t)
	stays.share(p, kept.ID, "edit")
	p.patch("/transcriptions/"+kept.ID, map[string]any{"edits": []any{map[string]any{"op": "speaker", "segment": 0, "speaker": "Bea"}}}).want(t, http.StatusOK, nil)
	p.share(stays, traces["a transcription"], "read")
	export := stays.take(traces["a transcription"])
	copied := stays.get("/exports/" + export + "/file")
	if copied.want(t, http.StatusOK, nil); !strings.Contains(unzipped(t, string(copied.body)), traces["the phrase"]) {
		t.Error("the phrase is not in the export of somebody else")
	}
	upload := p.trickle(t)
	for what, text := range traces {
		if len(s.find(t, text)) == 0 {
			t.Errorf("%s: the scan does not find %q, which is there", what, text)
		}
	}
	p.erase(t, "not my password").refused(t, http.StatusForbidden, "wrong_password")
	var r receipt
	p.erase(t, secret).want(t, http.StatusOK, &r)
	t.Logf("deleted: %v", r.Counts)
	if r.Status != "pending" || r.Counts["transcriptions"] != 2 || r.Counts["revisions"] != 1 || r.Counts["webhooks"] != 1 || r.Counts["apiKeys"] != 1 || r.Counts["links"] != 1 || r.Counts["shares"] != 3 {
		t.Errorf("the receipt is %+v", r)
	}
	p.get("/me").refused(t, http.StatusUnauthorized, "account_gone")
	if status := <-upload; status == http.StatusAccepted {
		t.Error("the upload was taken in")
	}
	// Who was at work has six minutes to notice; the test lets them pass.
	eventually(t, "the receipt is verified", func() bool {
		if _, err := s.db.ExecContext(t.Context(), "UPDATE receipts SET deleted_at = deleted_at - interval '1 hour', next_at = least(next_at, now())"); err != nil {
			t.Fatal(err)
		}
		stays.get("/receipts/"+r.ReceiptID).want(t, http.StatusOK, &r)
		return r.Status == "verified" && r.VerifiedAt != nil
	})
	for what, text := range traces {
		eventually(t, what+" is nowhere", func() bool { // the cache of texts forgets within a minute
			found := s.find(t, text)
			if len(found) > 0 {
				t.Logf("%s: %q is in %s", what, text, strings.Join(found, ", "))
			}
			return len(found) == 0
		})
	}
	if n, err := s.blobs.Clear(t.Context(), "u/"+p.id+"/"); err != nil || n > 0 {
		t.Errorf("%d objects or unfinished uploads are left: %v", n, err)
	}
	if keys, err := s.blobs.Keys(t.Context(), "u/"+stays.id+"/"+export+"/"); err != nil || len(keys) > 0 {
		t.Errorf("of the export of somebody else there is %v, %v", keys, err)
	}
	stays.get("/exports/"+export+"/file").refused(t, http.StatusNotFound, "export_expired")
	if got := stays.show(kept.ID); got.Text != kept.Text {
		t.Errorf("the text of somebody else is %q, was %q", got.Text, kept.Text)
	}
}

// take makes an export of a text in the background, and returns its id.
func (p *person) take(id string) (export string) {
	p.t.Helper()
	var z struct{ ID, Status string }
	p.post("/exports?format=txt", map[string]any{"ids": []string{id}, "async": true}).want(p.t, http.StatusAccepted, &z)
	eventually(p.t, "the export is written", func() bool {
		p.get("/exports/"+z.ID).want(p.t, http.StatusOK, &z)
		return z.Status == "completed"
	})
	return z.ID
}

// erase asks for the end of the account.
func (p *person) erase(t *testing.T, password string) answer {
	t.Helper()
	return p.do(http.MethodDelete, root+"/me", strings.NewReader(fmt.Sprintf(`{"password":%q}`, password)), "Content-Type", "application/json")
}

// fill gives a person something of everything, and returns what they can be found by.
func (p *person) fill(t *testing.T) (traces map[string]string) {
	t.Helper()
	canary := "canary" + strings.ToLower(rand.Text())
	rec := newReceiver(t)
	hook := p.hook(rec.url+"/"+canary, "transcription.completed")
	done := p.complete(p.send(canary+".flac", demo(t, "test/short01.flac")))
	rec.of(t, "/"+canary, 1)
	p.do(http.MethodPut, root+"/transcriptions/"+done.ID, strings.NewReader(fmt.Sprintf(`{"segments":[{"start":0,"end":1,"text":"A %s sings."}]}`, canary)),
		"Content-Type", "application/json").want(t, http.StatusOK, nil)
	p.get("/transcriptions/"+done.ID).want(t, http.StatusOK, nil) // it is in the cache of texts now
	var key struct{ ID, Prefix string }
	p.post("/api-keys", map[string]any{"name": canary, "scopes": []string{"transcriptions:read"}}).want(t, http.StatusCreated, &key)
	p.post("/transcriptions/"+done.ID+"/links", map[string]any{"access": "edit", "label": canary}).want(t, http.StatusCreated, nil)
	p.post("/transcriptions/"+done.ID+"/shares", map[string]any{"access": "edit", "email": canary + "@example.com"}).want(t, http.StatusCreated, nil)
	running := p.send("long-"+canary+".mka", long(t, 30))
	eventually(t, "a long recording is in work", func() bool { return p.show(running).Status == "transcribing" })
	return map[string]string{
		"the account": p.id, "the address": p.email, "the phrase": canary, "a transcription": done.ID, "one in work": running,
		"a webhook": hook.ID, "a key": key.ID, "the prefix of a key": key.Prefix,
	}
}

// trickle begins an upload of which parts are stored, and which does not end by itself.
// What it is answered comes out of the channel, 0 when the connection breaks.
func (p *person) trickle(t *testing.T) <-chan int {
	t.Helper()
	whole, contentType, err := uploadForm("trickle.wav", ffmpeg(t, "wav", "-f", "lavfi", "-i", "anoisesrc=d=200"))
	if err != nil {
		t.Fatal(err)
	}
	reader, writer := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.s.url+root+"/files/upload", reader)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	r.Header.Set("Content-Type", contentType)
	answered := make(chan int, 1)
	go func() {
		status := 0
		if res, err := http.DefaultClient.Do(r); err == nil {
			status = res.StatusCode
			_ = res.Body.Close()
		}
		_ = reader.Close()
		answered <- status
	}()
	if _, err := io.CopyN(writer, whole, 9<<20); err != nil {
		t.Fatal(err)
	}
	eventually(t, "an upload is on its way", func() bool {
		return p.s.count(t.Context(), "SELECT count(*) FROM garbage WHERE starts_with(prefix, 'u/' || $1 || '/') AND due_at > now() + interval '12 hours'", p.id) == 1
	})
	go func() { // a byte now and then
		defer func() { _ = writer.Close() }()
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for t.Context().Err() == nil {
			if _, err := io.CopyN(writer, whole, 1); err != nil {
				return
			}
			<-tick.C
		}
	}()
	return answered
}

// find returns where a text is: as columns of tables, keys of objects and keys of Redis.
func (s *stack) find(t *testing.T, text string) []string {
	t.Helper()
	return slices.Concat(s.findRows(t, text), s.findObjects(t, text), s.findKeys(t, text))
}

// findRows looks into every column of every table.
func (s *stack) findRows(t *testing.T, text string) (found []string) {
	t.Helper()
	rows, err := s.db.QueryContext(t.Context(), "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var columns [][3]string
	for rows.Next() {
		var c [3]string
		if err := rows.Scan(&c[0], &c[1], &c[2]); err != nil {
			t.Fatal(err)
		}
		columns = append(columns, c)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, c := range columns {
		looked := text
		if c[2] == "bytea" { // is written in hexadecimal
			looked = hex.EncodeToString([]byte(text))
		}
		query := fmt.Sprintf(`SELECT count(*) FROM %q AS t WHERE strpos(lower(t.%q::text), lower($1)) > 0`, c[0], c[1])
		if n := s.count(t.Context(), query, looked); n != 0 {
			found = append(found, c[0]+"."+c[1])
		}
	}
	return found
}

// findObjects looks at the key and into the content of every object.
func (s *stack) findObjects(t *testing.T, text string) (found []string) {
	t.Helper()
	keys, err := s.blobs.Keys(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if strings.Contains(key, text) || strings.Contains(unzipped(t, s.object(t.Context(), key)), text) {
			found = append(found, key)
		}
	}
	return found
}

// unzipped returns what is in the files of a zip, with their names, and anything else as it is: a
// text that is compressed would be found by nobody.
func unzipped(t *testing.T, content string) string {
	t.Helper()
	z, err := zip.NewReader(strings.NewReader(content), int64(len(content)))
	if err != nil {
		return content
	}
	var all strings.Builder
	for _, f := range z.File {
		body, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(f.Name + "\n")
		if _, err := io.Copy(&all, body); err != nil {
			t.Fatal(err)
		}
		_ = body.Close()
	}
	return all.String()
}

// object returns the content of an object, nothing of one that is gone by now.
func (s *stack) object(ctx context.Context, key string) string {
	body, _, err := s.blobs.Open(ctx, key)
	if err != nil {
		return ""
	}
	defer func() { _ = body.Close() }()
	content, err := io.ReadAll(body)
	if err != nil {
		return ""
	}
	return string(content)
}

// findKeys looks at every key of Redis, and into its value.
func (s *stack) findKeys(t *testing.T, text string) (found []string) {
	t.Helper()
	keys, err := s.redis.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if strings.Contains(key+" "+s.value(t, key), text) {
			found = append(found, "redis "+key)
		}
	}
	return found
}

// value returns all that is in a key of Redis, whatever its type.
func (s *stack) value(t *testing.T, key string) string {
	t.Helper()
	var values []string
	kind, err := s.redis.Type(t.Context(), key).Result()
	if err != nil {
		t.Fatal(err)
	}
	switch kind {
	case "none": // it has expired
	case "string":
		var value string
		value, err = s.redis.Get(t.Context(), key).Result()
		values = []string{value}
	case "hash":
		var fields map[string]string
		fields, err = s.redis.HGetAll(t.Context(), key).Result()
		values = slices.Concat(slices.Collect(maps.Keys(fields)), slices.Collect(maps.Values(fields)))
	case "list":
		values, err = s.redis.LRange(t.Context(), key, 0, -1).Result()
	case "set":
		values, err = s.redis.SMembers(t.Context(), key).Result()
	case "zset":
		values, err = s.redis.ZRange(t.Context(), key, 0, -1).Result()
	default:
		t.Fatalf("%s is a %s, of which the scan knows nothing", key, kind)
	}
	if err != nil && !errors.Is(err, redis.Nil) {
		t.Fatal(err)
	}
	return strings.Join(values, "\n")
}
