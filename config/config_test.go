package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func from(env map[string]string) Lookup {
	return func(key string) (string, bool) {
		v, ok := env[key]
		return v, ok
	}
}

func complete() map[string]string {
	return map[string]string{
		"TS_DATABASE_URL": "postgres://localhost/ts", "TS_REDIS_URL": "redis://localhost", "TS_S3_BUCKET": "b",
		"TS_S3_ACCESS_KEY": "a", "TS_S3_SECRET_KEY": "s", "TS_JWT_SECRET": strings.Repeat("x", 32), "TS_ENCRYPTION_KEY": strings.Repeat("y", 32),
	}
}

func TestLoadAPI_defaults(t *testing.T) {
	t.Parallel()
	c, err := LoadAPI(t.Context(), from(complete()))
	if err != nil {
		t.Fatal(err)
	}
	if c.Limits.MaxUploadBytes != 10<<30 || c.Limits.MaxDuration != 12*time.Hour || !c.S3.PathStyle || c.Addr != "127.0.0.1:8080" {
		t.Errorf("got %+v", c)
	}
}

func TestLoad_reportsEverythingAtOnce(t *testing.T) {
	t.Parallel()
	_, err := LoadAPI(t.Context(), from(map[string]string{
		"TS_MAX_DURATION": "long", "TS_JWT_SECRET": "short", "TS_PUBLIC_URL": "scribe", "TS_ADMIN_EMAIL": "a@example.com",
		"TS_DATABASE_MAX_CONNS": "many", "TS_S3_SECRET_KEY_FILE": "no/such/file",
		"TS_ENCRYPT_AT_REST": "everything", "TS_ENCRYPTION_KEY": "tiny", "TS_WEBHOOK_NETWORKS": "10.0.0.0/8,lan",
	}))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"TS_DATABASE_URL is not set", "TS_REDIS_URL is not set", "TS_S3_BUCKET is not set", "TS_S3_ACCESS_KEY is not set",
		"TS_MAX_DURATION cannot be read", "TS_JWT_SECRET has 5 bytes", "TS_PUBLIC_URL is \"scribe\"", "TS_ADMIN_EMAIL and TS_ADMIN_PASSWORD",
		"TS_DATABASE_MAX_CONNS cannot be read", "TS_S3_SECRET_KEY_FILE",
		"TS_ENCRYPT_AT_REST is \"everything\"", "TS_ENCRYPTION_KEY has 4 bytes", "TS_WEBHOOK_NETWORKS has \"lan\"",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "short") || strings.Contains(err.Error(), "tiny") {
		t.Error("a secret is shown")
	}
}

func TestLoad_secretFromFile(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := complete()
	env["TS_S3_SECRET_KEY"] = ""
	env["TS_S3_SECRET_KEY_FILE"] = name
	c, err := LoadScheduler(t.Context(), from(env))
	if err != nil {
		t.Fatal(err)
	}
	if c.S3.SecretKey != "from a file" {
		t.Errorf("got %q", c.S3.SecretKey)
	}
}

func TestLoadWorker_bounds(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"TS_WORKER_SLOTS": "-1", "TS_WORKER_PREPARES": "0", "TS_WORKER_DELIVERIES": "-1", "TS_WORKER_BACKLOG_BYTES": "-1", "TS_LEASE": "1s", "TS_MAX_UPLOAD_BYTES": "0", "TS_MAX_DURATION": "0s",
		"TS_QUEUE_WINDOW": "-1", "TS_DATABASE_MAX_CONNS": "2", "TS_WORKER_DEVICE": "-2", "TS_MODEL_IDLE_UNLOAD": "-1s", "TS_MODEL_MEMORY": "-2",
		"TS_WORKER_WEIGHTS": "q4_0",
	} {
		env := complete()
		env[name] = value
		if _, err := LoadWorker(t.Context(), from(env)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%s: got %v", name, value, err)
		}
	}
}

// The garbage collector comes a second time when no lease can be held any more, and a
// grace of nothing would kill what a stopped worker could hand back.
func TestLoad_leaseAndGrace(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, value string
		good        bool
	}{
		{"TS_LEASE", "5m", true},
		{"TS_LEASE", "5m1s", false},
		{"TS_SHUTDOWN_GRACE", "1s", true},
		{"TS_SHUTDOWN_GRACE", "999ms", false},
		{"TS_SHUTDOWN_GRACE", "0s", false},
	} {
		env := complete()
		env[tt.name] = tt.value
		_, worker := LoadWorker(t.Context(), from(env))
		_, api := LoadAPI(t.Context(), from(env))
		_, scheduler := LoadScheduler(t.Context(), from(env))
		everybody := tt.name == "TS_SHUTDOWN_GRACE"
		if (worker == nil) != tt.good || (api == nil) != (tt.good || !everybody) || (scheduler == nil) != (tt.good || !everybody) {
			t.Errorf("%s=%s: got %v, %v, %v", tt.name, tt.value, worker, api, scheduler)
		}
	}
}

