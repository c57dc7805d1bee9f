package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/turboscribe/turboscribe/internal/daemon/daemontest"
)

func TestLoad_tls(t *testing.T) {
	t.Parallel()
	cert := daemontest.Certify(t)
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const secureRedis, secureS3 = "rediss://localhost", "https://s3.example.com"
	for _, tt := range []struct {
		env  map[string]string
		want string // in the error; none when empty
	}{
		{map[string]string{"TS_REDIS_CA_FILE": cert.CAFile, "TS_REDIS_URL": secureRedis, "TS_S3_CA_FILE": cert.CAFile, "TS_S3_ENDPOINT": secureS3}, ""},
		{map[string]string{"TS_REDIS_CA_FILE": cert.CAFile}, "TS_REDIS_URL says to do without TLS"},
		{map[string]string{"TS_REDIS_CA_FILE": "none.pem", "TS_REDIS_URL": secureRedis}, "TS_REDIS_CA_FILE: open none.pem"},
		{map[string]string{"TS_REDIS_CA_FILE": empty, "TS_REDIS_URL": secureRedis}, "holds no certificate"},
		{map[string]string{"TS_REDIS_CA_FILE": cert.KeyFile, "TS_REDIS_URL": secureRedis}, "holds no certificate"},
		{map[string]string{"TS_S3_CA_FILE": cert.CAFile}, "TS_S3_ENDPOINT says to do without TLS"},
		{map[string]string{"TS_S3_CA_FILE": empty, "TS_S3_ENDPOINT": secureS3}, "TS_S3_CA_FILE: "},
		{map[string]string{"TS_TLS_CERT_FILE": cert.CertFile, "TS_TLS_KEY_FILE": cert.KeyFile, "TS_PUBLIC_URL": "https://scribe.example.com"}, ""},
		{map[string]string{"TS_TLS_CERT_FILE": cert.CertFile, "TS_PUBLIC_URL": "https://scribe.example.com"}, "belong together"},
		{map[string]string{"TS_TLS_CERT_FILE": cert.CertFile, "TS_TLS_KEY_FILE": cert.KeyFile}, "TS_PUBLIC_URL must begin with https://"},
	} {
		env := complete()
		for name, value := range tt.env {
			env[name] = value
		}
		_, err := LoadAPI(t.Context(), from(env))
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: got %v, want %q", tt.env, err, tt.want)
		}
	}
}
