package kv

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// Report is what Check found out about the server.
type Report struct {
	Version    string
	Policy     string   // maxmemory-policy
	AppendOnly bool     // whether data survives a restart
	Warnings   []string // each a sentence: it works, yet something is better changed
}

// Check finds out whether the server can carry a queue: it answers, is at least
// version 6.2, is a master on its own (no cluster) and drops nothing when it is
// full. Whatever is not so is fault.Unavailable, in one line that says what to
// change. It needs no command that hosted servers forbid.
func (k *KV) Check(ctx context.Context) (Report, error) {
	text, err := k.client.Info(ctx).Result()
	if ctx.Err() != nil {
		return Report{}, k.fail(ctx, ctx.Err(), "check")
	}
	if err != nil {
		return Report{}, k.unfit("does not answer: %s", strings.Join(strings.Fields(err.Error()), " "))
	}
	info := parseInfo(text)
	r := Report{Version: info["redis_version"], Policy: info["maxmemory_policy"], AppendOnly: info["aof_enabled"] == "1"}
	switch {
	case !atLeast(r.Version, 6, 2):
		return r, k.unfit("has version %s; 6.2 or later is needed", r.Version)
	case info["redis_mode"] == "cluster":
		return r, k.unfit("is a cluster; the queue needs a single server, or a master with replicas")
	case info["role"] == "slave":
		return r, k.unfit("is a replica and takes no writes; use the address of its master, %s:%s", info["master_host"], info["master_port"])
	case r.Policy != "noeviction":
		return r, k.unfit("would drop queued work when it is full, because its maxmemory-policy is %s; "+
			`run "redis-cli CONFIG SET maxmemory-policy noeviction" and set the same in redis.conf`, r.Policy)
	}
	if !r.AppendOnly {
		r.Warnings = append(r.Warnings, `Redis keeps no append-only file: after a restart all queued work is dispatched anew. Set "appendonly yes" in redis.conf.`)
	}
	return r, nil
}

func (k *KV) unfit(format string, args ...any) error {
	return fault.New(fault.Unavailable, "Redis at %s %s.", k.addr, fmt.Sprintf(format, args...)).WithCode("queue_unavailable")
}

// parseInfo reads the lines "name:value" of the INFO command.
func parseInfo(text string) map[string]string {
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	return info
}

// atLeast compares the first two numbers of a version; what is no version is
// less than any.
func atLeast(version string, major, minor int) bool {
	first, rest, _ := strings.Cut(version, ".")
	second, _, _ := strings.Cut(rest, ".")
	a, errA := strconv.Atoi(first)
	b, errB := strconv.Atoi(second)
	return errA == nil && errB == nil && (a > major || a == major && b >= minor)
}
