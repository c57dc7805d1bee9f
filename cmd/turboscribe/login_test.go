package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLogin(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := newPerson(t, f)
	got := p.runWith(t.Context(), fakePassword+"\r\n", "login", "--email", fakeEmail, "--password-stdin")
	if got != (result{0, "", "Signed in at SERVER as " + fakeEmail + ".\n"}) {
		t.Errorf("result %+v", got)
	}
	path := p.env["TS_CREDENTIALS"]
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("credentials: %v, %v", info.Mode(), err)
	}
	b, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(b), fakePassword) || !strings.Contains(string(b), "refresh-1") {
		t.Errorf("credentials %s, %v", b, err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("%d files beside the credentials, %v", len(left)-1, err)
	}
}

func TestLogin_wrongPassword(t *testing.T) {
	t.Parallel()
	p := newPerson(t, newFake(t))
	got := p.runWith(t.Context(), "wrong\n", "login", "--email", fakeEmail, "--password-stdin")
	if got != (result{exitFailure, "", "Error: The email address or the password is wrong.\n"}) {
		t.Errorf("result %+v", got)
	}
	if _, err := os.Stat(p.env["TS_CREDENTIALS"]); !os.IsNotExist(err) {
		t.Errorf("credentials were written: %v", err)
	}
}

// TestLogin_secondFactor: the code comes from a flag where there is no terminal.
func TestLogin_secondFactor(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.code = "123456"
	p := newPerson(t, f)
	login := func(args ...string) result {
		return p.runWith(t.Context(), fakePassword+"\n", append([]string{"login", "--email", fakeEmail, "--password-stdin"}, args...)...)
	}
	if got := login(); got.code != exitUsage || !strings.Contains(got.stderr, "--code") {
		t.Errorf("without a code: %+v", got)
	}
	if got := login("--code", "000000"); got != (result{exitFailure, "", "Error: That code is wrong.\n"}) {
		t.Errorf("with a wrong one: %+v", got)
	}
	if got := login("--code", "123456"); got.code != 0 {
		t.Errorf("with the right one: %+v", got)
	}
	if got := p.run("list"); got.code != 0 {
		t.Errorf("signed in: %+v", got)
	}
}

// TestLogin_otherServer keeps the sign-ins of two servers apart.
func TestLogin_otherServer(t *testing.T) {
	t.Parallel()
	p := signedIn(t, newFake(t))
	other := newFake(t)
	if got := p.runWith(t.Context(), fakePassword, "login", "--server", other.URL+"/", "--email", fakeEmail, "--password-stdin"); got.code != 0 {
		t.Fatalf("login: %+v", got)
	}
	if got := p.run("logout", "--server", other.URL); got.code != 0 || other.token != "" {
		t.Errorf("logout: %+v, token %q", got, other.token)
	}
	if got := p.run("list"); got.code != 0 {
		t.Errorf("the first sign-in is gone: %+v", got)
	}
	if got := p.run("list", "--server", other.URL); got.code != exitFailure {
		t.Errorf("the second is still there: %+v", got)
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := newPerson(t, f)
	p.env["TS_TOKEN"], f.token = "from-ci", "from-ci"
	if got := p.run("delete", fakeID); got.code != 0 || got.stderr != "Deleted "+fakeID+"\n" {
		t.Errorf("result %+v", got)
	}
	p.env["TS_API_KEY"], f.token = "ts_key", "ts_key"
	if got := p.run("delete", fakeID); got.code != 0 {
		t.Errorf("with a key: result %+v", got)
	}
	f.token = "another"
	if got := p.run("list"); got.stderr != "Error: Sign in first.\n" || len(f.signIns) != 0 {
		t.Errorf("result %+v after %v", got, f.signIns)
	}
}

func TestClockSkew(t *testing.T) {
	t.Parallel()
	before := time.Date(2026, 3, 1, 12, 0, 0, 700e6, time.UTC)
	after := before.Add(time.Second)
	for _, tt := range []struct {
		server time.Time
		want   level
		detail string
	}{
		{before.Truncate(time.Second), good, "differs by 0s"}, // the Date header has no fractions
		{after.Add(time.Hour), warn, "differs by 1h0m0s"},
		{before.Add(-time.Hour), warn, "differs by 59m59s"},
		{time.Time{}, warn, "does not tell"},
	} {
		if got := clockSkew(tt.server, before, after); got.level != tt.want || !strings.Contains(got.detail, tt.detail) {
			t.Errorf("clockSkew(%v) = %+v, want %s %s", tt.server, got, tt.want, tt.detail)
		}
	}
}
