//go:build !gpu

package main

// What this worker decodes on.
const (
	device  = "cpu"
	program = "worker-cpu"
	gpu     = false
)
