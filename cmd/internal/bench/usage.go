package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// usage is what a piece of work has taken.
type usage struct {
	Wall   float64 `json:"wallSeconds"`
	CPU    float64 `json:"cpuSeconds"`
	Others float64 `json:"othersShare"` // of all cores' time, taken by other processes or other machines of the host
}

// ticksPerSecond is the unit of CPU times in /proc, for all architectures.
const ticksPerSecond = 100

// process is one of this machine.
type process struct {
	parent int
	cpu    float64 // seconds, with those of its children that have ended
}

// processes reads those that run now.
func processes() (map[int]process, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil || len(dirs) == 0 {
		return nil, errors.Join(errors.New("there is no /proc: benchmarks need Linux"), err)
	}
	all := map[int]process{}
	for _, dir := range dirs {
		b, err := os.ReadFile(filepath.Join(dir, "stat"))
		if err != nil {
			continue // it has ended meanwhile
		}
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", dir, err)
		}
		if all[pid], err = parseStat(b); err != nil {
			return nil, fmt.Errorf("read %s/stat: %w", dir, err)
		}
	}
	return all, nil
}

// parseStat reads /proc/PID/stat, in which the name may hold anything.
func parseStat(b []byte) (p process, err error) {
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 15 {
		return p, fmt.Errorf("%d fields behind the name", len(fields))
	}
	p.parent, err = strconv.Atoi(fields[1])
	for _, f := range fields[11:15] { // utime, stime, cutime, cstime
		ticks, e := strconv.ParseFloat(f, 64)
		p.cpu += ticks / ticksPerSecond
		err = errors.Join(err, e)
	}
	return p, err
}

// family returns the roots that run and all their descendants.
func family(all map[int]process, roots []int) (pids []int) {
	within := map[int]bool{}
	for _, pid := range roots {
		within[pid] = true
	}
	var belongs func(pid, depth int) bool
	belongs = func(pid, depth int) bool {
		p, runs := all[pid]
		return runs && depth < 32 && (within[pid] || belongs(p.parent, depth+1))
	}
	for pid := range all {
		if belongs(pid, 0) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// familyCPU returns the seconds of CPU that the roots and their descendants have
// had so far.
func familyCPU(roots []int) (cpu float64, err error) {
	all, err := processes()
	for _, pid := range family(all, roots) {
		cpu += all[pid].cpu
	}
	return cpu, err
}

// familyMemory returns the bytes that they have in memory now. What processes
// share counts for each.
func familyMemory(roots []int) (bytes int64, err error) {
	all, err := processes()
	for _, pid := range family(all, roots) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if fields := strings.Fields(string(b)); len(fields) > 1 {
			pages, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				return 0, err
			}
			bytes += pages * int64(os.Getpagesize())
		}
	}
	return bytes, err
}

// machineCPU returns the seconds for which the cores of this machine were not
// idle, or were kept from it by the host.
func machineCPU() (float64, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	return parseMachine(b)
}

func parseMachine(b []byte) (busy float64, err error) {
	line, _, _ := strings.Cut(string(b), "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, fmt.Errorf("unknown line %q", line)
	}
	for _, i := range []int{1, 2, 3, 6, 7, 8} { // user nice system irq softirq steal
		ticks, e := strconv.ParseFloat(fields[i], 64)
		busy += ticks / ticksPerSecond
		err = errors.Join(err, e)
	}
	return busy, err
}

// stopwatch measures processes for a while.
type stopwatch struct {
	roots        []int
	begun        time.Time
	own, machine float64
}

func startWatch(roots ...int) (s stopwatch, err error) {
	s.roots = roots
	s.own, err = familyCPU(roots)
	machine, e := machineCPU()
	s.machine, s.begun = machine, time.Now()
	return s, errors.Join(err, e)
}

func (s stopwatch) stop() (u usage, err error) {
	u.Wall = time.Since(s.begun).Seconds()
	machine, err := machineCPU()
	own, e := familyCPU(s.roots)
	u.CPU = own - s.own
	u.Others = max(0, machine-s.machine-u.CPU) / (u.Wall * float64(runtime.NumCPU()))
	return u, errors.Join(err, e)
}

// lookEvery is how often memory is looked at.
const lookEvery = 500 * time.Millisecond

// peakMemory calls f and returns the most memory that the roots and their
// descendants had meanwhile.
func peakMemory(ctx context.Context, roots []int, f func() error) (peak int64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			now, err := familyMemory(roots)
			peak = max(peak, now)
			select {
			case <-tick.C:
			case <-ctx.Done():
				done <- err
				return
			}
		}
	}()
	err = f()
	cancel()
	return peak, errors.Join(err, <-done)
}
