package auth

import (
	"context"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// What the audit log tells of credentials.
const (
	PasswordChanged Action = "account.password_changed" // details: how
	EmailVerified   Action = "account.email_verified"
	EmailChanged    Action = "account.email_changed"
)

// NewPassword is what somebody wants instead of the password that they have.
type NewPassword struct {
	Current  string // the one that they have; empty: none
	Password string
	// Keys has their API keys end, too: programs go on otherwise, since a password is changed
	// for other reasons than a thief.
	Keys bool
}

// ChangePassword gives the caller another password, and ends all their sign-ins but this
// one. Forbidden wrong_password: the present one is another; recent_sign_in_required: there
// is none. Invalid: as for Register.
func (s *Service) ChangePassword(ctx context.Context, who Actor, in NewPassword) error {
	u, err := s.confirm(ctx, who, in.Current)
	if err != nil {
		return err
	}
	entry := Entry{Action: PasswordChanged, UserID: u.ID, SubjectID: u.ID, Details: map[string]any{"how": "changed"}}
	return s.setPassword(ctx, u, in.Password, PasswordChange{Keep: who.SessionID, Keys: in.Keys, Entry: entry.From(ctx)})
}

// confirm has the caller prove with the password that the account is theirs: an open
// browser is not enough for what could keep its owner out. It is no way to guess the
// password either. Who has none proves it by a recent sign-in.
func (s *Service) confirm(ctx context.Context, who Actor, password string) (*User, error) {
	if err := who.InPerson(); err != nil {
		return nil, err
	}
	u, err := s.Me(ctx, who)
	if err != nil {
		return nil, err
	}
	if u.PasswordHash == "" {
		return u, s.RequireRecent(who)
	}
	guess, err := s.beginAgain(ctx, who)
	if err != nil {
		return nil, err
	}
	return u, s.compare(ctx, guess, u, password)
}

// compare is what a guess is about. Forbidden wrong_password.
func (s *Service) compare(ctx context.Context, guess attempt, u *User, password string) error {
	ok, _, err := s.knows(ctx, u, password)
	if ok || err != nil {
		guess.undo(ctx)
	}
	if err != nil {
		return err
	}
	if !ok {
		return s.refuse(ctx, u, fault.New(fault.Forbidden, "That is not the present password of the account.").WithCode("wrong_password"))
	}
	return nil
}

func (s *Service) setPassword(ctx context.Context, u *User, password string, c PasswordChange) error {
	if err := checkPassword(u.Email, password); err != nil {
		return err
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	c.UserID, c.Old, c.New, c.At = u.ID, u.PasswordHash, hash, s.now()
	if err := s.store.ChangePassword(ctx, c); err != nil {
		return spent(err)
	}
	s.rights.forget(u.ID)
	return s.notify(ctx, u, PasswordNotice)
}

// ForgotPassword has a mail sent with which the person of that address can set another
// password. Whether there is one is not looked up before the mail is written, so that
// the answer and the time it takes do not tell. Forbidden mail_not_configured. Invalid
// invalid_email.
func (s *Service) ForgotPassword(ctx context.Context, email string) error {
	return s.ask(ctx, ResetMail, email)
}

// ResetPassword sets another password by the token of such a mail, and ends all sign-ins,
// API keys and links to providers: who does not know the password does not know who has used
// the account, and has left a way in. Invalid ticket_invalid, or as for Register.
func (s *Service) ResetPassword(ctx context.Context, token, password string) error {
	t, err := s.ticket(ctx, token, ResetPassword)
	if err != nil {
		return err
	}
	u, err := s.store.User(ctx, t.UserID)
	if err != nil {
		return spent(err)
	}
	entry := Entry{Action: PasswordChanged, UserID: u.ID, SubjectID: u.ID, Details: map[string]any{"how": "reset"}}
	return s.setPassword(ctx, u, password, PasswordChange{Ticket: &t.Hash, Keys: true, Entry: entry.From(ctx)})
}

// ResendVerification has a mail sent with which the person of that address can prove
// that it is theirs. It tells as little as ForgotPassword, and returns the same faults.
func (s *Service) ResendVerification(ctx context.Context, email string) error {
	return s.ask(ctx, VerificationMail, email)
}

// VerifyEmail proves by the token of such a mail that the address is the user's. Where
// they have asked for another one, this makes the change. With the password of the account,
// which is not needed, they prove that it is they who opened it, see User.Owned. Invalid
// ticket_invalid. Conflict email_taken. Forbidden wrong_password. RateLimited
// too_many_attempts.
func (s *Service) VerifyEmail(ctx context.Context, token, password string) error {
	t, err := s.ticket(ctx, token, VerifyEmail)
	if err != nil {
		return err
	}
	u, err := s.store.User(ctx, t.UserID)
	if err != nil {
		return spent(err)
	}
	if password != "" {
		if err := s.vouch(ctx, u, password); err != nil {
			return err
		}
	}
	changed := t.Email != u.Email
	entry := Entry{Action: EmailVerified, UserID: u.ID, SubjectID: u.ID}
	if changed {
		entry.Action = EmailChanged
	}
	if err := s.store.VerifyEmail(ctx, Verification{Ticket: *t, At: s.now(), Owned: password != "", Entry: entry.From(ctx)}); err != nil {
		return spent(err)
	}
	s.rights.forget(u.ID)
	if !changed {
		return nil
	}
	return s.notify(ctx, u, AddressNotice) // at the address before
}

// vouch has who holds a ticket prove with the password that the account is theirs.
func (s *Service) vouch(ctx context.Context, u *User, password string) error {
	guess, err := s.begin(ctx, u.Email, u)
	if err != nil {
		return err
	}
	return s.compare(ctx, guess, u, password)
}

// ChangeEmail has a mail sent to an address that the caller wants to have instead. It is
// theirs when they have verified it. Forbidden wrong_password, mail_not_configured.
// Invalid invalid_email.
func (s *Service) ChangeEmail(ctx context.Context, who Actor, password, email string) error {
	u, err := s.confirm(ctx, who, password)
	if err != nil {
		return err
	}
	if email, err = s.reachable(email); err != nil {
		return err
	}
	return s.queue(ctx, Mail{Kind: VerificationMail, To: email, UserID: u.ID})
}
