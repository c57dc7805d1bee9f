package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

type fileRow struct {
	bun.BaseModel `bun:"table:files,alias:f"`

	ID          uuid.UUID `bun:",pk"`
	OwnerID     uuid.UUID
	Name        string
	ContentType string
	Size        int64
	SHA256      string `bun:"sha256"`
	Key         string
	Gone        bool
	CreatedAt   time.Time `bun:",nullzero,default:now()"`
}

func newFileRow(f *transcription.File) *fileRow {
	return &fileRow{
		ID: f.ID, OwnerID: f.OwnerID, Name: clean(f.Name), ContentType: clean(f.ContentType),
		Size: f.Size, SHA256: f.SHA256, Key: f.Key,
	}
}

func (r *fileRow) domain() transcription.File {
	return transcription.File{
		ID: r.ID, OwnerID: r.OwnerID, Name: r.Name, ContentType: r.ContentType,
		Size: r.Size, SHA256: r.SHA256, Key: r.Key, Gone: r.Gone, CreatedAt: r.CreatedAt.UTC(),
	}
}

type transcriptionRow struct {
	bun.BaseModel `bun:"table:transcriptions,alias:t"`

	ID      uuid.UUID `bun:",pk"`
	OwnerID uuid.UUID
	FileID  uuid.UUID
	File    *fileRow `bun:"rel:belongs-to,join:file_id=id"`
	Run     int
	Status  transcription.Status
	DataKey *dataKeyRow `bun:"rel:has-one,join:id=transcription_id"`

	AskedModel    string
	AskedLanguage string
	Prompt        string
	SealedPrompt  []byte `bun:"type:bytea"`
	Translate     bool
	Split         bool
	Priority      transcription.Priority
	WebhookURL    string `bun:"webhook_url"`

	Model              string
	Language           string
	LanguageConfidence float64
	DurationSamples    audio.Samples
	MissingSamples     audio.Samples
	Joined             bool
	PeaksKey           string
	Progress           float64

	Text           string
	SealedText     []byte      `bun:"type:bytea"`
	Warnings       warningList `bun:"type:jsonb,nullzero,default:'[]'"`
	Coverage       *coverage   `bun:"type:jsonb"`
	Earlier        *earlier    `bun:"type:jsonb"`
	FailureCode    string
	FailureMessage string
	Revision       int

	LegalHold bool
	FolderID  uuid.UUID            `bun:",nullzero"`
	BatchID   uuid.UUID            `bun:",nullzero"`
	Tags      []string             `bun:",array,nullzero,default:'{}'"`
	Shared    transcription.Access `bun:",scanonly"` // to who asked, see sharedAs
	SharedBy  string               `bun:",scanonly"`

	ArchivedAt  time.Time `bun:",nullzero"`
	CreatedAt   time.Time `bun:",nullzero,default:now()"`
	UpdatedAt   time.Time `bun:",nullzero,default:now()"`
	CompletedAt time.Time `bun:",nullzero"`

	Ruled bool `bun:",scanonly"` // its owner has a rule or a hold somewhere
}

func newTranscriptionRow(t *transcription.Transcription) *transcriptionRow {
	return &transcriptionRow{
		ID: t.ID, OwnerID: t.OwnerID, FileID: t.File.ID, Run: t.Run, Status: transcription.Queued, Language: t.Language,
		AskedModel: t.Options.Model, AskedLanguage: t.Options.Language, Prompt: clean(t.Options.Prompt), Translate: t.Options.Translate, Split: t.Options.Split, Priority: t.Options.Priority,
		WebhookURL: t.Options.WebhookURL, BatchID: t.BatchID,
	}
}

