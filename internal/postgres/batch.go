package postgres

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/webhook"
)

type batchRow struct {
	bun.BaseModel `bun:"table:batches,alias:b"`

	ID       uuid.UUID `bun:",pk"`
	OwnerID  uuid.UUID
	Name     string
	Expected int
	Taken    int
	FolderID uuid.UUID `bun:",nullzero"`
	Tags     []string  `bun:",array,nullzero,default:'{}'"`

	AskedModel    string
	AskedLanguage string
	Prompt        string
	Translate     bool
	Split         bool
	Priority      transcription.Priority
	WebhookURL    string `bun:"webhook_url"`

	CreatedAt   time.Time `bun:",nullzero,default:clock_timestamp()"`
	ClosedAt    time.Time `bun:",nullzero"`
	CompletedAt time.Time `bun:",nullzero"`
}

func newBatchRow(b *transcription.Batch) *batchRow {
	o := b.Options
	return &batchRow{
		ID: b.ID, OwnerID: b.OwnerID, Name: clean(b.Name), Expected: b.Expected, FolderID: b.FolderID, Tags: each(b.Tags, clean),
		AskedModel: o.Model, AskedLanguage: o.Language, Prompt: clean(o.Prompt), Translate: o.Translate, Split: o.Split, Priority: o.Priority, WebhookURL: o.WebhookURL,
	}
}

func (r *batchRow) domain() *transcription.Batch {
	return &transcription.Batch{
		ID: r.ID, OwnerID: r.OwnerID, Name: r.Name, Expected: r.Expected, FolderID: r.FolderID, Tags: append([]string(nil), r.Tags...),
		Options: transcription.Options{
			Model: r.AskedModel, Language: r.AskedLanguage, Prompt: r.Prompt, Translate: r.Translate, Split: r.Split, Priority: r.Priority, WebhookURL: r.WebhookURL,
		},
		CreatedAt: r.CreatedAt.UTC(), ClosedAt: utc(r.ClosedAt), CompletedAt: utc(r.CompletedAt),
	}
}

// CreateBatch inserts a batch and sets its time. NotFound: there is no such folder, or it
// belongs to somebody else.
func (db *DB) CreateBatch(ctx context.Context, b *transcription.Batch) error {
	row := newBatchRow(b)
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if b.FolderID != uuid.Nil {
			if err := ownFolder(ctx, tx, b.OwnerID, b.FolderID); err != nil {
				return err
			}
		}
		return ofOwner(tx.NewInsert().Model(row).Returning("created_at").Scan(ctx))
	})
	b.CreatedAt = row.CreatedAt.UTC()
	return wrap(err, "create batch %s", b.ID)
}

// BatchHead returns a batch without what is in it. NotFound: there is none of that id, or it
// belongs to somebody else.
func (db *DB) BatchHead(ctx context.Context, owner, id uuid.UUID) (*transcription.Batch, error) {
	row, err := readBatch(ctx, db.bun, owner, id, "")
	if err != nil {
		return nil, wrap(err, "read batch %s", id)
	}
	return row.domain(), nil
}

// readBatch returns a batch, locked if that is said.
func readBatch(ctx context.Context, idb bun.IDB, owner, id uuid.UUID, lock string) (*batchRow, error) {
	row := new(batchRow)
	q := idb.NewSelect().Model(row).Where("b.id = ?", id).Where("b.owner_id = ?", owner)
	if lock != "" {
		q = q.For(lock)
	}
	err := q.Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		err = transcription.NoBatch(id)
	}
	return row, err
}

// Batch returns a batch with what is in it. NotFound: there is none of that id, or it belongs
// to somebody else.
func (db *DB) Batch(ctx context.Context, owner, id uuid.UUID) (b *transcription.Batch, err error) {
	err = db.inSnapshot(ctx, func(ctx context.Context, tx bun.Tx) error {
		row, err := readBatch(ctx, tx, owner, id, "")
		if err != nil {
			return err
		}
		b = row.domain()
		if err := countBatches(ctx, tx, []*transcription.Batch{b}); err != nil {
			return err
		}
		return failuresOf(ctx, tx, b)
	})
	return b, wrap(err, "read batch %s", id)
}

