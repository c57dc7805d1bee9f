package postgres

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// ruleRow is the rule that holds in a folder, or in none.
type ruleRow struct {
	FolderID  uuid.UUID
	MediaDays *int
	Days      *int
	Held      bool
}

// rule works out what is to become of transcriptions of an owner's.
func rule(ctx context.Context, idb bun.IDB, owner uuid.UUID, all ...*transcription.Transcription) error {
	if len(all) == 0 {
		return nil
	}
	folders := make([]uuid.UUID, len(all))
	for i, t := range all {
		folders[i] = t.FolderID
	}
	var rows []ruleRow
	err := idb.NewRaw(`SELECT x.id AS folder_id, f.media_days, f.days, f.held
		FROM retention AS r, (SELECT DISTINCT id FROM unnest(?::uuid[]) AS u (id)) AS x, LATERAL retention_of(r.owner_id, x.id) AS f WHERE r.owner_id = ?`,
		pgdialect.Array(folders), owner).Scan(ctx, &rows)
	rules := map[uuid.UUID]ruleRow{}
	for _, r := range rows {
		rules[r.FolderID] = r
	}
	for _, t := range all {
		r := rules[t.FolderID]
		t.Under(transcription.Rule{Retention: transcription.Retention{MediaDays: r.MediaDays, Days: r.Days}, Held: r.Held})
	}
	return err
}

// Retention returns what an owner says for all that no folder says otherwise for.
func (db *DB) Retention(ctx context.Context, owner uuid.UUID) (r transcription.Retention, err error) {
	err = db.bun.NewRaw("SELECT media_days, days FROM retention WHERE owner_id = ?", owner).Scan(ctx, &r.MediaDays, &r.Days)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return r, wrap(err, "read the retention of %s", owner)
}

// SetRetention says it anew.
func (db *DB) SetRetention(ctx context.Context, owner uuid.UUID, r transcription.Retention) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := ruled(ctx, tx, owner); err != nil {
			return err
		}
		_, err := tx.NewRaw("UPDATE retention SET media_days = ?, days = ? WHERE owner_id = ?", r.MediaDays, r.Days, owner).Exec(ctx)
		return err
	})
	return wrap(err, "set the retention of %s", owner)
}

// ruled locks an owner, who has a rule or a hold from now on, and has somebody look at once
// what is due.
func ruled(ctx context.Context, tx bun.Tx, owner uuid.UUID) error {
	if err := lockOwner(ctx, tx, owner); err != nil {
		return err
	}
	_, err := tx.NewRaw("INSERT INTO retention (owner_id) VALUES (?) ON CONFLICT (owner_id) DO UPDATE SET next_at = now()", owner).Exec(ctx)
	return ofOwner(err)
}

// SetFolderRetention says for how long what is in a folder is kept. NotFound: there is no such
// folder.
func (db *DB) SetFolderRetention(ctx context.Context, owner, id uuid.UUID, r transcription.Retention) (*transcription.Folder, error) {
	return db.ruleFolder(ctx, owner, id, func(q *bun.UpdateQuery) *bun.UpdateQuery {
		return q.Set("media_days = ?", r.MediaDays).Set("days = ?", r.Days)
	})
}

// HoldFolder puts a folder under a hold, or lifts that. NotFound: there is no such folder.
func (db *DB) HoldFolder(ctx context.Context, owner, id uuid.UUID, hold bool) (*transcription.Folder, error) {
	return db.ruleFolder(ctx, owner, id, func(q *bun.UpdateQuery) *bun.UpdateQuery { return q.Set("legal_hold = ?", hold) })
}

func (db *DB) ruleFolder(ctx context.Context, owner, id uuid.UUID, set func(*bun.UpdateQuery) *bun.UpdateQuery) (*transcription.Folder, error) {
	row := new(folderRow)
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := ruled(ctx, tx, owner); err != nil {
			return err
		}
		err := tx.NewUpdate().Model(row).Apply(set).Where("d.id = ?", id).Where("d.owner_id = ?", owner).Returning("*").Scan(ctx)
		return none(err, "There is no such folder.")
	})
	f := row.domain()
	return &f, wrap(err, "set the rule of folder %s", id)
}

// HoldTranscription puts a transcription under a hold, or lifts that, and returns whose it is.
// Where no owner is named, it does so for an administrator. NotFound: there is none of that id, or
// it belongs to somebody else than the owner. Forbidden hold_of_administrator: it is not the
// owner's to lift.
func (db *DB) HoldTranscription(ctx context.Context, owner, id uuid.UUID, hold bool) (uuid.UUID, error) {
	set := setHold
	if owner == uuid.Nil {
		set = setAdminHold
	}
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		err := tx.NewRaw("SELECT owner_id FROM transcriptions WHERE id = ?0 AND (owner_id = ?1 OR ?1 = ?2)", id, owner, uuid.Nil).Scan(ctx, &owner)
		if err != nil {
			return none(err, "There is no transcription %s.", id)
		}
		if err := ruled(ctx, tx, owner); err != nil {
			return err
		}
		return set(ctx, tx, id, hold)
	})
	return owner, wrap(err, "hold transcription %s", id)
}

