package auth

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// Action names what an entry of the audit log tells of.
type Action string

// The actions. They are for programs, too, and never change.
const (
	SignedIn        Action = "session.created"
	SignInRefused   Action = "session.refused" // details: reason
	SignedOut       Action = "session.ended"
	SessionReused   Action = "session.reused"       // a refresh token came back, and its sign-in was ended
	AccountCreated  Action = "account.created"      // details: role, and provider where there is one
	RoleChanged     Action = "account.role_changed" // details: from, to
	AccountDisabled Action = "account.disabled"
	AccountEnabled  Action = "account.enabled"
	QuotaChanged    Action = "account.quota_changed"
	KeyCreated      Action = "key.created"      // details: prefix, scopes
	KeyRevoked      Action = "key.revoked"      // details: prefix, scopes
	QueuePaused     Action = "queue.paused"     // details: queue
	QueueResumed    Action = "queue.resumed"    // details: queue
	QueuesChanged   Action = "queue.intervened" // in the dashboard; details: method, queue, action
	UploadGranted   Action = "upload.granted"   // a token for uploads

	IdentityLinked   Action = "identity.linked"   // details: provider
	IdentityUnlinked Action = "identity.unlinked" // details: provider

	AccountHandedOver Action = "account.handed_over" // to whom a provider knows by its address; details: provider

	TranscriptionDeleted Action = "transcription.deleted" // with its recording
	LinkCreated          Action = "link.created"          // to a transcription; details: access
	LinkRevoked          Action = "link.revoked"
	TranscriptionExpired Action = "transcription.expired" // the same, as its retention says
	MediaExpired         Action = "media.expired"         // the recording alone
	HoldSet              Action = "hold.set"              // details: of
	HoldLifted           Action = "hold.lifted"           // details: of
	RetentionChanged     Action = "retention.changed"     // details: of
	ShareGiven           Action = "share.given"           // to an address; details: access
	ShareRevoked         Action = "share.revoked"
)

// Entry is one thing that the audit log tells. Entries outlive the account they tell of,
// which is taken out of them then: so Details holds no addresses, names, texts or ids of
// anything that belongs to a person, and least of all secrets.
type Entry struct {
	ID           int64
	At           time.Time
	Action       Action
	UserID       uuid.UUID // who did it; zero: nobody who was signed in, or the account is gone
	UserEmail    string    // only when read
	SubjectID    uuid.UUID // whose account it was done to; zero: nobody's, or the account is gone
	SubjectEmail string    // only when read
	IP           string    // empty: no request has caused it
	RequestID    string
	Details      map[string]any
}

// EntryFilter narrows the audit log.
type EntryFilter struct {
	Action    Action    // empty: all
	UserID    uuid.UUID // zero: all
	SubjectID uuid.UUID // zero: all
	Since     time.Time // zero: from the first
	Until     time.Time // zero: to the last
	Before    int64     // only entries older than the one of that id; 0: from the newest
	Limit     int       // 1–MaxPage
}

// MaxPage is the largest page of a list.
const MaxPage = 100

// AuditStore keeps the audit log. Nothing in it changes any more, but that accounts
// which are deleted are taken out.
type AuditStore interface {
	// AddEntry adds an entry and gives it its time.
	AddEntry(ctx context.Context, e Entry) error
	// Entries returns a page, newest first.
	Entries(ctx context.Context, f EntryFilter) ([]Entry, error)
}

// Origin is where a request came from.
type Origin struct {
	IP        string
	UserAgent string
	RequestID string
	Device    string // what it says it is known by, see Grant
}

type originKey struct{}

// WithOrigin returns a context for what a request from there causes.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginOf returns where the request came from that ctx belongs to, the zero Origin
// when it belongs to none.
func OriginOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}

// Audit adds an entry to the audit log. Action, SubjectID and Details come from the
// caller; UserID too where it is not the subject itself. The address and the id of the
// request are those of ctx.
//
// Call it when the thing is done and before its success is told, and pass the error on:
// what cannot be recorded shall not look as if all were well. What a store writes in one
// transaction with its entries, such as ChangeUser, gets an Entry instead.
func (s *Service) Audit(ctx context.Context, e Entry) error {
	if e.UserID == uuid.Nil && e.Action != SignInRefused {
		e.UserID = e.SubjectID
	}
	return s.store.AddEntry(ctx, e.From(ctx))
}

// From returns the entry with where the request of ctx came from.
func (e Entry) From(ctx context.Context) Entry {
	o := OriginOf(ctx)
	e.IP, e.RequestID = o.IP, o.RequestID
	return e
}

// AuditLog returns a page of the audit log, newest first. Forbidden: the caller may not
// read it.
func (s *Service) AuditLog(ctx context.Context, who Actor, f EntryFilter) ([]Entry, error) {
	if err := who.Require(ReadAudit); err != nil {
		return nil, err
	}
	if err := checkLimit(f.Limit); err != nil {
		return nil, err
	}
	return s.store.Entries(ctx, f)
}

func checkLimit(n int) error {
	if n < 1 || n > MaxPage {
		return fault.New(fault.Invalid, "The limit must be between 1 and %d.", MaxPage).WithCode("invalid_limit").With("field", "limit")
	}
	return nil
}
