package blob

import "time"

// SetStall shortens the wait for a connection that has gone silent.
func (s *Store) SetStall(d time.Duration) { s.stall = d }
