package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// splice is a change of a text, as a jsonb column has it.
type splice struct {
	At  int       `json:"at"`
	Old []segment `json:"old,omitempty"`
	New []segment `json:"new,omitempty"`
}

func newSplice(s transcription.Splice) splice {
	return splice{At: s.At, Old: each(s.Old, newSegment), New: each(s.New, newSegment)}
}

func (s splice) domain() transcription.Splice {
	return transcription.Splice{At: s.At, Old: each(s.Old, segment.domain), New: each(s.New, segment.domain)}
}

type revisionRow struct {
	bun.BaseModel `bun:"table:revisions,alias:r"`

	TranscriptionID uuid.UUID `bun:",pk"`
	Number          int       `bun:",pk"`
	Run             int
	Kind            transcription.RevisionKind
	Of              int
	Actor           transcription.ActorKind
	Who             string
	At              time.Time `bun:",nullzero,default:clock_timestamp()"`
	Changed         int
	Splices         []splice `bun:"type:jsonb"`
	Email           string   `bun:",scanonly,nullzero"`
	Sealed          []byte   `bun:"type:bytea"`
}

func (r *revisionRow) domain() transcription.Revision {
	return transcription.Revision{
		Number: r.Number, Run: r.Run, Kind: r.Kind, Of: r.Of, By: transcription.Actor{Kind: r.Actor, Name: r.Who, Email: r.Email}, At: r.At.UTC(),
		Changed: r.Changed, Splices: each(r.Splices, splice.domain),
	}
}

// Revise makes the next revision of a text. NotFound: there is no transcription of that
// id that who may edit. Conflict revision_moved: the present revision is not the one that
// was read.
func (db *DB) Revise(ctx context.Context, who, id uuid.UUID, c transcription.Change) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		run, revision, err := lockToEdit(ctx, tx, who, id)
		if err != nil {
			return err
		}
		if revision != c.After {
			return transcription.RevisionMoved()
		}
		x, err := db.textsOf(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := x.addRevision(ctx, tx, transcription.Ref{ID: id, Run: run}, c, c.By); err != nil {
			return err
		}
		if err := x.spliceSegments(ctx, tx, id, c.Splices); err != nil {
			return err
		}
		text, err := x.setText(c.Text, c.Speakers)
		if err != nil {
			return err
		}
		_, err = tx.NewUpdate().Model((*transcriptionRow)(nil)).Apply(text).Where("t.id = ?", id).Exec(ctx)
		if err != nil || c.Kind != transcription.ByRestore {
			return err
		}
		return bringBack(ctx, tx, id)
	})
	return wrap(err, "revise transcription %s", id)
}

// addRevision records a revision of a locked transcription, and says whether a person has
// a part in the text now: not if what came back is the machine's.
func (x texts) addRevision(ctx context.Context, tx bun.Tx, ref transcription.Ref, c transcription.Change, by transcription.Actor) error {
	row := &revisionRow{
		TranscriptionID: ref.ID, Number: c.After + 1, Run: ref.Run, Kind: c.Kind, Of: c.Of, Actor: by.Kind, Who: clean(by.Name),
		Changed: c.Changed(), Splices: each(c.Splices, newSplice),
	}
	if err := x.changed(row); err != nil {
		return err
	}
	if _, err := tx.NewInsert().Model(row).Exec(ctx); err != nil {
		return err
	}
	changed(ctx, ref.ID)
	_, err := tx.NewRaw(`UPDATE transcriptions SET revision = ?0, updated_at = clock_timestamp(), edited = CASE ?1
			WHEN 'machine' THEN false
			WHEN 'range' THEN edited
			WHEN 'restore' THEN (?2 > 0 OR written) AND NOT EXISTS (SELECT FROM revisions WHERE transcription_id = ?3 AND number = ?2 AND kind = 'machine')
			ELSE true END
		WHERE id = ?3`, row.Number, c.Kind, c.Of, ref.ID).Exec(ctx)
	if err != nil {
		return err
	}
	return record(ctx, tx, event{ref: ref, kind: transcription.Edited, by: by, details: map[string]any{"revision": row.Number, "kind": c.Kind, "segments": row.Changed}})
}

