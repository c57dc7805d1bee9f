//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/turboscribe/turboscribe/internal/daemon/daemontest"
)

// replica starts another api of the shared stack, and returns the stack as its clients
// see it.
func replica(t *testing.T) *stack {
	t.Helper()
	s := *shared
	addr := daemontest.Address(t)
	s.url, s.env = "http://"+addr, maps.Clone(shared.env)
	s.env["TS_API_ADDR"] = addr
	api, err := launch("api-"+addr, s.dir, s.environment(nil), filepath.Join(os.Getenv("TS_TEST_BIN"), "api"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := api.stop(grace); err != nil {
			t.Error(err)
		}
	})
	if err := api.await(t.Context(), s.url+"/readyz"); err != nil {
		t.Fatal(err)
	}
	return &s
}

// at returns the same person as a client of that api.
func (p *person) at(s *stack) *person {
	q := *p
	q.s = s
	return q.as(p.t)
}

func (p *person) patch(path string, value any) answer {
	p.t.Helper()
	body, err := json.Marshal(value)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.do(http.MethodPatch, root+path, bytes.NewReader(body), "Content-Type", "application/json")
}

func admin(t *testing.T) *person {
	t.Helper()
	p := shared.visitor(t)
	p.signIn("/auth/login", http.StatusOK, adminEmail, adminPassword)
	return p
}

// TestReplicas_rights: what is taken away at one api is gone at the others, a key with the
// next request and what somebody may do within seconds.
func TestReplicas_rights(t *testing.T) {
	t.Parallel()
	other := replica(t)
	p, root := shared.person(t), admin(t)
	var key struct{ ID, Key string }
	p.post("/api-keys", map[string]any{"name": "e2e", "scopes": []string{"transcriptions:read"}}).want(t, http.StatusCreated, &key)
	program := *p.at(other)
	program.token = key.Key
	program.get("/transcriptions").want(t, http.StatusOK, nil)
	program.delete("/transcriptions/"+key.ID).refused(t, http.StatusForbidden, "forbidden")
	p.delete("/api-keys/"+key.ID).want(t, http.StatusNoContent, nil)
	program.get("/transcriptions").refused(t, http.StatusUnauthorized, "key_invalid")

	there := p.at(other)
	there.get("/me").want(t, http.StatusOK, nil)
	root.patch("/admin/users/"+p.id, map[string]any{"role": "operator"}).want(t, http.StatusOK, nil)
	p.get("/admin/queues").want(t, http.StatusOK, nil)
	eventually(t, "the other api knows the role", func() bool { return there.get("/admin/queues").status == http.StatusOK })
	root.patch("/admin/users/"+p.id, map[string]any{"disabled": true}).want(t, http.StatusOK, nil)
	p.get("/me").refused(t, http.StatusUnauthorized, "account_disabled")
	eventually(t, "the other api knows that the account is disabled", func() bool { return there.get("/me").status == http.StatusUnauthorized })
	p.post("/auth/login", map[string]string{"email": p.email, "password": secret}).refused(t, http.StatusForbidden, "account_disabled")
}

// TestQuota_minutes gives a person a minute, and then as much as everybody has.
func TestQuota_minutes(t *testing.T) {
	t.Parallel()
	p, root := shared.person(t), admin(t)
	root.patch("/admin/users/"+p.id, map[string]any{"quota": map[string]any{"minutes": 1}}).want(t, http.StatusOK, nil)
	long := ffmpeg(t, "mp3", "-f", "lavfi", "-i", "sine=d=65", "-b:a", "32k")
	id := p.send("long.mp3", long)
	ended := p.follow(id)
	if ended.Status != "failed" || ended.Error.Code != "quota_minutes" {
		t.Fatalf("it ended %+v", ended)
	}
	p.complete(p.send("short03.flac", demo(t, "test/short03.flac"))) // there is a minute for it
	root.patch("/admin/users/"+p.id, map[string]any{"quota": map[string]any{}}).want(t, http.StatusOK, nil)
	p.post("/transcriptions/"+id+"/retry", map[string]any{}).want(t, http.StatusAccepted, nil)
	p.complete(id)
	var usage struct {
		Bytes   struct{ Used int64 }
		Minutes struct{ Used float64 }
	}
	p.get("/me/usage").want(t, http.StatusOK, &usage)
	if usage.Bytes.Used <= int64(len(long)) || usage.Minutes.Used < 65./60 || usage.Minutes.Used > 90./60 {
		t.Errorf("used are %+v", usage)
	}
}
