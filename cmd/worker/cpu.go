//go:build whisper && !gpu

package main

// What this worker decodes on.
const (
	device  = "cpu"
	program = "worker-cpu"
	gpu     = false
)