func (r *transcriptionRow) domain() *transcription.Transcription {
	t := &transcription.Transcription{
		ID: r.ID, OwnerID: r.OwnerID, File: r.File.domain(), Run: r.Run, Status: r.Status,
		Options: transcription.Options{Model: r.AskedModel, Language: r.AskedLanguage, Prompt: r.Prompt, Translate: r.Translate, Split: r.Split, Priority: r.Priority},
		Model:   r.Model, Language: r.Language, LanguageConfidence: r.LanguageConfidence,
		Duration: r.DurationSamples.Duration(), Missing: r.MissingSamples.Duration(), Joined: r.Joined, PeaksKey: r.PeaksKey, Progress: r.Progress,
		Text: r.Text, Warnings: r.Warnings.domain(), Coverage: r.Coverage.domain(), Earlier: r.Earlier.domain(r.Translate), Revision: r.Revision,
		LegalHold: r.LegalHold, FolderID: r.FolderID, BatchID: r.BatchID, Tags: append([]string(nil), r.Tags...), ArchivedAt: utc(r.ArchivedAt), CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(), CompletedAt: utc(r.CompletedAt),
	}
	t.Partial = r.Status.Partial() && r.Earlier == nil
	if r.Status == transcription.Failed {
		t.Failure = &transcription.Failure{Code: r.FailureCode, Message: r.FailureMessage}
	}
	t.SharedBy = r.SharedBy
	return t.As(r.Shared)
}

// listed are the columns of a list: everything but the text.
var listed = []string{
	"id", "owner_id", "file_id", "run", "status", "asked_model", "asked_language", "prompt", "sealed_prompt", "translate", "split", "priority",
	"model", "language", "language_confidence", "duration_samples", "missing_samples", "joined", "peaks_key", "progress", "warnings", "coverage", "earlier",
	"failure_code", "failure_message", "revision", "legal_hold", "folder_id", "batch_id", "tags", "archived_at", "created_at", "updated_at", "completed_at",
}

// CreateTranscription inserts the file and the transcription, queued, with its
// prepare step and its first event, or completed with its segments, if that is its status, in one transaction, which also takes BeginUpload back. It sets the
// status and the times of t, which are the database's. Conflict: there is one of
// that id; batch_closed. NotFound: there is no such batch, or it belongs to somebody else.
// RateLimited too_many_queued: the owner has no place left in the queue.
func (db *DB) CreateTranscription(ctx context.Context, t *transcription.Transcription) error {
	file, row := newFileRow(&t.File), newTranscriptionRow(t)
	if err := db.sealPrompt(row, t); err != nil {
		return wrap(err, "create transcription %s", t.ID)
	}
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := db.place(ctx, tx, t.OwnerID, t.File.Size); err != nil {
			return err
		}
		if err := join(ctx, tx, row); err != nil {
			return err
		}
		if err := tx.NewInsert().Model(file).Returning("created_at").Scan(ctx); err != nil {
			return ofOwner(err)
		}
		if err := tx.NewInsert().Model(row).Returning("created_at, updated_at").Scan(ctx); err != nil {
			return err
		}
		if err := addSeal(ctx, tx, t); err != nil {
			return err
		}
		if err := book(ctx, tx, t.OwnerID, t.Ref()); err != nil {
			return err
		}
		if err := announce(ctx, tx, change{ref: t.Ref(), to: row.Status, by: user(t.OwnerID)}, ""); err != nil {
			return err
		}
		if err := db.start(ctx, tx, t); err != nil {
			return err
		}
		return spare(ctx, tx, transcription.Prefix(t.OwnerID, t.ID))
	})
	if err != nil {
		return wrap(err, "create transcription %s", t.ID)
	}
	if t.Status != transcription.Completed {
		t.Status = row.Status
	}
	t.CreatedAt, t.UpdatedAt = row.CreatedAt.UTC(), row.UpdatedAt.UTC()
	t.File.CreatedAt = file.CreatedAt.UTC()
	return nil
}

// start has a transcription that is new prepared, unless it comes with its text.
func (db *DB) start(ctx context.Context, tx bun.Tx, t *transcription.Transcription) error {
	if t.Status == transcription.Completed {
		by := transcription.Actor{Kind: transcription.ByUser, Name: t.OwnerID.String()}
		return db.write(ctx, tx, transcription.FirstText{Ref: t.Ref(), By: by, Segments: t.Segments, Warnings: t.Warnings})
	}
	p := parent{OwnerID: t.OwnerID, Model: t.Options.Model, Priority: t.Options.Priority}
	return addSteps(ctx, tx, newStepRow(t.Ref(), p, pipeline.Prepare, 0, 1))
}

