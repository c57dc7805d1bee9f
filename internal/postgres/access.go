package postgres

import (
	"context"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
)

// mayRead and mayEdit are conditions: a transcription t is the owner's, or the function
// shared_as of the database lets who come to it, which alone knows how. The owner is looked
// at first, so that whoever polls what is theirs pays nothing for what others share.
const (
	mayRead = "(t.owner_id = ?0 OR shared_as(t.id, ?0) IS NOT NULL)"
	mayEdit = "(t.owner_id = ?0 OR shared_as(t.id, ?0) = 'edit')"
)

// sharedAs are the columns that say how, and by whom, empty for the owner.
const sharedAs = "CASE WHEN t.owner_id = ?0 THEN '' ELSE coalesce(shared_as(t.id, ?0), '') END AS shared, " +
	"CASE WHEN t.owner_id = ?0 THEN '' ELSE address_of(t.owner_id) END AS shared_by"

// readable narrows a query of transcriptions to those that who may read.
func readable(q *bun.SelectQuery, who uuid.UUID) *bun.SelectQuery {
	return q.ColumnExpr(sharedAs, who).Where(mayRead, who)
}

// isReadable returns NotFound unless who may read a transcription.
func isReadable(ctx context.Context, db bun.IDB, who, id uuid.UUID) error {
	err := db.NewRaw("SELECT true FROM transcriptions AS t WHERE "+mayRead+" AND t.id = ?1", who, id).Scan(ctx, new(bool))
	return none(err, "There is no transcription %s.", id)
}

// lockToEdit locks the row of a transcription that who may edit and returns which text that
// is. NotFound: they may not. Others than the owner lock the owner first, as do all who take
// rights away: what was revoked changes nothing any more.
func lockToEdit(ctx context.Context, tx bun.Tx, who, id uuid.UUID) (run, revision int, err error) {
	var owner uuid.UUID
	if err := tx.NewRaw("SELECT owner_id FROM transcriptions AS t WHERE "+mayEdit+" AND t.id = ?1", who, id).Scan(ctx, &owner); err != nil {
		return 0, 0, none(err, "There is no transcription %s.", id)
	}
	if owner != who {
		if _, err := tx.ExecContext(ctx, "SELECT FROM users WHERE id = ? FOR SHARE", owner); err != nil {
			return 0, 0, err
		}
	}
	err = tx.NewRaw("SELECT run, revision FROM transcriptions AS t WHERE "+mayEdit+" AND t.id = ?1 FOR UPDATE", who, id).Scan(ctx, &run, &revision)
	return run, revision, none(err, "There is no transcription %s.", id)
}

// shakeOff has those who follow what is in work of a folder, and in the folders in it, asked
// again whether they may: the folder is about to be somewhere else, or shared no more. The
// time of the row shows it to those whom no hint reaches.
func shakeOff(ctx context.Context, tx bun.Tx, folder uuid.UUID) error {
	return shake(ctx, tx, `WITH RECURSIVE down AS (
			SELECT ?0::uuid AS id UNION SELECT d.id FROM folders AS d JOIN down ON d.parent_id = down.id
		) SELECT id FROM transcriptions WHERE folder_id IN (SELECT id FROM down) AND status NOT IN ('completed', 'failed', 'canceled') ORDER BY id FOR UPDATE`, folder)
}

func shake(ctx context.Context, tx bun.Tx, query string, of uuid.UUID) error {
	var ids []uuid.UUID
	if err := tx.NewRaw(query, of).Scan(ctx, &ids); err != nil || len(ids) == 0 {
		return err
	}
	for _, id := range ids {
		changed(ctx, id)
	}
	_, err := tx.NewRaw("UPDATE transcriptions SET updated_at = clock_timestamp() WHERE id IN (?)", bun.List(ids)).Exec(ctx)
	return err
}
