//go:build gpu

package main

// What this worker decodes on.
const (
	device  = "gpu"
	program = "worker-gpu"
	gpu     = true
)
