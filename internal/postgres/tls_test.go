package postgres_test

import (
	"errors"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/daemon/daemontest"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/postgres"
)

// TestOpen_tls: with verify-full and an authority of one's own, which the URL names, the
// server has to prove who it is.
func TestOpen_tls(t *testing.T) {
	t.Parallel()
	cert := daemontest.Certify(t)
	addr := startTLS(t, cert)
	open := func(host, ca string) error {
		_, port, _ := net.SplitHostPort(addr)
		u := url.URL{Scheme: "postgres", User: url.User("postgres"), Host: net.JoinHostPort(host, port), Path: "/postgres"}
		u.RawQuery = url.Values{"sslmode": {"verify-full"}, "sslrootcert": {ca}}.Encode()
		db, err := postgres.Open(postgres.Options{URL: u.String()})
		if err != nil {
			return err
		}
		return errors.Join(db.Check(t.Context()), db.Close())
	}
	end := time.Now().Add(5 * time.Minute)
	err := open("127.0.0.1", cert.CAFile)
	for err != nil && time.Now().Before(end) { // until it listens
		err = open("127.0.0.1", cert.CAFile)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := open("127.0.0.1", daemontest.Certify(t).CAFile); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("got %v from a server nobody vouches for", err)
	}
	if err := open("127.0.0.2", cert.CAFile); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "127.0.0.2") {
		t.Errorf("got %v from a server of another name", err)
	}
	db, err := postgres.Open(postgres.Options{URL: "postgres://postgres@" + addr + "/postgres?sslmode=disable"})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Check(t.Context()), db.Close()); err == nil || !strings.Contains(err.Error(), "no encryption") {
		t.Errorf("got %v, want the server to refuse who comes without TLS", err)
	}
}

// startTLS starts a PostgreSQL of the test's own that speaks nothing but TLS.
func startTLS(t *testing.T, cert daemontest.Certificate) (addr string) {
	t.Helper()
	home, run := newHome(t)
	addr = daemontest.Address(t)
	_, port, _ := net.SplitHostPort(addr)
	data := filepath.Join(home, "data")
	if out, err := run("initdb", "--pgdata", data, "--username", "postgres", "--auth", "trust", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	lend(t, cert.CertFile, filepath.Join(data, "server.crt"), data)
	lend(t, cert.KeyFile, filepath.Join(data, "server.key"), data)
	rules := "hostssl all all all trust\n"
	if err := os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	server := run("postgres", "-D", data, "-c", "listen_addresses=127.0.0.1,127.0.0.2", "-c", "port="+port,
		"-c", "unix_socket_directories=", "-c", "ssl=on", "-c", "fsync=off", "-c", "logging_collector=off")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Process.Signal(syscall.SIGINT); err != nil {
			t.Error(err)
		}
		if err := server.Wait(); err != nil {
			t.Error(err)
		}
	})
	return addr
}

// newHome returns a directory for PostgreSQL and what makes commands of its programs. It
// refuses to run as root, so root has somebody else run it.
func newHome(t *testing.T) (home string, run func(program string, args ...string) *exec.Cmd) {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	bin := ""
	if path, lookErr := exec.LookPath("initdb"); lookErr == nil {
		found = append(found, path)
	}
	if len(found) > 0 {
		bin = filepath.Dir(found[len(found)-1])
	}
	switch {
	case bin != "" && err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal("there is no initdb")
	default:
		t.Skip("needs the programs of a PostgreSQL server")
	}
	if home, err = os.MkdirTemp("", "turboscribe-tls-"); err != nil { // not below TempDir, where nobody else could go
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	attr := new(syscall.SysProcAttr)
	if os.Geteuid() == 0 {
		attr.Credential = somebody(t)
		if err := os.Chown(home, int(attr.Credential.Uid), int(attr.Credential.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	return home, func(program string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, program), args...)
		cmd.Dir, cmd.Env, cmd.SysProcAttr = home, []string{"LC_ALL=C", "PATH=/usr/bin:/bin"}, attr
		return cmd
	}
}

// somebody returns a user who is not root.
func somebody(t *testing.T) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err, gidErr); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// lend copies a file to a path, for whoever owns the directory.
func lend(t *testing.T, from, to, dir string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		t.Fatal("the owner is not known")
	}
	if err := errors.Join(os.WriteFile(to, b, 0o600), os.Chown(to, int(owner.Uid), int(owner.Gid))); err != nil {
		t.Fatal(err)
	}
}
