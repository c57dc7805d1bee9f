// Package kvtest lends tests a Redis database of their own.
package kvtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// databases is how many a Redis has by default. The first holds the leases.
const databases = 16

// leaseTime is how long a test that was killed blocks its database.
const leaseTime = 5 * time.Minute

// URL returns the URL of an empty Redis database that no other test uses, and
// waits for one while all are taken. Published messages are not kept apart: Redis
// has one space of channels. Without TS_TEST_REDIS_URL the test is skipped, in CI
// it fails.
func URL(t testing.TB) string {
	t.Helper()
	base := env("TS_TEST_REDIS_URL")
	switch {
	case base != "":
	case env("CI") == "true":
		t.Fatal("TS_TEST_REDIS_URL is not set: `make test` starts a Redis and sets it")
	default:
		t.Skip("needs a Redis: set TS_TEST_REDIS_URL, or run `make test`")
	}
	leases := Connect(t, base)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		for n := 1; n < databases; n++ {
			if lease(t, leases, n) {
				return empty(t, base, n)
			}
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("no Redis database became free")
		}
	}
}

func lease(t testing.TB, leases *redis.Client, n int) bool {
	t.Helper()
	key := fmt.Sprint("ts:test:database:", n)
	ok, err := leases.SetNX(t.Context(), key, t.Name(), leaseTime).Result()
	if err != nil {
		t.Fatal(err)
	}
	if ok {
		t.Cleanup(func() {
			if err := leases.Del(context.WithoutCancel(t.Context()), key).Err(); err != nil {
				t.Error(err)
			}
		})
	}
	return ok
}

func empty(t testing.TB, base string, n int) string {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = fmt.Sprint("/", n)
	if err := Connect(t, u.String()).FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	return u.String()
}

// Connect returns a client that is closed when the test ends.
func Connect(t testing.TB, url string) *redis.Client {
	t.Helper()
	o, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	c := redis.NewClient(o)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// User returns url with another user, made for this test, who may do everything
// but whom only this name and password let in.
func User(t testing.TB, base string) string {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	name, password := "test-"+rand.Text(), rand.Text()
	c := Connect(t, base)
	if err := c.ACLSetUser(t.Context(), name, "on", ">"+password, "~*", "&*", "+@all").Err(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.ACLDelUser(context.WithoutCancel(t.Context()), name).Err(); err != nil {
			t.Error(err)
		}
	})
	u.User = url.UserPassword(name, password)
	return u.String()
}

func env(name string) string {
	return os.Getenv(name) //nolint:forbidigo // tests learn from their environment where the servers are
}
