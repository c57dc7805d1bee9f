package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// The SQLSTATEs that are acted on.
const (
	foreignKeyViolation  = "23503"
	uniqueViolation      = "23505"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	tooManyConnections   = "53300"
	lockNotAvailable     = "55P03" // within lock_timeout
	queryCanceled        = "57014" // by statement_timeout, where nobody has left
	lastAdmin            = "TS001" // ours: raised by the trigger users_last_admin
	classConnection      = "08"
	classShutdown        = "57P" // admin_shutdown, crash_shutdown, cannot_connect_now
)

// wrap says what was being done and gives err its meaning: NotFound for no rows,
// Conflict for a duplicate and for what would leave nobody to administer, Unavailable for a server that does not answer, or not in time. A fault
// keeps its kind, and anything else is Internal.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), meaning(err))
}

func meaning(err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, sql.ErrNoRows):
		return fault.Wrap(err, fault.NotFound, "There is nothing of that name.")
	case sqlState(err) == uniqueViolation:
		return fault.Wrap(err, fault.Conflict, "That exists already.")
	case sqlState(err) == lastAdmin:
		return fault.Wrap(err, fault.Conflict, "That is the last administrator of this installation. Make somebody else one first.").WithCode("last_admin")
	case sqlState(err) == lockNotAvailable:
		return fault.Wrap(err, fault.Unavailable, "Somebody else is changing the same at the moment, and that takes long. Try again in a moment.").WithCode("locked")
	case sqlState(err) == queryCanceled:
		return fault.Wrap(err, fault.Unavailable, "This took the database too long and was broken off. Try again later, or ask for less at once.").WithCode("too_slow")
	case unreachable(err):
		return fault.Wrap(err, fault.Unavailable, "The database does not answer. Try again in a moment.")
	default:
		return err
	}
}

// sqlState returns the server's code for err, empty when it does not come from
// the server.
func sqlState(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

func unreachable(err error) bool {
	if code := sqlState(err); code != "" {
		return code == tooManyConnections || strings.HasPrefix(code, classConnection) || strings.HasPrefix(code, classShutdown)
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// transient reports whether the server gave up a transaction that may well
// succeed when it is begun again.
func transient(err error) bool {
	code := sqlState(err)
	return code == serializationFailure || code == deadlockDetected
}

// none returns a NotFound fault with the message when err means that there is no
// row, else err.
func none(err error, format string, args ...any) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fault.Wrap(err, fault.NotFound, format, args...)
	}
	return err
}

// settled is for callers to whom a run that is over, replaced or deleted is no
// error: there is nothing left to do.
func settled(err error) error {
	if fault.Is(err, fault.Conflict) || fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}