// setHold sets or lifts the hold of the owner, who cannot lift that of an administrator.
func setHold(ctx context.Context, tx bun.Tx, id uuid.UUID, hold bool) error {
	h, err := lockHold(ctx, tx, id)
	if err == nil && h.AdminHold && !hold {
		err = transcription.HoldOfAdministrator()
	}
	if err != nil {
		return err
	}
	return h.become(ctx, tx, holdRow{ID: id, Run: h.Run, LegalHold: hold, AdminHold: h.AdminHold})
}

// setAdminHold sets the hold of an administrator, or lifts any.
func setAdminHold(ctx context.Context, tx bun.Tx, id uuid.UUID, hold bool) error {
	h, err := lockHold(ctx, tx, id)
	if err != nil {
		return err
	}
	return h.become(ctx, tx, holdRow{ID: id, Run: h.Run, LegalHold: hold, AdminHold: hold})
}

// holdRow is the hold that a transcription has by itself.
type holdRow struct {
	ID        uuid.UUID
	Run       int
	LegalHold bool
	AdminHold bool // an administrator has set it
}

func lockHold(ctx context.Context, tx bun.Tx, id uuid.UUID) (h holdRow, err error) {
	err = tx.NewRaw("SELECT id, run, legal_hold, admin_hold FROM transcriptions WHERE id = ? FOR UPDATE", id).Scan(ctx, &h)
	return h, none(err, "There is no transcription %s.", id)
}

// become makes one hold of a locked transcription another. What is held, and what is not any
// more, is told in its history.
func (h holdRow) become(ctx context.Context, tx bun.Tx, next holdRow) error {
	if h == next {
		return nil
	}
	_, err := tx.NewRaw("UPDATE transcriptions SET legal_hold = ?, admin_hold = ?, updated_at = clock_timestamp() WHERE id = ?", next.LegalHold, next.AdminHold, h.ID).Exec(ctx)
	if err != nil || h.LegalHold == next.LegalHold {
		return err
	}
	kind := map[bool]transcription.EventType{true: transcription.Held, false: transcription.HoldLifted}[next.LegalHold]
	changed(ctx, h.ID)
	return record(ctx, tx, event{ref: transcription.Ref{ID: h.ID, Run: h.Run}, kind: kind, by: transcription.Actor{Kind: transcription.ByUser}})
}

// underHold is true of a transcription t that is held, by itself or by a folder that it is in.
const underHold = "(t.legal_hold OR (SELECT held FROM retention_of(t.owner_id, t.folder_id)))"

// held reports whether a folder of an owner's, or one around it, is under a hold.
func held(ctx context.Context, tx bun.Tx, owner, folder uuid.UUID) (found bool, err error) {
	err = tx.NewRaw("SELECT held FROM retention_of(?, ?)", owner, optional(folder)).Scan(ctx, &found)
	return found, err
}

// stayHeld returns Conflict legal_hold when something would leave one folder for another and
// with that a hold.
func stayHeld(ctx context.Context, tx bun.Tx, owner, from, to uuid.UUID) error {
	if from == to {
		return nil
	}
	before, err := held(ctx, tx, owner, from)
	if err != nil || !before {
		return err
	}
	after, err := held(ctx, tx, owner, to)
	if err == nil && !after {
		err = transcription.UnderHold()
	}
	return err
}

// lookAgain is how long after all that was due is deleted somebody looks again. Rules are in
// days.
const lookAgain = 10 * time.Minute

// due selects what an owner's rules have come due for, the oldest first. The folders' rules are
// worked out from the top down, once for all.
const due = `WITH RECURSIVE rules AS (
		SELECT d.id, coalesce(d.media_days, r.media_days) AS media_days, coalesce(d.days, r.days) AS days, d.legal_hold AS held
		FROM folders AS d JOIN retention AS r ON r.owner_id = d.owner_id WHERE d.owner_id = ?0 AND d.parent_id IS NULL
		UNION ALL
		SELECT d.id, coalesce(d.media_days, rules.media_days), coalesce(d.days, rules.days), d.legal_hold OR rules.held FROM folders AS d JOIN rules ON d.parent_id = rules.id
	), kept AS (
		SELECT t.id, t.completed_at, files.gone,
			CASE WHEN t.folder_id IS NULL THEN r.media_days ELSE rules.media_days END AS media_days, CASE WHEN t.folder_id IS NULL THEN r.days ELSE rules.days END AS days
		FROM transcriptions AS t JOIN retention AS r ON r.owner_id = t.owner_id JOIN files ON files.id = t.file_id LEFT JOIN rules ON rules.id = t.folder_id
		WHERE t.owner_id = ?0 AND t.completed_at IS NOT NULL AND t.status = 'completed' AND NOT t.legal_hold AND NOT coalesce(rules.held, false)
	)
	SELECT id FROM kept
	WHERE days > 0 AND completed_at + make_interval(secs => days * 86400.0) <= now()
		OR media_days > 0 AND NOT gone AND completed_at + make_interval(secs => media_days * 86400.0) <= now()
	ORDER BY completed_at, id LIMIT ?1`

