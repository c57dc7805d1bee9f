//go:build whisper

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/pipeline"
)

// What a soak may add, from the median of its first fifth to that of its last: noise
// of the allocators, and nothing that comes with every window.
const (
	soakBytes = 16 << 20
	soakCount = 2 // of open files, and of goroutines
)

// TestSoak decodes a short clip after another, SOAK of them, 40 by default, and
// watches memory, open files and goroutines of the worker and of its engine process.
// "make soak" decodes 10000.
func TestSoak(t *testing.T) {
	decodes := 40
	if n := os.Getenv("SOAK"); n != "" {
		var err error
		if decodes, err = strconv.Atoi(n); err != nil || decodes < 10 {
			t.Fatalf("SOAK is %q, want a number of decodes from 10 on", n)
		}
	}
	s := newStudio(t)
	var clips [][]int16
	for i := range 12 {
		pcm := s.demo(t, fmt.Sprintf("test/short%02d", i+1))
		clips = append(clips, pcm[:min(len(pcm), (2+i%3)*audio.SampleRate)])
	}
	series := map[string][]int{}
	for i := range decodes {
		if _, err := s.engine.Decode(t.Context(), "", pipeline.DecodeOptions{Language: "en"}, clips[i%len(clips)]); err != nil {
			t.Fatalf("decode %d: %v", i+1, err)
		}
		for what, n := range usage(t) {
			series[what] = append(series[what], n)
		}
		if i%(decodes/10) == 0 {
			t.Logf("after %d decodes: %v", i+1, usage(t))
		}
	}
	for what, values := range series {
		first, last := median(values[:decodes/5]), median(values[decodes-decodes/5:])
		t.Logf("%s: %d in the first fifth, %d in the last", what, first, last)
		bound := soakCount
		if strings.HasSuffix(what, "bytes") {
			bound = soakBytes
		}
		if last-first > bound {
			t.Errorf("%s grew by %d in %d decodes, at most %d are noise", what, last-first, decodes, bound)
		}
	}
}

// usage is what the worker and its engine process take.
func usage(t *testing.T) map[string]int {
	t.Helper()
	worker, engine := os.Getpid(), engineProcess(t)
	return map[string]int{
		"worker bytes": resident(t, worker), "engine bytes": resident(t, engine),
		"worker files": openFiles(t, worker), "engine files": openFiles(t, engine),
		"worker goroutines": runtime.NumGoroutine(),
	}
}

// engineProcess returns the id of this process's child that is one.
func engineProcess(t *testing.T) int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		command, err := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		if err != nil || !bytes.HasSuffix(command, []byte("\x00engine\x00")) {
			continue
		}
		var pid, parent int
		var state string
		name := bytes.LastIndexByte(stat, ')') // the program's, which may hold anything
		if _, err := fmt.Sscan(string(stat[name+1:]), &state, &parent); err != nil || parent != os.Getpid() {
			continue
		}
		if _, err := fmt.Sscan(string(stat), &pid); err != nil {
			t.Fatal(err)
		}
		return pid
	}
	t.Fatal("there is no engine process")
	return 0
}

// resident returns the bytes of memory that a process occupies.
func resident(t *testing.T, pid int) int {
	t.Helper()
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	var size, pages int
	if _, err := fmt.Sscan(string(statm), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

func openFiles(t *testing.T, pid int) int {
	t.Helper()
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func median(values []int) int {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
