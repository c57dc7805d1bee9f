package auth

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// letter writes a mail, nil when there is nobody to write to or nothing to say any more.
func (s *Service) letter(ctx context.Context, m *Mail) (*Letter, error) {
	u, err := s.recipient(ctx, m)
	if fault.Is(err, fault.NotFound) {
		return nil, nil //nolint:nilnil // no letter is an answer here
	}
	if err != nil {
		return nil, err
	}
	switch m.Kind {
	case ResetMail:
		return s.resetLetter(ctx, u)
	case VerificationMail:
		return s.verificationLetter(ctx, m, u)
	case PasswordNotice:
		return s.notice(m, "Your password was changed", "The password of your account was changed, and other devices were signed out. If it was set by a mail, API keys were revoked and links to other providers removed, too."), nil
	case AddressNotice:
		return s.notice(m, "Your address was changed", "Your account has another e-mail address from now on. Mail about it no longer comes here."), nil
	case LinkNotice:
		return s.notice(m, "Your account has another way in", "Your account can be signed in to by another provider from now on. Once you are signed in, GET /api/v1/me/identities tells which ones."), nil
	case KeyNotice:
		return s.notice(m, "Your account has another API key", "An API key was made for your account, with which a program can do some of what you may. Once you are signed in, GET /api/v1/api-keys lists your keys, and DELETE /api/v1/api-keys/ID revokes one."), nil
	case HandOverNotice:
		return s.notice(m, "Your account has no password any more", "Your account was signed in to by another provider, which knows this address as yours. Nobody had proved to have both the address and the password, "+
			"so that whoever opened the account may have been somebody else: the password, API keys, other providers and sign-ins are gone. "+
			"What is in the account, and with whom it is shared, is as it was: look at that, and at its webhooks. You can set a password by a mail."), nil
	case FactorNotice:
		return s.notice(m, "Your account has a second factor", "Signing in to your account needs a code of an authenticator app from now on, and other devices were signed out."), nil
	case NoFactorNotice:
		return s.notice(m, "Your second factor was removed", "Signing in to your account needs no code of an authenticator app any more."), nil
	default:
		return nil, fmt.Errorf("a mail of kind %q is not known", m.Kind)
	}
}

// recipient returns the user whom a mail is about.
func (s *Service) recipient(ctx context.Context, m *Mail) (*User, error) {
	if m.UserID == uuid.Nil {
		return s.store.UserByEmail(ctx, m.To)
	}
	return s.store.User(ctx, m.UserID)
}

func (s *Service) resetLetter(ctx context.Context, u *User) (*Letter, error) {
	if u.Disabled() {
		return nil, nil //nolint:nilnil // a password would not let them in
	}
	token, err := s.issue(ctx, u, ResetPassword, u.Email)
	if err != nil {
		return nil, err
	}
	return &Letter{To: u.Email, Subject: "Set a new password", Text: fmt.Sprintf(`Somebody, probably you, has asked to set a new password for your account at

    %s

Do so here within 30 minutes; the link works once:

    %s

If it was not you, there is nothing to do: your password stays as it is.
`, s.issuer, s.page("reset", token))}, nil
}

// verificationLetter is for the address of an account, or one that its owner wants to
// have instead. An address that is verified needs none, and one that somebody else has
// can be nobody's next one.
func (s *Service) verificationLetter(ctx context.Context, m *Mail, u *User) (*Letter, error) {
	if m.To == u.Email && u.Verified() {
		return nil, nil //nolint:nilnil // see above
	}
	owner, err := s.store.UserByEmail(ctx, m.To)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	if err == nil && owner.ID != u.ID {
		return nil, nil //nolint:nilnil // see above
	}
	token, err := s.issue(ctx, u, VerifyEmail, m.To)
	if err != nil {
		return nil, err
	}
	return &Letter{To: m.To, Subject: "Confirm your e-mail address", Text: fmt.Sprintf(`This address was given for an account at

    %s

Confirm that it is yours within 24 hours; the link works once:

    %s

Whoever opened the account knows its password. If it was not you, do not confirm the address. If you
want to have the account, have a mail sent to set another password: that keeps everybody else out.
`, s.issuer, s.page("verify", token))}, nil
}

// page returns the address of the page that uses a token. The token is behind the #,
// which browsers send to no server: it ends in no log and no Referer.
func (s *Service) page(action, token string) string {
	return fmt.Sprintf("%s/account#%s=%s", s.issuer, action, token)
}

func (s *Service) notice(m *Mail, subject, text string) *Letter {
	return &Letter{To: m.To, Subject: subject, Text: fmt.Sprintf(`%s

    %s

If that was not you, somebody else has been in your account: set a new password and ask an
administrator of this installation for help.
`, text, s.issuer)}
}
