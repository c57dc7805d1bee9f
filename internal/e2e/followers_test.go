//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// crowd are many who follow transcriptions at one api.
type crowd struct {
	b      *testing.B
	s      *stack
	owner  string
	token  string
	conns  []net.Conn
	listen sync.WaitGroup

	mu    sync.Mutex
	heard map[string][]time.Time // by the progress that was told
}

// BenchmarkFollowers measures an api that many follow transcriptions at: its memory, how
// long it takes until all of those who follow one are told of a change, and what it does
// while nothing happens. `make followers` runs it.
//
// FOLLOWERS says how many. Client and server share the machine.
func BenchmarkFollowers(b *testing.B) {
	n, err := strconv.Atoi(os.Getenv("FOLLOWERS"))
	if err != nil {
		b.Fatalf("FOLLOWERS must be a number: %v", err)
	}
	for name, perTranscription := range map[string]int{"of one": n, "of as many": 1} {
		b.Run(name, func(b *testing.B) {
			c := newCrowd(b)
			ids := c.transcriptions(n / perTranscription)
			before := c.memory()
			for i := range n {
				c.join(ids[i/perTranscription])
			}
			c.await("0.001", n)
			with := c.memory()
			b.ReportMetric(before, "MiB-before")
			b.ReportMetric(with, "MiB-with")
			b.ReportMetric((with-before)*1024/float64(n), "KiB/follower")
			if perTranscription > 1 {
				c.rounds(ids[0], n)
			}
			b.ReportMetric(100*c.load(time.Minute), "%CPU-idle")
			b.ReportMetric(c.memory(), "MiB-after")
			b.ReportMetric(0, "ns/op") // there is no operation
		})
	}
}

// newCrowd starts an api for itself.
func newCrowd(b *testing.B) *crowd {
	s, err := open(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	c := &crowd{b: b, s: s, heard: map[string][]time.Time{}}
	b.Cleanup(func() {
		for _, conn := range c.conns {
			_ = conn.Close()
		}
		c.listen.Wait()
		if err := s.close(); err != nil {
			b.Error(err)
		}
	})
	if _, err := s.worker.stop(grace); err != nil {
		b.Fatal(err)
	}
	c.signIn()
	return c
}

// signIn makes an account.
func (c *crowd) signIn() {
	c.b.Helper()
	body := fmt.Sprintf(`{"email":"crowd@example.com","password":%q}`, secret)
	res, err := http.Post(c.s.url+root+"/auth/register", "application/json", strings.NewReader(body))
	if err != nil {
		c.b.Fatal(err)
	}
	var grant struct {
		Data struct{ UserID, Token string }
	}
	if err := errors.Join(json.NewDecoder(res.Body).Decode(&grant), res.Body.Close()); err != nil {
		c.b.Fatal(err)
	}
	c.owner, c.token = grant.Data.UserID, grant.Data.Token
}

// transcriptions makes up that many, all of them being prepared, by nobody.
func (c *crowd) transcriptions(n int) (ids []string) {
	c.b.Helper()
	_, err := c.s.db.ExecContext(c.b.Context(), `
		WITH f AS (INSERT INTO files (id, owner_id, name, content_type, size, sha256, key)
			SELECT gen_random_uuid(), $1::uuid, 'talk.mp3', 'audio/mpeg', 1, repeat('ab', 32), 'k' || i FROM generate_series(1, $2::int) AS i RETURNING id, owner_id),
		t AS (INSERT INTO transcriptions (id, owner_id, file_id, status, duration_samples, progress)
			SELECT gen_random_uuid(), owner_id, id, 'preparing', 16000 * 600, 0.001 FROM f RETURNING id)
		INSERT INTO events (transcription_id, run, type, actor) SELECT id, 1, type, 'worker' FROM t, unnest(ARRAY['created', 'preparing']) AS type`, c.owner, n)
	if err != nil {
		c.b.Fatal(err)
	}
	var all string
	err = c.s.db.QueryRowContext(c.b.Context(), "SELECT string_agg(id::text, ' ') FROM transcriptions WHERE owner_id = $1", c.owner).Scan(&all)
	if err != nil {
		c.b.Fatal(err)
	}
	return strings.Fields(all)
}

// join has one more follow a transcription. It writes down when what was told arrives.
func (c *crowd) join(id string) {
	c.b.Helper()
	u, err := url.Parse(c.s.url)
	if err != nil {
		c.b.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		c.b.Fatal(err)
	}
	c.conns = append(c.conns, conn)
	if _, err := fmt.Fprintf(conn, "GET %s/transcriptions/%s/events HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", root, id, u.Host, c.token); err != nil {
		c.b.Fatal(err)
	}
	c.listen.Go(func() {
		for lines := bufio.NewReaderSize(conn, 512); ; {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			if _, progress, ok := strings.Cut(line, `{"run":1,"progress":`); ok {
				progress, _, _ = strings.Cut(progress, ",")
				c.mu.Lock()
				c.heard[progress] = append(c.heard[progress], time.Now())
				c.mu.Unlock()
			}
		}
	})
}

// await waits until n were told of that progress, and returns when each was.
func (c *crowd) await(progress string, n int) []time.Time {
	c.b.Helper()
	var told []time.Time
	err := poll(c.b.Context(), time.Millisecond, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		told = c.heard[progress]
		return len(told) >= n
	})
	if err != nil {
		c.b.Fatalf("%d of %d were told of %s", len(told), n, progress)
	}
	return told
}

