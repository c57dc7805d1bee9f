package postgres

import (
	"context"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// takenOut takes transcriptions out of exports whose owners may not read them any more: their
// ids become zero, so that there are as many as before. A file that is complete has expired then,
// with its key; one that is being written is begun again, which is not counted as an attempt.
const takenOut = `WITH lost AS (
		SELECT x.id, x.state, x.lease_token, array_agg(u.id) AS ids
		FROM exports AS x CROSS JOIN LATERAL unnest(x.ids) AS u (id) JOIN unnest(?0::uuid[]) AS asked (id) ON asked.id = u.id
		WHERE x.id IN (?1) AND NOT EXISTS (
			SELECT FROM transcriptions AS t WHERE t.id = u.id AND (t.owner_id = x.owner_id OR shared_as(t.id, x.owner_id) IS NOT NULL))
		GROUP BY x.id
	)
	UPDATE exports AS x SET lease_token = NULL, lease_until = NULL,
		ids = ARRAY(SELECT CASE WHEN gone.id IS NULL THEN u.id ELSE ?2 END
			FROM unnest(x.ids) WITH ORDINALITY AS u (id, n) LEFT JOIN unnest(lost.ids) AS gone (id) ON gone.id = u.id ORDER BY u.n),
		state = CASE lost.state WHEN 'running' THEN 'waiting' ELSE lost.state END,
		attempts = CASE lost.state WHEN 'running' THEN x.attempts - 1 ELSE x.attempts END,
		expires_at = CASE WHEN x.expires_at > now() THEN now() ELSE x.expires_at END, sealed = NULL, sealed_by = ''
	FROM lost WHERE x.id = lost.id
	RETURNING x.id, x.owner_id, lost.state AS was, lost.lease_token AS token`

type takenOutRow struct {
	ID      uuid.UUID
	OwnerID uuid.UUID
	Was     transcription.ZipState
	Token   uuid.NullUUID
}

// takeOut takes those of the transcriptions out of exports that the owners of these may not read
// any more: they were deleted, or are shared with them no longer. Nothing else would remove
// a copy of a text that somebody has made in time.
func takeOut(ctx context.Context, tx bun.Tx, ids ...uuid.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	var exports []uuid.UUID
	err := tx.NewRaw("SELECT id FROM exports WHERE ids && ?::uuid[] ORDER BY id FOR UPDATE", pgdialect.Array(ids)).Scan(ctx, &exports)
	if err != nil || len(exports) == 0 {
		return err
	}
	var rows []takenOutRow
	if err := tx.NewRaw(takenOut, pgdialect.Array(ids), bun.List(exports), uuid.Nil).Scan(ctx, &rows); err != nil {
		return err
	}
	for _, r := range rows {
		switch z := (transcription.Zip{ID: r.ID, OwnerID: r.OwnerID}); r.Was {
		case transcription.ZipCompleted:
			err = discard(ctx, tx, transcription.Prefix(z.OwnerID, z.ID))
		case transcription.ZipRunning:
			err = discard(ctx, tx, z.Prefix(r.Token.UUID))
		case transcription.ZipWaiting, transcription.ZipFailed, transcription.ZipCanceled: // they have no file
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// below returns what is in a folder, and in the folders in it.
func below(ctx context.Context, tx bun.Tx, folder uuid.UUID) (ids []uuid.UUID, err error) {
	err = tx.NewRaw(`WITH RECURSIVE down AS (
			SELECT ?0::uuid AS id UNION SELECT d.id FROM folders AS d JOIN down ON d.parent_id = down.id
		) SELECT id FROM transcriptions WHERE folder_id IN (SELECT id FROM down)`, folder).Scan(ctx, &ids)
	return ids, err
}

// takeOutOf does so with all that is in exports of one owner.
func takeOutOf(ctx context.Context, tx bun.Tx, owner uuid.UUID) error {
	var ids []uuid.UUID
	err := tx.NewRaw("SELECT DISTINCT u.id FROM exports AS x CROSS JOIN LATERAL unnest(x.ids) AS u (id) WHERE x.owner_id = ? AND u.id <> ?", owner, uuid.Nil).Scan(ctx, &ids)
	if err != nil {
		return err
	}
	return takeOut(ctx, tx, ids...)
}