// sealPrompt encrypts the prompt of a transcription that is new, if its texts are to be.
func (db *DB) sealPrompt(row *transcriptionRow, t *transcription.Transcription) error {
	key := newDataKeyRow(t.ID, t.File.Seal)
	x, err := db.texts(&key)
	if err != nil {
		return err
	}
	row.Prompt, row.SealedPrompt, err = x.prompt(promptPlace, t.Options.Prompt)
	return err
}

// ofOwner gives its meaning to the refusal of a row that refers to its owner.
func ofOwner(err error) error {
	if sqlState(err) == foreignKeyViolation {
		return auth.AccountGone(err)
	}
	return err
}

// Head returns one without its text and segments and, while it is on its way, with
// what can be said about the rest. NotFound: there is none of that id that who may read.
func (db *DB) Head(ctx context.Context, who, id uuid.UUID) (*transcription.Transcription, error) {
	row := new(transcriptionRow)
	q := db.bun.NewSelect().Model(row).Column(listed...).ColumnExpr("EXISTS (SELECT FROM retention AS r WHERE r.owner_id = t.owner_id) AS ruled").Relation("File").Relation("DataKey")
	err := readable(q.Where("t.id = ?", id), who).Scan(ctx)
	if err != nil {
		return nil, wrap(none(err, "There is no transcription %s.", id), "read the head of transcription %s", id)
	}
	t, _, err := db.shown(row)
	if err != nil {
		return nil, wrap(err, "read the head of transcription %s", id)
	}
	if row.Ruled {
		if err := rule(ctx, db.bun, t.OwnerID, t); err != nil {
			return nil, wrap(err, "find the rule of transcription %s", id)
		}
	}
	return t, wrap(db.foresee(ctx, t), "foresee transcription %s", id)
}

// Outcomes returns how far those of the ids are that who may read.
func (db *DB) Outcomes(ctx context.Context, who uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]transcription.Outcome, error) {
	var rows []struct {
		ID uuid.UUID
		transcription.Outcome
	}
	err := db.bun.NewRaw("SELECT t.id, t.status, t.earlier IS NOT NULL AS earlier FROM transcriptions AS t WHERE t.id = ANY (?1::uuid[]) AND "+mayRead, who, pgdialect.Array(ids)).Scan(ctx, &rows)
	found := make(map[uuid.UUID]transcription.Outcome, len(rows))
	for _, r := range rows {
		found[r.ID] = r.Outcome
	}
	return found, wrap(err, "look how far %d transcriptions are", len(ids))
}

// Transcription returns one with its text and segments and, while it is on its
// way, with those of the chunks done so far and what can be said about the rest.
// NotFound: there is none of that id that who may read.
func (db *DB) Transcription(ctx context.Context, who, id uuid.UUID) (t *transcription.Transcription, err error) {
	err = db.inSnapshot(ctx, func(ctx context.Context, tx bun.Tx) error {
		row := new(transcriptionRow)
		err := readable(tx.NewSelect().Model(row).ColumnExpr("?TableColumns").Relation("File").Relation("DataKey").Where("t.id = ?", id), who).Scan(ctx)
		if err != nil {
			return none(err, "There is no transcription %s.", id)
		}
		var x texts
		if t, x, err = db.shownWithText(row); err != nil {
			return err
		}
		if err := rule(ctx, tx, t.OwnerID, t); err != nil {
			return err
		}
		if t.Partial {
			return x.soFar(ctx, tx, t)
		}
		t.Segments, err = x.segments(ctx, tx, id, 0)
		return err
	})
	if err == nil {
		err = db.foresee(ctx, t)
	}
	return t, wrap(err, "read transcription %s", id)
}

