package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// machine is what the figures were measured on.
type machine struct {
	CPU      string  `json:"cpu"`
	Cores    int     `json:"cores"`
	Memory   int64   `json:"memoryBytes"`
	System   string  `json:"system"`
	Kernels  string  `json:"ggmlBackend"` // file of the CPU backend that ggml chose
	Features string  `json:"ggmlFeatures"`
	Load     float64 `json:"loadBefore"` // average of the last minute, before anything was measured
}

// versions are those of everything that computes.
type versions struct {
	Program string `json:"turboscribe"`
	Whisper string `json:"whisper.cpp"`
	GGML    string `json:"ggml"`
	Go      string `json:"go"`
}

func thisMachine() (m machine, err error) {
	m = machine{Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH}
	cpu, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return m, err
	}
	m.CPU = field(string(cpu), "model name")
	memory, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return m, err
	}
	kilobytes, _, _ := strings.Cut(field(string(memory), "MemTotal"), " ")
	n, err := strconv.ParseInt(kilobytes, 10, 64)
	if err != nil {
		return m, fmt.Errorf("read /proc/meminfo: %w", err)
	}
	m.Memory = n << 10
	m.Load, err = loadAverage()
	return m, err
}

// field returns the first value of that name in a file of "name : value" lines.
func field(file, name string) string {
	for line := range strings.Lines(file) {
		if n, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(n) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// loadAverage returns how many processes wanted to run in the last minute.
func loadAverage() (float64, error) {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, err
	}
	one, _, _ := strings.Cut(string(b), " ")
	return strconv.ParseFloat(one, 64)
}