// DeleteExpired deletes recordings and transcriptions whose time is over, at most limit of them, and
// returns how many of each. The time is that of the database. Each is looked at again under the
// locks that a hold takes: what is held is never deleted, and what somebody is at work on is
// left for the next time.
func (db *DB) DeleteExpired(ctx context.Context, limit int) (media, whole int, err error) {
	var owners []uuid.UUID
	err = db.bun.NewRaw("SELECT owner_id FROM retention WHERE next_at <= now() ORDER BY next_at, owner_id LIMIT ?", limit).Scan(ctx, &owners)
	for i := 0; i < len(owners) && err == nil && limit > 0; i++ {
		var ids []uuid.UUID
		if err = db.bun.NewRaw(due, owners[i], limit).Scan(ctx, &ids); err != nil {
			break
		}
		for _, id := range ids {
			m, w, failure := db.expire(ctx, owners[i], id)
			media, whole, err = media+m, whole+w, errors.Join(err, failure)
		}
		if err == nil && len(ids) < limit {
			_, err = db.bun.NewRaw("UPDATE retention SET next_at = now() + make_interval(secs => ?) WHERE owner_id = ?", lookAgain.Seconds(), owners[i]).Exec(ctx)
		}
		limit -= len(ids)
	}
	return media, whole, wrap(err, "delete what has expired")
}

// fate is what a rule says of one transcription at this moment.
type fate struct {
	Run   int
	Gone  bool
	Held  bool // by somebody, or by a range that is on its way and needs the recording
	Media bool
	Whole bool
}

func (db *DB) expire(ctx context.Context, owner, id uuid.UUID) (media, whole int, err error) {
	err = db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		media, whole = 0, 0
		if err := lockOwner(ctx, tx, owner); err != nil {
			return err
		}
		err := tx.NewRaw("SELECT true FROM transcriptions WHERE id = ? AND owner_id = ? AND status = 'completed' FOR UPDATE SKIP LOCKED", id, owner).Scan(ctx, new(bool))
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		var f fate
		err = tx.NewRaw(`SELECT t.run, files.gone, t.legal_hold OR f.held OR EXISTS (SELECT FROM ranges AS x WHERE x.transcription_id = t.id AND x.status NOT IN (?1)) AS held,
				coalesce(f.media_days > 0 AND t.completed_at + make_interval(secs => f.media_days * 86400.0) <= now(), false) AS media,
				coalesce(f.days > 0 AND t.completed_at + make_interval(secs => f.days * 86400.0) <= now(), false) AS whole
			FROM transcriptions AS t JOIN files ON files.id = t.file_id, LATERAL retention_of(t.owner_id, t.folder_id) AS f WHERE t.id = ?0`, id, bun.List(ended())).Scan(ctx, &f)
		switch {
		case err != nil || f.Held:
			return err
		case f.Whole:
			whole = 1
			return errors.Join(remove(ctx, tx, owner, id), audit(ctx, tx, auth.Entry{Action: auth.TranscriptionExpired, SubjectID: owner}))
		case f.Media && !f.Gone:
			media = 1
			return db.dropMedia(ctx, tx, owner, transcription.Ref{ID: id, Run: f.Run})
		}
		return nil
	})
	return media, whole, err
}

// dropMedia deletes the recording of a locked transcription that is completed, and the outline
// of that. All that lies below its prefix is of the recording.
func (db *DB) dropMedia(ctx context.Context, tx bun.Tx, owner uuid.UUID, ref transcription.Ref) error {
	if err := throwAway(ctx, tx, ref.ID); err != nil {
		return err
	}
	if _, err := tx.NewRaw("UPDATE transcriptions SET peaks_key = '', updated_at = clock_timestamp() WHERE id = ?", ref.ID).Exec(ctx); err != nil {
		return err
	}
	changed(ctx, ref.ID)
	if err := record(ctx, tx, event{ref: ref, kind: transcription.MediaExpired, by: db.self}); err != nil {
		return err
	}
	if err := audit(ctx, tx, auth.Entry{Action: auth.MediaExpired, SubjectID: owner}); err != nil {
		return err
	}
	return discard(ctx, tx, transcription.Prefix(owner, ref.ID))
}
