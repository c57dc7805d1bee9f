package transcriptiontest

import (
	"context"
	"maps"
	"slices"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// InstalledModels implements transcription.Store.
func (s *Store) InstalledModels(ctx context.Context) ([]string, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return s.installed, nil
}

// Install makes these the models that living workers have reported.
func (s *Store) Install(models ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.installed = slices.Sorted(slices.Values(models))
}

// RefusedModels implements transcription.Store.
func (s *Store) RefusedModels(ctx context.Context) (map[string]string, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return maps.Clone(s.refused), nil
}

// Refuse makes these the codes that living workers have reported, by model.
func (s *Store) Refuse(codes map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = codes
}

// Presence implements transcription.Store.
func (s *Store) Presence(ctx context.Context) (transcription.Presence, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return transcription.Presence{}, err
	}
	defer unlock()
	return s.presence, nil
}

// Hear makes this what is known of who is there.
func (s *Store) Hear(p transcription.Presence) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.presence = p
}
