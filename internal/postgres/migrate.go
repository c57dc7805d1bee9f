package postgres

import (
	"context"
	"errors"

	"github.com/uptrace/bun/migrate"

	"github.com/turboscribe/turboscribe/migrations"
)

// The advisory locks. They are told apart from those of other programs in the same
// database by the class.
const (
	lockClass    = 0x7453 // "tS"
	lockMigrate  = 1
	lockLead     = 2
	lockDispatch = 3
	// 4 is taken by the trigger users_last_admin.
	lockFamily = 0x7446 // class of its own: the second key is a sign-in
)

// Migrate brings the schema up to date. Several processes may call it at once: one
// does the work, the others wait for it.
func (db *DB) Migrate(ctx context.Context) error {
	if err := db.Check(ctx); err != nil {
		return err
	}
	return wrap(db.alone(ctx, func(m *migrate.Migrator) error {
		_, err := m.Migrate(ctx)
		return err
	}), "migrate the database")
}

// alone runs fn with a migrator while no other process migrates.
func (db *DB) alone(ctx context.Context, fn func(*migrate.Migrator) error) (err error) {
	found := migrate.NewMigrations()
	if err := found.Discover(migrations.FS); err != nil {
		return err
	}
	conn, err := db.bun.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock(?, ?)", lockClass, lockMigrate); err != nil {
		return err
	}
	defer func() {
		_, unlockErr := conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock(?, ?)", lockClass, lockMigrate)
		err = errors.Join(err, unlockErr)
	}()
	m := migrate.NewMigrator(db.bun, found, migrate.WithMarkAppliedOnSuccess(true))
	if err := m.Init(ctx); err != nil {
		return err
	}
	return fn(m)
}