// spliceSegments changes the segments of a transcription. Up to the first change that
// moves those behind it, only what has changed is written.
func (x texts) spliceSegments(ctx context.Context, tx bun.Tx, id uuid.UUID, splices []transcription.Splice) error {
	moves := slices.IndexFunc(splices, func(s transcription.Splice) bool { return len(s.Old) != len(s.New) })
	if moves < 0 {
		moves = len(splices)
	}
	var rows []segmentRow
	for _, s := range splices[:moves] {
		for i, segment := range s.New {
			row, err := x.segmentRow(id, s.At+i, segment)
			if err != nil {
				return err
			}
			rows = append(rows, row)
		}
	}
	if err := replaceSegments(ctx, tx, rows); err != nil || moves == len(splices) {
		return err
	}
	return x.spliceTail(ctx, tx, id, splices[moves:])
}

func (x texts) spliceTail(ctx context.Context, tx bun.Tx, id uuid.UUID, splices []transcription.Splice) error {
	from := splices[0].At
	tail, err := x.segments(ctx, tx, id, from)
	if err != nil {
		return err
	}
	moved := each(splices, func(s transcription.Splice) transcription.Splice {
		s.At -= from
		return s
	})
	return x.writeSegments(ctx, tx, id, from, transcription.Apply(tail, moved))
}

// renew makes what another run has heard the text of a locked transcription of which
// there is one. One that a person has a part in comes back at once, as a further revision.
// It reports whether it has.
func (x texts) renew(ctx context.Context, tx bun.Tx, ref transcription.Ref, p parent, heard []transcription.Segment, by transcription.Actor) (kept bool, err error) {
	before, err := x.segments(ctx, tx, ref.ID, 0)
	if err != nil {
		return false, err
	}
	splices := transcription.Splices(before, heard)
	if len(splices) == 0 {
		return false, nil
	}
	c := transcription.Change{After: p.Revision, Kind: transcription.ByMachine, Splices: splices}
	if err := x.addRevision(ctx, tx, ref, c, by); err != nil {
		return false, err
	}
	if !p.Edited {
		return false, x.writeSegments(ctx, tx, ref.ID, 0, heard)
	}
	back := transcription.Change{After: p.Revision + 1, Kind: transcription.ByKeeping, Of: p.Revision, Splices: transcription.Reverse(splices)}
	return true, x.addRevision(ctx, tx, ref, back, by)
}

// Revisions returns a page of the revisions of a text, newest first. NotFound: there is
// no transcription of that id that who may read.
func (db *DB) Revisions(ctx context.Context, who, id uuid.UUID, f transcription.RevisionFilter) ([]transcription.Revision, error) {
	if err := isReadable(ctx, db.bun, who, id); err != nil {
		return nil, wrap(err, "read the revisions of %s", id)
	}
	var x texts
	if f.Splices {
		var err error
		if x, err = db.textsOf(ctx, db.bun, id); err != nil {
			return nil, wrap(err, "read the revisions of %s", id)
		}
	}
	list, err := x.revisions(ctx, db.bun, id, f)
	return list, wrap(err, "read the revisions of %s", id)
}

// revisions returns a page of the revisions of a transcription, newest first.
func (x texts) revisions(ctx context.Context, idb bun.IDB, id uuid.UUID, f transcription.RevisionFilter) ([]transcription.Revision, error) {
	var rows []revisionRow
	q := idb.NewSelect().Model(&rows).Where("r.transcription_id = ?", id).Order("r.number DESC").Limit(int64(min(max(f.Limit, 1), transcription.MaxPage)))
	if f.Before > 0 {
		q = q.Where("r.number < ?", f.Before)
	}
	if f.Splices {
		q = q.ColumnExpr("?TableColumns")
	} else {
		q = q.ExcludeColumn("splices", "sealed")
	}
	err := q.ColumnExpr("CASE WHEN r.actor = 'user' AND r.who <> '' THEN address_of(r.who::uuid) END AS email").Scan(ctx)
	if err == nil && f.Splices {
		err = x.openRevisions(rows)
	}
	if err != nil {
		return nil, err
	}
	return each(rows, func(r revisionRow) transcription.Revision { return r.domain() }), nil
}

// openRevisions reads what revisions of a transcription have changed.
func (x texts) openRevisions(rows []revisionRow) error {
	for i := range rows {
		if err := x.take(rows[i].place(), rows[i].Sealed, &rows[i].Splices); err != nil {
			return err
		}
	}
	return nil
}
