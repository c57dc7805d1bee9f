//go:build e2e && chaos

package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hibiken/asynq"
)

// harm is one of the things that happen to an installation.
type harm struct {
	name string
	do   func(ctx context.Context, f *fleet) error // returns when it is over

	// Within is how soon after that all steps that were in the queue or in work go on;
	// 0: it is measured and not bounded. GoesOn is the condition on such a step, by
	// default that it is in work or over.
	within time.Duration
	goesOn string
}

// drill is how long what lasts lasts.
type drill struct {
	outage time.Duration // of a server
	frozen time.Duration // of a worker

	handBack time.Duration // within which a worker that is told to stop gives its work back, if it has the machine for itself
}

// Conditions on a step that had the generation $5 and the state $6.
const (
	inWork       = "state IN ('done', 'failed', 'canceled') OR state = 'running' AND (gen > $5 OR $6 = 'dispatched')"
	redispatched = "gen > $5 OR state <> 'dispatched' OR $6 = 'running'"
)

// harms are all of them.
var harms = []harm{
	{name: "kill -9 of a worker", do: killAny("worker-cpu"), within: 45 * time.Second},
	{name: "kill -9 of the api", do: killAny("api"), within: 45 * time.Second},
	{name: "kill -9 of a scheduler", do: killAny("scheduler"), within: 45 * time.Second},
	{name: "kill -9 of an engine", do: killAnyEngine, within: 45 * time.Second},
	{name: "SIGTERM to a worker", do: terminate},
	{name: "a worker freezes and thaws", do: freeze},
	{name: "FLUSHALL", do: flush, within: 5 * time.Second, goesOn: redispatched},
	{name: "leases and tasks deleted in Redis", do: forget},
	{name: "every task delivered ten times", do: multiply},
	{name: "Redis killed, started again", do: restart("redis")},
	{name: "PostgreSQL killed, started again", do: restart("postgres")},
	{name: "S3 fails", do: sabotaged(failing)},
	{name: "S3 hangs", do: sabotaged(hanging)},
	{name: "S3 cuts answers off", do: sabotaged(cutting)},
}

func (f *fleet) any(binary string) *process {
	programs := f.each(binary)
	return programs[mathrand.IntN(len(programs))].current()
}

func killAny(binary string) func(context.Context, *fleet) error {
	return func(_ context.Context, f *fleet) error { return f.any(binary).kill() }
}

// killAnyEngine kills the engine process of one worker, of those that have one.
func killAnyEngine(_ context.Context, f *fleet) error {
	for _, i := range mathrand.Perm(len(f.each("worker-cpu"))) {
		for _, pid := range f.each("worker-cpu")[i].current().engines(f.t) {
			err := syscall.Kill(pid, syscall.SIGKILL)
			if errors.Is(err, syscall.ESRCH) {
				continue // it has just ended; another will do
			}
			return err
		}
	}
	return nil
}

// busyness is how many times as long as on a machine of their own programs may take: as
// many as there are others waiting for each core, and once more for bad luck.
func busyness(t *testing.T) float64 {
	t.Helper()
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		t.Fatal(err)
	}
	var load float64
	if _, err := fmt.Sscan(string(b), &load); err != nil {
		t.Fatal(err)
	}
	return 1 + max(1, load/float64(runtime.NumCPU()))
}

// terminate stops a worker in order: its steps are nobody's before it is gone.
func terminate(ctx context.Context, f *fleet) error {
	p := f.any("worker-cpu")
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(float64(f.drill.handBack)*busyness(f.t)))
	defer cancel()
	err := poll(ctx, 10*time.Millisecond, func() bool {
		return f.count(ctx, "SELECT count(*) FROM steps WHERE state = 'running' AND worker = $1", p.name) == 0
	})
	if err != nil {
		return fmt.Errorf("%s has not given its work back within %v", p.name, f.drill.handBack)
	}
	return nil
}

// freeze stops a worker for longer than its leases last, and lets it go on as if nothing
// had happened.
func freeze(ctx context.Context, f *fleet) error {
	p := f.any("worker-cpu")
	if err := p.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	last(ctx, f.drill.frozen)
	return p.signal(syscall.SIGCONT)
}

