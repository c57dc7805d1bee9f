package main

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	stat := []byte("42 (a) name) S 7 42 42 0 -1 4194560 1 2 3 4 150 50 25 75 20 0 1 0 100 1000 10")
	got, err := parseStat(stat)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(process{parent: 7, cpu: 3}, got, cmp.AllowUnexported(process{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, err := parseStat([]byte("42 (name) S 7")); err == nil {
		t.Error("a short line was read")
	}
}

func TestParseMachine(t *testing.T) {
	t.Parallel()
	got, err := parseMachine([]byte("cpu  100 20 30 5000 600 7 8 35 0 0\ncpu0 1 1 1\n"))
	if err != nil || got != 2 {
		t.Errorf("%v seconds, %v; want 2", got, err)
	}
	if _, err := parseMachine([]byte("intr 1 2 3\n")); err == nil {
		t.Error("another file was read")
	}
}

func TestFamily(t *testing.T) {
	t.Parallel()
	all := map[int]process{1: {}, 10: {parent: 1}, 11: {parent: 10}, 12: {parent: 11}, 20: {parent: 1}}
	got := family(all, []int{10, 99})
	slices.Sort(got)
	if diff := cmp.Diff([]int{10, 11, 12}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// The stopwatch must see this process work.
func TestStopwatch(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("benchmarks need /proc")
	}
	watch, err := startWatch(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	// The kernel counts in ticks of 10 ms, and may give us none for a while.
	for own := watch.own; time.Since(watch.begun) < 200*time.Millisecond || own == watch.own; {
		if own, err = familyCPU(watch.roots); err != nil {
			t.Fatal(err)
		}
	}
	u, err := watch.stop()
	if err != nil {
		t.Fatal(err)
	}
	if u.Wall < 0.2 || u.CPU <= 0 || u.Others < 0 || u.Others > 1.5 {
		t.Errorf("%+v", u)
	}
	peak, err := peakMemory(t.Context(), []int{os.Getpid()}, func() error { return nil })
	if err != nil || peak < 1<<20 {
		t.Errorf("%d bytes, %v", peak, err)
	}
}