// rounds changes a transcription as a worker does, and measures how long it takes until
// each is told.
func (c *crowd) rounds(id string, n int) {
	c.b.Helper()
	var took []time.Duration
	for i := range 20 {
		progress := fmt.Sprintf("0.%03d", 100+i)
		began := time.Now()
		_, err := c.s.db.ExecContext(c.b.Context(), "UPDATE transcriptions SET progress = $2::float8, updated_at = clock_timestamp() WHERE id = $1", id, progress)
		if err != nil {
			c.b.Fatal(err)
		}
		if err := c.s.redis.Publish(c.b.Context(), "ts:changed", id).Err(); err != nil {
			c.b.Fatal(err)
		}
		for _, at := range c.await(progress, n) {
			took = append(took, at.Sub(began))
		}
	}
	slices.Sort(took)
	for name, q := range map[string]float64{"ms-p50": 0.5, "ms-p95": 0.95, "ms-max": 1} {
		at := took[min(int(q*float64(len(took))), len(took)-1)]
		c.b.ReportMetric(float64(at.Microseconds())/1000, name)
	}
}

// memory returns how much the api has, in MiB.
func (c *crowd) memory() float64 {
	c.b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.s.api.cmd.Process.Pid))
	if err != nil {
		c.b.Fatal(err)
	}
	for line := range strings.SplitSeq(string(status), "\n") {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmRSS:" {
			kib, err := strconv.Atoi(fields[1])
			if err != nil {
				c.b.Fatal(err)
			}
			return float64(kib) / 1024
		}
	}
	c.b.Fatal("no VmRSS")
	return 0
}

// load returns which part of a processor the api has used in so much time.
func (c *crowd) load(during time.Duration) float64 {
	c.b.Helper()
	before := c.used()
	time.Sleep(during)
	return float64(c.used()-before) / 100 / during.Seconds()
}

// used returns the ticks, of which Linux has a hundred a second, that the api has used.
func (c *crowd) used() (ticks int) {
	c.b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.s.api.cmd.Process.Pid))
	if err != nil {
		c.b.Fatal(err)
	}
	_, stat, _ = bytes.Cut(stat, []byte(") "))
	fields := strings.Fields(string(stat))
	for _, field := range fields[11:13] { // utime and stime
		n, err := strconv.Atoi(field)
		if err != nil {
			c.b.Fatal(err)
		}
		ticks += n
	}
	return ticks
}
