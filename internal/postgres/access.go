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

// sharedAs is the column that says how, empty for the owner.
const sharedAs = "CASE WHEN t.owner_id = ?0 THEN '' ELSE coalesce(shared_as(t.id, ?0), '') END AS shared"

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
// is. NotFound: they may not. It asks again once it has the lock, which whoever takes the
// right away has as well: what was revoked changes nothing any more.
func lockToEdit(ctx context.Context, tx bun.Tx, who, id uuid.UUID) (run, revision int, err error) {
	err = tx.NewRaw("SELECT run, revision FROM transcriptions AS t WHERE "+mayEdit+" AND t.id = ?1 FOR UPDATE", who, id).Scan(ctx, &run, &revision)
	if err == nil {
		err = tx.NewRaw("SELECT true FROM transcriptions AS t WHERE "+mayEdit+" AND t.id = ?1", who, id).Scan(ctx, new(bool))
	}
	return run, revision, none(err, "There is no transcription %s.", id)
}