// Batches returns a page of the owner's batches, newest first, behind the one of that id.
func (db *DB) Batches(ctx context.Context, owner, before uuid.UUID, limit int) (page []transcription.Batch, err error) {
	err = db.inSnapshot(ctx, func(ctx context.Context, tx bun.Tx) error {
		var rows []batchRow
		q := tx.NewSelect().Model(&rows).Where("b.owner_id = ?", owner).Order("b.id DESC").Limit(int64(min(max(limit, 1), transcription.MaxPage)))
		if before != uuid.Nil {
			q = q.Where("b.id < ?", before)
		}
		if err := q.Scan(ctx); err != nil {
			return err
		}
		list := make([]*transcription.Batch, len(rows))
		for i := range rows {
			list[i] = rows[i].domain()
		}
		if err := countBatches(ctx, tx, list); err != nil {
			return err
		}
		page = make([]transcription.Batch, len(list))
		for i, b := range list {
			page[i] = *b
		}
		return nil
	})
	return page, wrap(err, "list batches")
}

// countBatches fills in how what is in batches stands. What has ended is done, however.
func countBatches(ctx context.Context, tx bun.Tx, list []*transcription.Batch) error {
	if len(list) == 0 {
		return nil
	}
	byID := map[uuid.UUID]*transcription.Batch{}
	ids := make([]uuid.UUID, len(list))
	for i, b := range list {
		ids[i], b.Counts, byID[b.ID] = b.ID, map[transcription.Status]int{}, b
	}
	var counts []struct {
		BatchID uuid.UUID
		Status  transcription.Status
		N       int
		Sum     float64
	}
	err := tx.NewRaw(`SELECT batch_id, status, count(*) AS n, sum(CASE WHEN status IN (?) THEN 1 ELSE progress END) AS sum
		FROM transcriptions WHERE batch_id IN (?) GROUP BY batch_id, status`, bun.List(ended()), bun.List(ids)).Scan(ctx, &counts)
	if err != nil {
		return err
	}
	sums := map[uuid.UUID]float64{}
	for _, c := range counts {
		byID[c.BatchID].Counts[c.Status] = c.N
		sums[c.BatchID] += c.Sum
	}
	for _, b := range list {
		b.Progress = b.ProgressOf(sums[b.ID])
	}
	return nil
}

// failuresOf fills in the first failures, in the order of upload.
func failuresOf(ctx context.Context, tx bun.Tx, b *transcription.Batch) error {
	var rows []struct {
		ID             uuid.UUID
		Name           string
		FailureCode    string
		FailureMessage string
	}
	err := tx.NewRaw(`SELECT t.id, f.name, t.failure_code, t.failure_message FROM transcriptions AS t JOIN files AS f ON f.id = t.file_id
		WHERE t.batch_id = ? AND t.status = 'failed' ORDER BY t.created_at, t.id LIMIT ?`, b.ID, transcription.MaxPage).Scan(ctx, &rows)
	b.Failures = make([]transcription.BatchFailure, len(rows))
	for i, r := range rows {
		b.Failures[i] = transcription.BatchFailure{ID: r.ID, FileName: r.Name, Failure: transcription.Failure{Code: r.FailureCode, Message: r.FailureMessage}}
	}
	return err
}

// join puts a transcription that is about to be inserted into its batch, which is locked
// until then: the last one that is expected closes it. Conflict batch_closed.
func join(ctx context.Context, tx bun.Tx, row *transcriptionRow) error {
	if row.BatchID == uuid.Nil {
		return nil
	}
	b, err := readBatch(ctx, tx, row.OwnerID, row.BatchID, "NO KEY UPDATE")
	if err != nil {
		return err
	}
	if !b.ClosedAt.IsZero() {
		return transcription.BatchClosed()
	}
	row.FolderID, row.Tags = b.FolderID, b.Tags
	_, err = tx.NewRaw(`UPDATE batches SET taken = taken + 1, closed_at = CASE WHEN taken + 1 = expected THEN clock_timestamp() END WHERE id = ?`, b.ID).Exec(ctx)
	return err
}

// CloseBatch has a batch take no more; if all of it has ended, it is completed. NotFound: there is
// none of that id, or it belongs to somebody else.
func (db *DB) CloseBatch(ctx context.Context, owner, id uuid.UUID) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := readBatch(ctx, tx, owner, id, "NO KEY UPDATE"); err != nil {
			return err
		}
		_, err := tx.NewRaw("UPDATE batches SET closed_at = clock_timestamp() WHERE id = ? AND closed_at IS NULL", id).Exec(ctx)
		if err != nil {
			return err
		}
		return completeBatch(ctx, tx, id)
	})
	return wrap(err, "close batch %s", id)
}