// The two libraries that speak to Redis read one URL differently: asynq heeds no
// query, and knows Unix sockets by another name.
func TestLoad_redisURL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ url, want string }{
		{"redis://localhost", ""},
		{"redis://ann:s3cret@[::1]:6379/15", ""},
		{"rediss://:s3cret@example.com/", ""},
		{"unix:///run/redis.sock", "must begin with redis://"},
		{"redis-sentinel://localhost/0", "must begin with redis://"},
		{"localhost:6379", "must begin with redis://"},
		{"redis://:s3cret@localhost/0?db=3", "goes on behind a ?"},
		{"redis://:s3cret%zz@localhost/0", "cannot be read"},
		{"redis://:s3cret x@localhost/0", "cannot be read"},
		{"redis://:12/s3cret@localhost/0", "must have a host and end in"},
		{"redis://:s3cret@/0", "must have a host and end in"},
		{"redis://:s3cret@localhost/0/1", "must have a host and end in"},
	} {
		env := complete()
		env["TS_REDIS_URL"] = tt.url
		_, err := LoadScheduler(t.Context(), from(env))
		if tt.want == "" && err == nil {
			continue
		}
		if err == nil || tt.want == "" || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.url, err, tt.want)
			continue
		}
		if strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "zz") {
			t.Errorf("%s: the message tells the password: %v", tt.url, err)
		}
	}
}

// example.env is the operators' reference: it has every variable with its true
// default, and no other.
func TestExample_isComplete(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("example.env")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]string{}
	for line := range strings.Lines(string(b)) {
		line, _, _ = strings.Cut(line, "#")
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			shown[name] = value
		}
	}
	read := map[string]string{}
	for _, c := range []any{API{}, Worker{}, Scheduler{}} {
		collect(reflect.TypeOf(c), read)
	}
	for name, value := range read {
		if got, ok := shown[name]; !ok || got != value {
			t.Errorf("%s: example.env says %q, the default is %q", name, got, value)
		}
	}
	for name := range shown {
		if _, ok := read[name]; !ok {
			t.Errorf("%s is in example.env but nothing reads it", name)
		}
	}
}

// The containers get every setting that is not theirs by nature. Compose files pass
// one on that is not set as an empty one.
func TestCompose_passesSettingsOn(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	read, empty := map[string]string{}, complete()
	for _, c := range []any{API{}, Worker{}, Scheduler{}} {
		collect(reflect.TypeOf(c), read)
	}
	fixed := []string{ // by the images, by what else is in compose.yaml, or different for each container
		"TS_API_ADDR", "TS_API_HEALTH_ADDR", "TS_WORKER_HEALTH_ADDR", "TS_SCHEDULER_HEALTH_ADDR", "TS_WORKER_NAME",
		"TS_FONT_DIR", "TS_MAIL_DIR", "TS_MODEL_DIR", "TS_WORK_DIR", "TS_GGML_BACKENDS", "TS_S3_REGION", "TS_S3_PATH_STYLE", "TS_SHUTDOWN_GRACE",
		"TS_REDIS_CA_FILE", "TS_S3_CA_FILE", "TS_TLS_CERT_FILE", "TS_TLS_KEY_FILE",
	}
	for name := range read {
		if !slices.Contains(fixed, name) && !strings.Contains(string(b), "\n  "+name+": ") && !strings.Contains(string(b), "\n      "+name+": ") {
			t.Errorf("compose.yaml does not pass %s on", name)
		}
		if _, needed := empty[name]; !needed {
			empty[name] = ""
		}
	}
	want, err := LoadWorker(t.Context(), from(complete()))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := LoadWorker(t.Context(), from(empty)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("with empty variables: got %+v, %v, want %+v", got, err, want)
	}
	if _, err := LoadAPI(t.Context(), from(empty)); err != nil {
		t.Error(err)
	}
}

func collect(typ reflect.Type, read map[string]string) {
	for i := range typ.NumField() {
		tag, ok := typ.Field(i).Tag.Lookup("env")
		if !ok && typ.Field(i).Type.Kind() != reflect.Struct {
			continue // it is read otherwise
		}
		if !ok {
			collect(typ.Field(i).Type, read)
			continue
		}
		name, rest, _ := strings.Cut(tag, ",")
		_, value, _ := strings.Cut(rest, "default=")
		read[name] = value
	}
}
