package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

type entryRow struct {
	bun.BaseModel `bun:"table:audit,alias:a"`

	ID        int64     `bun:",pk,autoincrement"`
	At        time.Time `bun:",nullzero,default:clock_timestamp()"`
	Action    auth.Action
	UserID    uuid.NullUUID `bun:"type:uuid"`
	SubjectID uuid.NullUUID `bun:"type:uuid"`
	IP        string        `bun:"ip"`
	RequestID string
	Details   map[string]any `bun:"type:jsonb"`

	UserEmail    string `bun:",scanonly"`
	SubjectEmail string `bun:",scanonly"`
}

func (r *entryRow) domain() auth.Entry {
	return auth.Entry{
		ID: r.ID, At: r.At.UTC(), Action: r.Action, UserID: r.UserID.UUID, UserEmail: r.UserEmail, SubjectID: r.SubjectID.UUID, SubjectEmail: r.SubjectEmail,
		IP: r.IP, RequestID: r.RequestID, Details: r.Details,
	}
}

// AddEntry adds an entry to the audit log. NotFound: an account in it was deleted
// meanwhile.
func (db *DB) AddEntry(ctx context.Context, e auth.Entry) error {
	return wrap(audit(ctx, db.bun, e), "record %s", e.Action)
}

// audit adds an entry to the audit log, where need be in the transaction of what it tells.
func audit(ctx context.Context, idb bun.IDB, e auth.Entry) error {
	row := &entryRow{
		Action: e.Action, UserID: optional(e.UserID), SubjectID: optional(e.SubjectID), IP: clean(e.IP), RequestID: clean(e.RequestID), Details: map[string]any{},
	}
	if e.Details != nil {
		row.Details = e.Details
	}
	_, err := idb.NewInsert().Model(row).Exec(ctx)
	if sqlState(err) == foreignKeyViolation {
		return fault.Wrap(err, fault.NotFound, "There is no such account.")
	}
	return err
}

// auditRequest adds an entry of what the request of ctx does, in its transaction.
func auditRequest(ctx context.Context, tx bun.Tx, e auth.Entry) error {
	o := auth.OriginOf(ctx)
	e.IP, e.RequestID = o.IP, o.RequestID
	return audit(ctx, tx, e)
}

// optional returns NULL for the zero id. bun.NullZero panics where it is given an array.
func optional(id uuid.UUID) uuid.NullUUID { return uuid.NullUUID{UUID: id, Valid: id != uuid.Nil} }

// Entries returns a page of the audit log, newest first.
func (db *DB) Entries(ctx context.Context, f auth.EntryFilter) ([]auth.Entry, error) {
	var rows []entryRow
	q := db.bun.NewSelect().Model(&rows).ColumnExpr("a.*").
		ColumnExpr("coalesce(u.email, '') AS user_email").ColumnExpr("coalesce(s.email, '') AS subject_email").
		Join("LEFT JOIN users AS u ON u.id = a.user_id").Join("LEFT JOIN users AS s ON s.id = a.subject_id").
		Order("a.id DESC").Limit(int64(min(max(f.Limit, 1), auth.MaxPage)))
	if err := narrowed(q, f).Scan(ctx); err != nil {
		return nil, wrap(err, "read the audit log")
	}
	page := make([]auth.Entry, len(rows))
	for i := range rows {
		page[i] = rows[i].domain()
	}
	return page, nil
}

func narrowed(q *bun.SelectQuery, f auth.EntryFilter) *bun.SelectQuery {
	if f.Action != "" {
		q = q.Where("a.action = ?", f.Action)
	}
	if f.UserID != uuid.Nil {
		q = q.Where("a.user_id = ?", f.UserID)
	}
	if f.SubjectID != uuid.Nil {
		q = q.Where("a.subject_id = ?", f.SubjectID)
	}
	if !f.Since.IsZero() {
		q = q.Where("a.at >= ?", f.Since)
	}
	if !f.Until.IsZero() {
		q = q.Where("a.at < ?", f.Until)
	}
	if f.Before > 0 {
		q = q.Where("a.id < ?", f.Before)
	}
	return q
}
