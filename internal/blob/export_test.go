package blob

import "time"

// SetStall shortens the wait for a connection that has gone silent.
func (s *Store) SetStall(d time.Duration) { s.stall = d }

// SetAnswerTimeout shortens the wait for a server that has got a request.
func (s *Store) SetAnswerTimeout(d time.Duration) { s.quick.ResponseHeaderTimeout = d }
