package privacy

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
)

// batch bounds how many accounts Search looks for at a time.
const batch = 20

// Objects is the storage.
type Objects interface {
	// Clear removes all objects and unfinished uploads below a prefix and returns how
	// many it has found.
	Clear(ctx context.Context, prefix string) (found int, err error)
}

// Queue is where tasks wait, which hold the ids of what they are about.
type Queue interface {
	// Prune removes the tasks about what gone says is no more, and returns how many it
	// has found, with those that are being worked on and cannot be removed.
	Prune(ctx context.Context, gone func(context.Context, []uuid.UUID) ([]uuid.UUID, error)) (found int, err error)
}

// Searcher removes what deleted accounts have left outside the store, and looks for it
// until there is nothing. Several may run; it is enough that one does.
type Searcher struct {
	store   Store
	objects Objects
	queue   Queue
}

// NewSearcher returns a searcher.
func NewSearcher(store Store, objects Objects, queue Queue) *Searcher {
	return &Searcher{store: store, objects: objects, queue: queue}
}

// Search looks once for every account that it is time for. One that fails does not keep
// the others from their turn, and is looked for again.
func (s *Searcher) Search(ctx context.Context) error {
	departures, err := s.store.Departures(ctx, batch)
	if err != nil || len(departures) == 0 {
		return err
	}
	tasks, err := s.queue.Prune(ctx, s.store.Gone)
	if err != nil {
		return fmt.Errorf("look for tasks of deleted accounts: %w", err)
	}
	var errs []error
	for _, d := range departures {
		errs = append(errs, s.search(ctx, d, tasks))
	}
	return errors.Join(errs...)
}

func (s *Searcher) search(ctx context.Context, d Departure, tasks int) error {
	objects, err := s.objects.Clear(ctx, prefix(d.Owner))
	if err != nil {
		return fmt.Errorf("look for objects of receipt %s: %w", d.Receipt, err)
	}
	if objects > 0 {
		zerolog.Ctx(ctx).Info().Stringer("receipt", d.Receipt).Int("objects", objects).Msg("objects of a deleted account removed")
	}
	return s.store.Searched(ctx, d, objects+tasks > 0)
}

// prefix returns the prefix of all objects of an owner.
func prefix(owner uuid.UUID) string { return "u/" + owner.String() + "/" }
