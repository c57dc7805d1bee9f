// Package reference decodes as a program does that uses whisper.cpp's official Go
// bindings and nothing else. Benchmarks compare the engine with it.
//
// The bindings are given what they need to do well: all cores, a model in memory,
// and no text carried from one window to the next, which our demo model was never
// taught to read.
package reference

import "strings"

// Options say how a reference decodes.
type Options struct {
	Model      string // path of the model file
	BackendDir string // holds ggml's backends; empty: where ggml looks by itself
	Threads    int    // of each processor
	Processors int    // parts of the recording that are decoded side by side; 1 is the plain Process
}

// Library is what is linked.
type Library struct {
	Whisper  string // version of whisper.cpp
	GGML     string // version of ggml
	Features string // of the processor that ggml uses, as it names them
}

// join puts the texts of segments, which begin with a space, together.
func join(segments []string) string {
	return strings.Join(strings.Fields(strings.Join(segments, " ")), " ")
}
