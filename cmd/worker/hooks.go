//go:build !whisper && !gpu

package main

// What this worker decodes on.
const (
	device  = courier
	program = "worker-hooks"
	gpu     = false
)