// last waits.
func last(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func flush(ctx context.Context, f *fleet) error { return f.redis.FlushAll(ctx).Err() }

// forget deletes what asynq knows of tasks in work, and every other task.
func forget(ctx context.Context, f *fleet) error {
	leases, err := f.redis.Keys(ctx, "asynq:*:lease").Result()
	if err != nil {
		return err
	}
	tasks, err := f.redis.Keys(ctx, "asynq:*:t:*").Result()
	if err != nil {
		return err
	}
	doomed := leases
	for i, key := range tasks {
		if i%2 == 0 {
			doomed = append(doomed, key)
		}
	}
	if len(doomed) == 0 {
		return nil
	}
	return f.redis.Del(ctx, doomed...).Err()
}

// multiply delivers every task that waits or is in work ten times more.
func multiply(ctx context.Context, f *fleet) (err error) {
	opt, err := asynq.ParseRedisURI(f.env["TS_REDIS_URL"])
	if err != nil {
		return err
	}
	inspector, client := asynq.NewInspector(opt), asynq.NewClient(opt)
	defer func() { err = errors.Join(err, inspector.Close(), client.Close()) }()
	queues, err := inspector.Queues()
	if err != nil {
		return err
	}
	for _, queue := range queues {
		pending, err := inspector.ListPendingTasks(queue)
		if err != nil {
			return err
		}
		active, err := inspector.ListActiveTasks(queue)
		if err != nil {
			return err
		}
		for _, found := range append(pending, active...) {
			if found.Type == "" {
				continue // its hash was deleted
			}
			for range 10 {
				copied := asynq.NewTask(found.Type, found.Payload)
				if _, err := client.EnqueueContext(ctx, copied, asynq.Queue(queue), asynq.TaskID(rand.Text())); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// restart kills a server, and starts it again after a while.
func restart(server string) func(context.Context, *fleet) error {
	return func(ctx context.Context, f *fleet) error {
		if err := f.killServer(server); err != nil {
			return err
		}
		last(ctx, f.drill.outage)
		return f.servers(ctx, "up", server)
	}
}

func sabotaged(mood sabotage) func(context.Context, *fleet) error {
	return func(ctx context.Context, f *fleet) error {
		f.storage.be(mood)
		defer f.storage.be(nil)
		last(ctx, f.drill.outage)
		return nil
	}
}

// held is a step that was dispatched or in work at some moment.
type held struct {
	transcription, kind, state string
	run, index, gen            int
}

func (f *fleet) held(ctx context.Context) (all []held, err error) {
	rows, err := f.db.QueryContext(ctx, "SELECT transcription_id, kind, state, run, index, gen FROM steps WHERE state IN ('dispatched', 'running')")
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // read to its end
	for rows.Next() {
		var h held
		if err := rows.Scan(&h.transcription, &h.kind, &h.state, &h.run, &h.index, &h.gen); err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	return all, rows.Err()
}

// goOn reports whether the condition holds for all those steps.
func (f *fleet) goOn(ctx context.Context, all []held, condition string) bool {
	for _, h := range all {
		const step = "SELECT count(*) FROM steps WHERE transcription_id = $1 AND run = $2 AND kind = $3 AND index = $4 AND NOT (%s)"
		if f.count(ctx, fmt.Sprintf(step, condition), h.transcription, h.run, h.kind, h.index, h.gen, h.state) != 0 {
			return false
		}
	}
	return true
}

// outcome is what a kind of harm has done.
type outcome struct {
	times, steps int           // how often, and how many steps were in the queue or in work then
	longest      time.Duration // until all of them went on, from when it was over
}

// table shows outcomes, in the order of harms.
func table(of map[string]*outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-36s %6s %10s %14s\n", "fault", "times", "steps hit", "recovery, max")
	for _, h := range harms {
		if o := of[h.name]; o != nil {
			fmt.Fprintf(&b, "%-36s %6d %10d %14s\n", h.name, o.times, o.steps, o.longest.Round(10*time.Millisecond))
		}
	}
	return b.String()
}
