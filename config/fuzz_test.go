package config

import (
	"strings"
	"testing"
)

// FuzzLoad: an operator makes mistakes. All of them are told, and no secret with them.
func FuzzLoad(f *testing.F) {
	f.Add("redis://:hunter22@localhost/0", "10.0.0.0/8,fd00::/64", "https://scribe.example.com", "30s")
	f.Add("redis://:hunter22%zz@localhost/0", "10.0.0.0/33", "scribe", "0")
	f.Add("rediss://hunter22@[::1", ",,", "http://[", "1e3s")
	f.Add("hunter22", "", "://", "9999999h")
	f.Fuzz(func(t *testing.T, redis, networks, public, grace string) {
		env := complete()
		env["TS_REDIS_URL"], env["TS_WEBHOOK_NETWORKS"], env["TS_PUBLIC_URL"], env["TS_SHUTDOWN_GRACE"] = redis, networks, public, grace
		env["TS_ENCRYPTION_KEY"] = "swordfish," + strings.Repeat("y", 32)
		c, err := LoadAPI(t.Context(), from(env))
		if err == nil {
			t.Fatalf("a key of nine bytes passed: %q", c.Webhooks.EncryptionKey)
		}
		if strings.Contains(err.Error(), "swordfish") || strings.Contains(redis, "hunter22") && !strings.Contains(networks+public+grace, "hunter22") && strings.Contains(err.Error(), "hunter22") {
			t.Errorf("a secret is told: %v", err)
		}
	})
}
