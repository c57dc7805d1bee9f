package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

type eventRow struct {
	bun.BaseModel `bun:"table:events,alias:e"`

	ID              int64 `bun:",pk,autoincrement"`
	TranscriptionID uuid.UUID
	Run             int
	At              time.Time `bun:",nullzero,default:clock_timestamp()"`
	Type            transcription.EventType
	Actor           transcription.ActorKind
	Who             string
	Details         map[string]any `bun:"type:jsonb"`
}

func (r *eventRow) domain() transcription.Event {
	return transcription.Event{
		ID: r.ID, Run: r.Run, At: r.At.UTC(), Type: r.Type,
		Actor: transcription.Actor{Kind: r.Actor, Name: r.Who}, Details: r.Details,
	}
}

// event is one that is to be recorded.
type event struct {
	ref     transcription.Ref
	kind    transcription.EventType
	by      transcription.Actor
	details map[string]any
}

// record writes an event. The caller has locked the transcription, so that those of
// one are committed in the order of their ids and no page of a history misses one.
func record(ctx context.Context, tx bun.Tx, e event) error {
	row := &eventRow{
		TranscriptionID: e.ref.ID, Run: e.ref.Run, Type: e.kind, Actor: e.by.Kind, Who: clean(e.by.Name), Details: map[string]any{},
	}
	if e.details != nil {
		row.Details = e.details
	}
	_, err := tx.NewInsert().Model(row).Exec(ctx)
	return err
}

// eventType returns what a change of status is called.
func eventType(from, to transcription.Status) transcription.EventType {
	switch {
	case from == "":
		return transcription.Created
	case to == transcription.Queued:
		return transcription.Retried
	default:
		return transcription.EventType(to)
	}
}

// holder is who works under a lease.
func holder(l pipeline.Lease) transcription.Actor {
	return transcription.Actor{Kind: transcription.ByWorker, Name: l.Worker}
}

func user(id uuid.UUID) transcription.Actor {
	return transcription.Actor{Kind: transcription.ByUser, Name: id.String()}
}

// Events returns at most limit events of a transcription, oldest first, behind the
// one of that id. NotFound: there is none of that id, or it belongs to somebody else.
func (db *DB) Events(ctx context.Context, owner, id uuid.UUID, after int64, limit int) ([]transcription.Event, error) {
	var there bool
	err := db.bun.NewRaw("SELECT true FROM transcriptions WHERE id = ? AND owner_id = ?", id, owner).Scan(ctx, &there)
	if err != nil {
		return nil, wrap(none(err, "There is no transcription %s.", id), "read the history of %s", id)
	}
	var rows []eventRow
	err = db.bun.NewSelect().Model(&rows).Where("e.transcription_id = ?", id).Where("e.id > ?", after).
		Order("e.id").Limit(int64(min(max(limit, 1), transcription.MaxPage))).Scan(ctx)
	events := make([]transcription.Event, len(rows))
	for i := range rows {
		events[i] = rows[i].domain()
	}
	return events, wrap(err, "read the history of %s", id)
}
