package postgres

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

type folderRow struct {
	bun.BaseModel `bun:"table:folders,alias:d"`

	ID        uuid.UUID `bun:",pk"`
	OwnerID   uuid.UUID
	ParentID  uuid.UUID `bun:",nullzero"`
	Name      string
	CreatedAt time.Time `bun:",nullzero,default:clock_timestamp()"`
	MediaDays *int
	Days      *int
	LegalHold bool
}

func newFolderRow(f *transcription.Folder) *folderRow {
	return &folderRow{ID: f.ID, OwnerID: f.OwnerID, ParentID: f.ParentID, Name: clean(f.Name)}
}

func (r folderRow) domain() transcription.Folder {
	return transcription.Folder{
		ID: r.ID, OwnerID: r.OwnerID, ParentID: r.ParentID, Name: r.Name, CreatedAt: r.CreatedAt.UTC(),
		Retention: transcription.Retention{MediaDays: r.MediaDays, Days: r.Days}, LegalHold: r.LegalHold,
	}
}

// Folders returns all folders of an owner's, by name.
func (db *DB) Folders(ctx context.Context, owner uuid.UUID) ([]transcription.Folder, error) {
	var rows []folderRow
	err := db.bun.NewSelect().Model(&rows).Where("d.owner_id = ?", owner).Order("d.name", "d.id").Limit(transcription.MaxFolders).Scan(ctx)
	return each(rows, folderRow.domain), wrap(err, "list folders")
}

// CreateFolder inserts a folder and sets its time. NotFound: there is no such parent.
// Conflict folder_exists, too_many_folders.
func (db *DB) CreateFolder(ctx context.Context, f *transcription.Folder) error {
	row := newFolderRow(f)
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := lockFolders(ctx, tx, f); err != nil {
			return err
		}
		n, err := tx.NewSelect().Model((*folderRow)(nil)).Where("d.owner_id = ?", f.OwnerID).Count(ctx)
		if err == nil && n >= transcription.MaxFolders {
			err = transcription.TooManyFolders()
		}
		if err != nil {
			return err
		}
		return tx.NewInsert().Model(row).Returning("created_at").Scan(ctx)
	})
	f.CreatedAt = row.CreatedAt.UTC()
	return wrap(err, "create folder %s", f.ID)
}

// ChangeFolder changes the name and the parent. NotFound: there is no such folder, or no
// such parent. Conflict folder_exists, legal_hold. Invalid folder_in_itself.
func (db *DB) ChangeFolder(ctx context.Context, f *transcription.Folder) error {
	row := newFolderRow(f)
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := lockFolders(ctx, tx, f); err != nil {
			return err
		}
		var within bool
		err := tx.NewRaw(`WITH RECURSIVE up AS (
				SELECT id, parent_id FROM folders WHERE id = ?0
				UNION SELECT d.id, d.parent_id FROM folders AS d JOIN up ON d.id = up.parent_id
			) SELECT EXISTS (SELECT FROM up WHERE id = ?1)`, f.ParentID, f.ID).Scan(ctx, &within)
		if err == nil && within {
			err = transcription.FolderInItself()
		}
		if err != nil {
			return err
		}
		var parent uuid.NullUUID
		if err := tx.NewRaw("SELECT parent_id FROM folders WHERE id = ? AND owner_id = ?", f.ID, f.OwnerID).Scan(ctx, &parent); err != nil {
			return none(err, "There is no such folder.")
		}
		if err := stayHeld(ctx, tx, f.OwnerID, parent.UUID, f.ParentID); err != nil {
			return err
		}
		err = tx.NewUpdate().Model(row).Column("name", "parent_id").WherePK().Where("owner_id = ?", f.OwnerID).Returning("*").Scan(ctx)
		if err != nil {
			return err
		}
		return unshared(ctx, tx, f.ID)
	})
	if err == nil {
		*f = row.domain()
	}
	return wrap(err, "change folder %s", f.ID)
}

// lockFolders orders the changes of one owner's folders, and looks for the parent and the
// name.
func lockFolders(ctx context.Context, tx bun.Tx, f *transcription.Folder) error {
	if err := lockOwner(ctx, tx, f.OwnerID); err != nil {
		return err
	}
	if f.ParentID != uuid.Nil {
		if err := ownFolder(ctx, tx, f.OwnerID, f.ParentID); err != nil {
			return err
		}
	}
	taken, err := tx.NewSelect().Model((*folderRow)(nil)).Where("d.owner_id = ?", f.OwnerID).Where("d.id <> ?", f.ID).
		Where("coalesce(d.parent_id, ?) = ?", uuid.Nil, f.ParentID).Where("lower(d.name) = lower(?)", f.Name).Exists(ctx)
	if err == nil && taken {
		err = transcription.FolderExists(f.Name)
	}
	return err
}

// ownFolder returns NotFound unless a folder is the owner's, and keeps it from being
// deleted meanwhile.
func ownFolder(ctx context.Context, tx bun.Tx, owner, id uuid.UUID) error {
	var there bool
	err := tx.NewRaw("SELECT true FROM folders WHERE id = ? AND owner_id = ? FOR KEY SHARE", id, owner).Scan(ctx, &there)
	return none(err, "There is no such folder.")
}

