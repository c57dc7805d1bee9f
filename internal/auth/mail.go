package auth

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// MailKind says what a mail is for.
type MailKind string

// The kinds of mail.
const (
	VerificationMail MailKind = "verify"
	ResetMail        MailKind = "reset"
	PasswordNotice   MailKind = "password_changed"
	AddressNotice    MailKind = "email_changed"
	LinkNotice       MailKind = "identity_linked"
	KeyNotice        MailKind = "key_created"
	HandOverNotice   MailKind = "handed_over"
	FactorNotice     MailKind = "factor_added"
	NoFactorNotice   MailKind = "factor_removed"
)

// Mail is one that is to be sent. What it says, with the token of its ticket, is made
// when it is sent and kept nowhere.
type Mail struct {
	ID        uuid.UUID
	Kind      MailKind
	To        string
	UserID    uuid.UUID // zero: whoever has that address, if anybody
	CreatedAt time.Time
	Attempts  int // begun, this one included
}

// How many mails of one kind one address gets at most. What is more is not sent: nobody
// shall fill somebody's mailbox from here.
const (
	MailsPerHour = 5
	mailEvery    = time.Second
	mailAttempts = 8
	mailLease    = 15 * time.Second // the first one; each attempt doubles it
)

// MailStore keeps the mails that are to be sent, so that none is lost with a process.
type MailStore interface {
	// QueueMail inserts m, unless one of the kind waits for that address already or
	// MailsPerHour were queued in the hour before. It does the same work whoever has
	// the address.
	QueueMail(ctx context.Context, m Mail) error
	// ClaimMail returns a mail that is due, and has it due again at the time that
	// again returns for its attempts. NotFound: none is.
	ClaimMail(ctx context.Context, now time.Time, again func(attempts int) time.Time) (*Mail, error)
	// FinishMail has a mail not sent any more, and forgets those of an hour before.
	FinishMail(ctx context.Context, id uuid.UUID, at time.Time) error
}

// Letter is a mail as it is sent.
type Letter struct{ To, Subject, Text string }

// Mailer sends letters.
type Mailer interface {
	// Send hands a letter over to whoever delivers it. A permanent fault says that
	// trying again cannot help.
	Send(ctx context.Context, l Letter) error
}

// ask queues a mail to whoever has an address.
func (s *Service) ask(ctx context.Context, k MailKind, email string) error {
	email, err := s.reachable(email)
	if err != nil {
		return err
	}
	return s.queue(ctx, Mail{Kind: k, To: email})
}

// reachable returns an address in its one form. Forbidden mail_not_configured: there is
// no way to send mail to it.
func (s *Service) reachable(email string) (string, error) {
	if s.mailer == nil {
		return "", fault.New(fault.Forbidden, "This installation sends no mail. Ask an administrator of it for help.").WithCode("mail_not_configured")
	}
	return NormaliseEmail(email)
}

// notify tells a user by mail what has become of their account, where mail is sent.
func (s *Service) notify(ctx context.Context, u *User, k MailKind) error {
	if s.mailer == nil {
		return nil
	}
	return s.queue(ctx, Mail{Kind: k, To: u.Email, UserID: u.ID})
}

func (s *Service) queue(ctx context.Context, m Mail) (err error) {
	if m.ID, err = s.newID(); err != nil {
		return err
	}
	m.CreatedAt = s.now()
	return s.store.QueueMail(ctx, m)
}

// DeliverMail sends what is due until ctx ends. Several processes may do so.
func (s *Service) DeliverMail(ctx context.Context) error {
	tick := time.NewTicker(mailEvery)
	defer tick.Stop()
	for {
		if err := s.SendMail(ctx); err != nil && ctx.Err() == nil {
			zerolog.Ctx(ctx).Error().Err(err).Msg("mail waits")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// SendMail sends all that is due. A mail that the server does not take is tried again,
// after 15 seconds, then half a minute and so on, eight times in all.
func (s *Service) SendMail(ctx context.Context) error {
	if s.mailer == nil {
		return nil
	}
	for ctx.Err() == nil {
		m, err := s.store.ClaimMail(ctx, s.now(), func(attempts int) time.Time { return s.now().Add(mailLease << attempts) })
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.send(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) send(ctx context.Context, m *Mail) error {
	log := zerolog.Ctx(ctx).With().Stringer("mail", m.ID).Str("kind", string(m.Kind)).Int("attempt", m.Attempts).Logger()
	l, err := s.letter(ctx, m)
	if err != nil {
		return fmt.Errorf("write mail %s: %w", m.ID, err)
	}
	if l == nil {
		return s.store.FinishMail(ctx, m.ID, s.now())
	}
	err = s.mailer.Send(ctx, *l)
	if err != nil && !fault.Permanent(err) && m.Attempts < mailAttempts {
		log.Warn().Err(err).Msg("mail not sent, to be tried again")
		return nil
	}
	if err != nil {
		log.Error().Err(err).Msg("mail given up")
	} else {
		log.Info().Msg("mail sent")
	}
	return s.store.FinishMail(ctx, m.ID, s.now())
}
