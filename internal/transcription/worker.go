package transcription

import "time"

// Worker is what a worker says of itself, again and again while it lives.
type Worker struct {
	ID      string
	Kind    string            // cpu or gpu
	Slots   int               // windows it decodes at once
	Models  []string          // names of the models it has
	Spare   []string          // those of them that it takes from the backlog of a GPU
	Refused map[string]string // codes of why it cannot use files that it has, by model
	SeenAt  time.Time         // when the store last heard of it
}
