package transcription

import (
	"context"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// The limits of links.
const (
	MaxLinks     = 100 // of a transcription
	MaxLinkLabel = 100 // letters
)

// Link lets whoever knows its token read a transcription, or edit it, without an account.
type Link struct {
	ID              uuid.UUID
	TranscriptionID uuid.UUID
	Hash            auth.TokenHash // of the token, which is kept nowhere; unique
	Label           string         // by which its owner, and who reads the revisions, knows it
	Access          Access
	PasswordHash    string // a PHC string; empty: it asks for none
	CreatedAt       time.Time
	ExpiresAt       time.Time // zero: not before it is revoked
	Uses            int64     // how often a guest was given the text or has changed it
	UsedAt          time.Time // the last time; zero: never
}

// Lock returns the password of the link.
func (l *Link) Lock() auth.Lock { return auth.Lock{LinkID: l.ID, Hash: l.PasswordHash} }

// LinkStore keeps links. What a link lets its guest do is up to the reads and writes of a
// Store, each of which asks whether there still is such a link.
type LinkStore interface {
	// CreateLink inserts a link to a transcription of the owner's and sets its time.
	// NotFound: there is no such transcription. Conflict too_many_links.
	CreateLink(ctx context.Context, owner uuid.UUID, l *Link) error
	// Links returns the links to a transcription of the owner's, newest first.
	Links(ctx context.Context, owner, transcription uuid.UUID) ([]Link, error)
	// DeleteLink deletes a link to a transcription of the owner's.
	DeleteLink(ctx context.Context, owner, transcription, id uuid.UUID) error
	// LinkByHash returns a link that has not expired. NotFound: there is none, or its owner
	// was disabled.
	LinkByHash(ctx context.Context, hash auth.TokenHash) (*Link, error)
	// UseLink counts one use of a link.
	UseLink(ctx context.Context, id uuid.UUID) error
}

// TooManyLinks is the fault of one more than MaxLinks.
func TooManyLinks() error {
	return fault.New(fault.Conflict, "There are %d links to this transcription already, which is all there may be. Revoke one first.", MaxLinks).
		WithCode("too_many_links").With("limit", MaxLinks)
}

// Keyring makes and checks what opens links; auth.Service does.
type Keyring interface {
	NewLinkToken() (token string, hash auth.TokenHash, err error)
	HashLinkPassword(ctx context.Context, password string) (string, error)
	Unlock(ctx context.Context, l auth.Lock, password string) (proof string, expires time.Time, err error)
	Unlocked(l auth.Lock, proof string) bool
}

// Links is what people can do with links, and guests by them.
type Links struct {
	*Service
	keys Keyring
}

// NewLinks returns the links of a service.
func NewLinks(s *Service, keys Keyring) *Links { return &Links{s, keys} }

// NewLink is what somebody wants of a link.
type NewLink struct {
	Access    Access
	Label     string
	Password  string    // empty: none
	ExpiresAt time.Time // zero: not before it is revoked
}

// Create makes a link to a transcription of the caller's and returns it with its token,
// which nobody will be told again. Forbidden key_not_allowed: the caller is an API key, which
// could leave itself a way in; owner_only. Invalid invalid_access, invalid_label,
// invalid_expiry, or what is wrong with the password. Conflict too_many_links.
func (s *Links) Create(ctx context.Context, who auth.Actor, id uuid.UUID, in NewLink) (l *Link, token string, err error) {
	if err := mayShare(who); err != nil {
		return nil, "", err
	}
	if err := s.check(&in); err != nil {
		return nil, "", err
	}
	l = &Link{TranscriptionID: id, Label: in.Label, Access: in.Access, ExpiresAt: in.ExpiresAt}
	if l.ID, err = uuid.NewV7(); err != nil {
		return nil, "", err
	}
	if token, l.Hash, err = s.keys.NewLinkToken(); err != nil {
		return nil, "", err
	}
	if in.Password != "" {
		if l.PasswordHash, err = s.keys.HashLinkPassword(ctx, in.Password); err != nil {
			return nil, "", err
		}
	}
	if err := s.store.CreateLink(ctx, who.UserID, l); err != nil {
		return nil, "", s.withheld(ctx, who, id, err)
	}
	return l, token, nil
}

// mayShare returns the fault of who may not let others at what is theirs.
func mayShare(who auth.Actor) error {
	if err := who.InPerson(); err != nil {
		return err
	}
	return who.Require(auth.WriteTranscriptions)
}

func (s *Links) check(in *NewLink) error {
	if in.Label = clean(in.Label); utf8.RuneCountInString(in.Label) > MaxLinkLabel {
		return fault.New(fault.Invalid, "The label of a link has at most %d letters.", MaxLinkLabel).WithCode("invalid_label").With("field", "label")
	}
	if !in.ExpiresAt.IsZero() && !in.ExpiresAt.After(s.now()) {
		return fault.New(fault.Invalid, "The link would have expired already. Choose a later moment, or none for a link that is good until you revoke it.").
			WithCode("invalid_expiry").With("field", "expiresAt")
	}
	return checkAccess(in.Access)
}

// List returns the links to a transcription of the caller's, newest first.
func (s *Links) List(ctx context.Context, who auth.Actor, id uuid.UUID) ([]Link, error) {
	if err := who.Require(auth.ReadTranscriptions); err != nil {
		return nil, err
	}
	list, err := s.store.Links(ctx, who.UserID, id)
	return list, s.withheld(ctx, who, id, err)
}

// Revoke ends a link to a transcription of the caller's, at once and everywhere.
func (s *Links) Revoke(ctx context.Context, who auth.Actor, id, link uuid.UUID) error {
	if err := mayShare(who); err != nil {
		return err
	}
	return s.withheld(ctx, who, id, s.store.DeleteLink(ctx, who.UserID, id, link))
}

// Open lets a guest in by the token of a link, and counts that. NotFound, whatever is wrong
// with the token: there never was such a link, it has expired or was revoked.
// Unauthenticated password_required: the proof is not that of Unlock.
func (s *Links) Open(ctx context.Context, token, proof string) (auth.Actor, *Link, error) {
	l, err := s.find(ctx, token)
	if err != nil {
		return auth.Actor{}, nil, err
	}
	if !s.keys.Unlocked(l.Lock(), proof) {
		return auth.Actor{}, l, fault.New(fault.Unauthenticated, "This link asks for a password, which whoever has sent it knows.").WithCode("password_required")
	}
	if err := s.store.UseLink(ctx, l.ID); err != nil {
		return auth.Actor{}, nil, err
	}
	return auth.Guest(l.ID, l.Label, l.Access == ToEdit), l, nil
}

// find returns the link of a token without letting anybody in. NotFound as for Open.
func (s *Links) find(ctx context.Context, token string) (*Link, error) {
	l, err := s.store.LinkByHash(ctx, auth.LinkHash(token))
	if fault.Is(err, fault.NotFound) {
		return nil, fault.Wrap(err, fault.NotFound, "There is nothing at this link: it was not copied as a whole, has expired or was revoked.").WithCode("link_not_found")
	}
	return l, err
}

// Unlock returns what proves to Open, until it expires, that a guest knows the password of a
// link. NotFound as for Open. Forbidden wrong_password. RateLimited too_many_attempts.
func (s *Links) Unlock(ctx context.Context, token, password string) (l *Link, proof string, expires time.Time, err error) {
	if l, err = s.find(ctx, token); err != nil {
		return nil, "", time.Time{}, err
	}
	proof, expires, err = s.keys.Unlock(ctx, l.Lock(), password)
	return l, proof, expires, err
}