// DeleteFolder removes a folder; what is in it goes to where it was. A folder in it whose
// name is taken there keeps it, with a part of its id. NotFound: there is no such folder.
// Conflict legal_hold: it is what holds them.
func (db *DB) DeleteFolder(ctx context.Context, owner, id uuid.UUID) error {
	err := db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := lockFolders(ctx, tx, &transcription.Folder{OwnerID: owner}); err != nil {
			return err
		}
		row := &folderRow{ID: id} // locked, so that nothing comes into it meanwhile
		if err := tx.NewSelect().Model(row).WherePK().Where("d.owner_id = ?", owner).For("UPDATE").Scan(ctx); err != nil {
			return none(err, "There is no such folder.")
		}
		if err := stayHeld(ctx, tx, owner, id, row.ParentID); err != nil {
			return err
		}
		if err := shakeOff(ctx, tx, id); err != nil {
			return err
		}
		within, err := below(ctx, tx, id)
		if err != nil {
			return err
		}
		parent := optional(row.ParentID)
		if _, err := tx.NewRaw("UPDATE transcriptions SET folder_id = ?, updated_at = clock_timestamp() WHERE folder_id = ?", parent, id).Exec(ctx); err != nil {
			return err
		}
		if _, err := tx.NewRaw("UPDATE batches SET folder_id = ? WHERE folder_id = ?", parent, id).Exec(ctx); err != nil {
			return err
		}
		_, err = tx.NewRaw(`UPDATE folders AS d SET parent_id = ?0, name = CASE WHEN EXISTS (
				SELECT FROM folders AS o WHERE o.owner_id = d.owner_id AND o.parent_id IS NOT DISTINCT FROM ?0 AND lower(o.name) = lower(d.name) AND o.id <> ?1
			) THEN left(d.name, 180) || ' ' || left(right(d.id::text, 12), 8) ELSE d.name END WHERE d.parent_id = ?1`, parent, id).Exec(ctx)
		if err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model(row).WherePK().Exec(ctx); err != nil {
			return err
		}
		return takeOut(ctx, tx, within...)
	})
	return wrap(err, "delete folder %s", id)
}

// Arrange moves, tags and archives transcriptions, and returns those of them that are the
// owner's. NotFound: there is no such folder. Invalid too_many_tags. Conflict legal_hold.
func (db *DB) Arrange(ctx context.Context, owner uuid.UUID, ids []uuid.UUID, a transcription.Arrangement) (found []uuid.UUID, err error) {
	err = db.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		found = nil
		// Holds and shares of folders lock the owner as well: who moves something out of a
		// shared folder takes it back.
		if err := lockOwner(ctx, tx, owner); err != nil {
			return err
		}
		if a.Folder != nil && *a.Folder != uuid.Nil {
			if err := ownFolder(ctx, tx, owner, *a.Folder); err != nil {
				return err
			}
		}
		var rows []arrangedRow
		err := tx.NewRaw("SELECT id, tags, folder_id FROM transcriptions WHERE owner_id = ? AND id IN (?) ORDER BY id FOR UPDATE", owner, bun.List(ids)).Scan(ctx, &rows)
		if err != nil || len(rows) == 0 {
			return err
		}
		found = each(rows, func(r arrangedRow) uuid.UUID { return r.ID })
		if err := arrange(ctx, tx, owner, rows, a); err != nil || a.Folder == nil {
			return err
		}
		return takeOut(ctx, tx, found...)
	})
	return found, wrap(err, "arrange %d transcriptions", len(ids))
}

type arrangedRow struct {
	ID       uuid.UUID `json:"id"`
	Tags     []string  `json:"tags" bun:",array"`
	FolderID uuid.UUID `json:"-"`
}

// arrange changes locked transcriptions of one owner, all in one statement.
func arrange(ctx context.Context, tx bun.Tx, owner uuid.UUID, rows []arrangedRow, a transcription.Arrangement) error {
	if err := stayAllHeld(ctx, tx, owner, rows, a); err != nil {
		return err
	}
	for i := range rows {
		r := &rows[i]
		if r.Tags = a.Arranged(r.Tags); len(r.Tags) > transcription.MaxTags {
			return transcription.TooManyTags()
		}
		changed(ctx, r.ID)
	}
	list, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	q := tx.NewUpdate().Model((*transcriptionRow)(nil)).TableExpr("jsonb_to_recordset(?::jsonb) AS x (id uuid, tags text[])", string(list)).
		Set("tags = x.tags").Set("updated_at = clock_timestamp()").Where("t.id = x.id")
	if a.Folder != nil {
		q = q.Set("folder_id = ?", optional(*a.Folder))
	}
	if a.Archived != nil && *a.Archived {
		q = q.Set("archived_at = coalesce(t.archived_at, clock_timestamp())")
	}
	if a.Archived != nil && !*a.Archived {
		q = q.Set("archived_at = NULL")
	}
	_, err = q.Exec(ctx)
	return err
}

// stayAllHeld is stayHeld for everything that is to be moved, once for each folder.
func stayAllHeld(ctx context.Context, tx bun.Tx, owner uuid.UUID, rows []arrangedRow, a transcription.Arrangement) error {
	if a.Folder == nil {
		return nil
	}
	seen := map[uuid.UUID]bool{}
	for _, r := range rows {
		if seen[r.FolderID] {
			continue
		}
		seen[r.FolderID] = true
		if err := stayHeld(ctx, tx, owner, r.FolderID, *a.Folder); err != nil {
			return err
		}
	}
	return nil
}
