package task

import (
	"errors"
	"strings"
	"testing"

	"github.com/hibiken/asynq"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/kv/kvtest"
	"github.com/turboscribe/turboscribe/internal/pipeline"
)

// A Redis with a user of its own let everything in but the queue: asynq leaves the
// name out of the URL and signed in as the default user. Uploads were accepted and
// stayed queued.
func TestClient_userOfItsOwn(t *testing.T) {
	t.Parallel()
	url := kvtest.User(t, kvtest.URL(t))
	c := newClient(t, url)
	if err := c.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Enqueue(t.Context(), step(pipeline.Prepare, 0)); err != nil {
		t.Error(err)
	}
}

func TestClient_Check_refused(t *testing.T) {
	t.Parallel()
	url := strings.Replace(kvtest.User(t, kvtest.URL(t)), "@", "x@", 1)
	err := newClient(t, url).Check(t.Context())
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "WRONGPASS") {
		t.Errorf("got %v, want unavailable that says why", err)
	}
}

func TestConnection(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]asynq.RedisClientOpt{
		"redis://localhost":                    {Addr: "localhost:6379"},
		"redis://:p%40ss@localhost:1234/3":     {Addr: "localhost:1234", Password: "p@ss", DB: 3},
		"redis://ann:pass@[::1]/":              {Addr: "[::1]:6379", Username: "ann", Password: "pass"},
		"rediss://ann:pass@example.com:6380/1": {Addr: "example.com:6380", Username: "ann", Password: "pass", DB: 1},
	} {
		got, err := Redis{URL: raw}.connection()
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		opt, _ := got.(asynq.RedisClientOpt)
		if secure := strings.HasPrefix(raw, "rediss"); (opt.TLSConfig != nil) != secure || secure && opt.TLSConfig.ServerName != "example.com" {
			t.Errorf("%s: got the TLS settings %+v", raw, opt.TLSConfig)
		}
		opt.TLSConfig = nil
		if opt != want {
			t.Errorf("%s: got %+v, want %+v", raw, opt, want)
		}
	}
}

func TestConnection_bad(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"", "localhost:6379", "unix:///secret", "redis://", "redis://:secret%zz@localhost", "redis://:secret x@localhost",
		"redis://:secret@localhost/x", "redis://:1/secret@localhost", "redis://:secret@localhost?db=1",
	} {
		_, err := Redis{URL: raw}.connection()
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: got %v, want invalid", raw, err)
			continue
		}
		if cause := errors.Unwrap(err); cause != nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the message tells the password: %v", raw, err)
		}
	}
}
