package transcription

import "github.com/google/uuid"

// Kept returns how many segments of a transcription are kept for those who follow it.
func (f *Feed) Kept(id uuid.UUID) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.subjects[id] {
		n += len(s.standing.Settled)
	}
	return n
}
