package daemon

import (
	"runtime/debug"
	"testing"
)

func TestHeadroom(t *testing.T) { // not parallel: it is the process's
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	Headroom(func(name string) (string, bool) { return "100", name == "GOGC" }, 60)
	if got := debug.SetGCPercent(100); got != 100 {
		t.Errorf("against the environment it is %d", got)
	}
	Headroom(func(string) (string, bool) { return "", false }, 60)
	if got := debug.SetGCPercent(100); got != 60 {
		t.Errorf("it is %d, want 60", got)
	}
}