// BatchInWork returns which transcriptions of a batch have not ended, oldest first.
func (db *DB) BatchInWork(ctx context.Context, owner, id uuid.UUID) (ids []uuid.UUID, err error) {
	err = db.bun.NewRaw("SELECT id FROM transcriptions WHERE batch_id = ? AND owner_id = ? AND status IN (?) ORDER BY created_at, id LIMIT ?",
		id, owner, bun.List(living()), transcription.MaxExpected).Scan(ctx, &ids)
	return ids, wrap(err, "list what is in work of batch %s", id)
}

// DeleteBatch removes a batch; what is in it stays. NotFound: there is none of that id, or it
// belongs to somebody else.
func (db *DB) DeleteBatch(ctx context.Context, owner, id uuid.UUID) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		// those in it first, as who ends one of them does
		_, err := tx.NewRaw("SELECT FROM transcriptions WHERE batch_id = ? AND owner_id = ? ORDER BY id FOR UPDATE", id, owner).Exec(ctx)
		if err != nil {
			return err
		}
		row, err := readBatch(ctx, tx, owner, id, "UPDATE")
		if err != nil {
			return err
		}
		if _, err := tx.NewRaw("UPDATE transcriptions SET batch_id = NULL, updated_at = clock_timestamp() WHERE batch_id = ?", id).Exec(ctx); err != nil {
			return err
		}
		_, err = tx.NewDelete().Model(row).WherePK().Exec(ctx)
		return err
	})
	return wrap(err, "delete batch %s", id)
}

// settleBatch completes the batch of a locked transcription that has ended, if that was the
// last. The batch is locked before what is left of it is counted: of two that end at the same
// moment each would still see the other.
func settleBatch(ctx context.Context, tx bun.Tx, id uuid.UUID) error {
	var batch uuid.UUID
	err := tx.NewRaw("SELECT b.id FROM batches AS b JOIN transcriptions AS t ON t.batch_id = b.id WHERE t.id = ? FOR NO KEY UPDATE OF b", id).Scan(ctx, &batch)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return completeBatch(ctx, tx, batch)
}

// leaveBatch completes the batch of a transcription that was deleted, if that was the last.
func leaveBatch(ctx context.Context, tx bun.Tx, owner uuid.UUID, batch uuid.NullUUID) error {
	if !batch.Valid {
		return nil
	}
	if _, err := readBatch(ctx, tx, owner, batch.UUID, "NO KEY UPDATE"); err != nil {
		return err
	}
	return completeBatch(ctx, tx, batch.UUID)
}

// completeBatch records that a locked batch has ended and writes what its owner's receivers are to
// be sent, if it is closed, nothing of it is on its way, and that was not done before.
func completeBatch(ctx context.Context, tx bun.Tx, id uuid.UUID) error {
	row := new(batchRow)
	err := tx.NewRaw(`UPDATE batches SET completed_at = clock_timestamp()
		WHERE id = ?0 AND closed_at IS NOT NULL AND completed_at IS NULL AND NOT EXISTS (SELECT FROM transcriptions WHERE batch_id = ?0 AND status IN (?1))
		RETURNING *`, id, bun.List(living())).Scan(ctx, row)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	b := row.domain()
	if err := countBatches(ctx, tx, []*transcription.Batch{b}); err != nil {
		return err
	}
	return notifyOfBatch(ctx, tx, b)
}

// notifyOfBatch is notify for a batch.
func notifyOfBatch(ctx context.Context, tx bun.Tx, b *transcription.Batch) error {
	var to []target
	err := tx.NewRaw(`SELECT w.id AS webhook_id, CASE WHEN w.url = '' THEN ?0 ELSE '' END AS url FROM webhooks AS w
		WHERE w.owner_id = ?1 AND w.active AND CASE WHEN w.url = '' THEN ?0 <> '' ELSE ?2 = ANY(w.events) END
		ORDER BY w.id FOR SHARE OF w`, b.Options.WebhookURL, b.OwnerID, webhook.BatchCompleted).Scan(ctx, &to)
	if err != nil || len(to) == 0 {
		return err
	}
	payload, err := webhook.BatchPayload(b)
	if err != nil {
		return err
	}
	return addDeliveries(ctx, tx, to, webhook.Delivery{OwnerID: b.OwnerID, BatchID: b.ID, Type: webhook.BatchCompleted, Payload: payload})
}
