package postgres

import (
	"context"

	"github.com/rs/zerolog"
	"github.com/uptrace/bun"
)

// TryLead makes the caller the only leader among all processes, or reports that
// another one is. The right is held by one connection of the pool until release is
// called; if that connection breaks, another process may lead meanwhile. Take it
// for one round of work, which must therefore be safe to do twice, and release it.
func (db *DB) TryLead(ctx context.Context) (release func(), ok bool, err error) {
	conn, err := db.bun.Conn(ctx)
	if err != nil {
		return nil, false, wrap(err, "try to lead")
	}
	err = conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock(?, ?)", lockClass, lockLead).Scan(&ok)
	if err == nil && ok {
		return func() { resign(context.WithoutCancel(ctx), conn) }, true, nil
	}
	if closeErr := conn.Close(); err == nil {
		err = closeErr
	}
	return nil, false, wrap(err, "try to lead")
}

// resign gives the lead back. A connection that cannot be unlocked is broken, and
// the server has unlocked it already.
func resign(ctx context.Context, conn bun.Conn) {
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_unlock(?, ?)", lockClass, lockLead); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("lost the lead's connection")
	}
	if err := conn.Close(); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("close the lead's connection")
	}
}