// Transcriptions returns a page of the owner's, or of what others share with them, newest
// first, without text and segments. Invalid nothing_to_find: the query of the filter has no words; search_too_slow.
func (db *DB) Transcriptions(ctx context.Context, owner uuid.UUID, f transcription.Filter) ([]transcription.Transcription, error) {
	f.Limit = min(max(f.Limit, 1), transcription.MaxPage)
	var rows []transcriptionRow
	q := db.bun.NewSelect().Model(&rows).Column(listed...).Relation("File").Relation("DataKey").
		Order("t.created_at DESC", "t.id DESC").Limit(int64(f.Limit))
	if f.Shared {
		q = q.ColumnExpr(sharedAs, owner)
	}
	q, err := db.listedBy(ctx, q, owner, f)
	if err != nil {
		return nil, wrap(err, "look for transcriptions")
	}
	if err := q.Scan(ctx); err != nil {
		return nil, wrap(err, "list transcriptions")
	}
	page, all := make([]transcription.Transcription, len(rows)), make([]*transcription.Transcription, len(rows))
	for i := range rows {
		t, _, err := db.shown(&rows[i])
		if err != nil {
			return nil, wrap(err, "list transcriptions")
		}
		page[i] = *t
		page[i].Partial = false
		all[i] = &page[i]
	}
	return page, wrap(rule(ctx, db.bun, owner, all...), "find the rules of a list")
}

// CancelTranscription ends the run, in the status canceled, with all its steps. Its
// chunks are kept for another run for a while, the recording stays. Whoever works on it has
// every later write refused. One that is canceled already stays as it is. NotFound:
// there is none of that id, or it belongs to somebody else. Conflict already_ended:
// it has completed or failed.
func (db *DB) CancelTranscription(ctx context.Context, owner, id uuid.UUID) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		p, ref := parent{OwnerID: owner}, transcription.Ref{ID: id}
		err := tx.NewRaw("SELECT run, status FROM transcriptions WHERE id = ? AND owner_id = ? FOR UPDATE", id, owner).
			Scan(ctx, &ref.Run, &p.Status)
		if err != nil {
			return none(err, "There is no transcription %s.", id)
		}
		if p.Status == transcription.Canceled {
			return nil
		}
		if p.Status.Final() {
			return transcription.AlreadyEnded(p.Status)
		}
		if err := move(ctx, tx, change{ref: ref, to: transcription.Canceled, by: user(owner)}); err != nil {
			return err
		}
		if err := stop(ctx, tx, ref); err != nil {
			return err
		}
		return discardChunks(ctx, tx, p, ref, kept)
	})
	return wrap(err, "cancel transcription %s", id)
}

// DeleteTranscription removes the rows at once, whatever the status, and leaves
// the objects to be collected. Whoever works on it has every later write refused.
// NotFound: there is none of that id, or it belongs to somebody else. Conflict legal_hold.
//
// The owner is locked before: whoever puts a folder under a hold does so as well, and nothing
// is deleted behind one that was promised.
func (db *DB) DeleteTranscription(ctx context.Context, owner, id uuid.UUID) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := lockOwner(ctx, tx, owner); err != nil {
			return err
		}
		var held bool
		err := tx.NewRaw("SELECT "+underHold+" FROM transcriptions AS t WHERE t.id = ? AND t.owner_id = ? FOR UPDATE OF t", id, owner).Scan(ctx, &held)
		if err != nil {
			return none(err, "There is no transcription %s.", id)
		}
		if held {
			return transcription.UnderHold()
		}
		return remove(ctx, tx, owner, id)
	})
	return wrap(err, "delete transcription %s", id)
}

// remove deletes the rows of a locked transcription, and leaves its objects to be collected, and
// the exports that it is in.
func remove(ctx context.Context, tx bun.Tx, owner, id uuid.UUID) error {
	if err := settleUsage(ctx, tx, id); err != nil {
		return err
	}
	if err := settleRanges(ctx, tx, id, 0); err != nil {
		return err
	}
	var file uuid.UUID
	var batch uuid.NullUUID
	err := tx.NewRaw("DELETE FROM transcriptions WHERE id = ? AND owner_id = ? RETURNING file_id, batch_id", id, owner).Scan(ctx, &file, &batch)
	if err != nil {
		return none(err, "There is no transcription %s.", id)
	}
	if err := leaveBatch(ctx, tx, owner, batch); err != nil {
		return err
	}
	if err := takeOut(ctx, tx, id); err != nil {
		return err
	}
	changed(ctx, id)
	if _, err := tx.NewDelete().Model((*fileRow)(nil)).Where("id = ?", file).Exec(ctx); err != nil {
		return err
	}
	return discard(ctx, tx, transcription.Prefix(owner, id))
}
