// Package mail sends letters by SMTP, or writes them into a directory for whoever
// develops.
package mail

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

var (
	_ auth.Mailer = (*SMTP)(nil)
	_ auth.Mailer = Directory{}
)

// timeout bounds the whole of a conversation with a server.
const timeout = 30 * time.Second

// SMTP hands letters to a server.
type SMTP struct {
	client *mail.Client
	from   string
}

// NewSMTP returns what sends from an address over the server at a URL:
// smtp://user:password@host:587 asks for STARTTLS and does not go on without,
// smtps://user:password@host:465 speaks TLS from the first byte, and
// smtp+insecure://host:25 does neither, for a server on the same machine.
func NewSMTP(server, from string) (*SMTP, error) {
	if err := mail.NewMsg().From(from); err != nil {
		return nil, fmt.Errorf("the sender %q is no address", from)
	}
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("the address of the mail server must look like smtp://user:password@host:587, with special signs as %XX")
	}
	options, err := optionsOf(u)
	if err != nil {
		return nil, err
	}
	client, err := mail.NewClient(u.Hostname(), options...)
	if err != nil {
		return nil, fmt.Errorf("the mail server: %w", err)
	}
	return &SMTP{client: client, from: from}, nil
}

func optionsOf(u *url.URL) ([]mail.Option, error) {
	options := []mail.Option{
		mail.WithTimeout(timeout), mail.WithTLSConfig(&tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}),
	}
	switch u.Scheme {
	case "smtp":
		options = append(options, mail.WithPort(587), mail.WithTLSPolicy(mail.TLSMandatory))
	case "smtps":
		options = append(options, mail.WithPort(465), mail.WithSSL())
	case "smtp+insecure":
		options = append(options, mail.WithPort(25), mail.WithTLSPolicy(mail.NoTLS))
	default:
		return nil, errors.New("the address of the mail server must begin with smtp://, smtps:// or smtp+insecure://")
	}
	if text := u.Port(); text != "" {
		port, err := strconv.Atoi(text)
		if err != nil {
			return nil, errors.New("the port of the mail server is no number")
		}
		options = append(options, mail.WithPort(port))
	}
	if password, ok := u.User.Password(); ok {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(u.User.Username()), mail.WithPassword(password))
	}
	return options, nil
}

// Send hands a letter to the server. Invalid: the server will never take it.
func (s *SMTP) Send(ctx context.Context, l auth.Letter) error {
	m, err := message(s.from, l)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err = s.client.DialAndSendWithContext(ctx, m)
	if refused, ok := errors.AsType[*mail.SendError](err); ok && refused.ErrorCode() >= 500 {
		return fault.Wrap(err, fault.Invalid, "The mail server refuses this mail.")
	}
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "The mail server does not take mail.")
	}
	return nil
}

// Directory writes letters into files.
type Directory struct {
	Path, From string
}

// Send writes a file whose name ends in .eml, whole or not at all.
func (d Directory) Send(_ context.Context, l auth.Letter) error {
	m, err := message(d.From, l)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(d.Path, 0o700); err != nil {
		return fmt.Errorf("make the directory of mails: %w", err)
	}
	name := filepath.Join(d.Path, time.Now().UTC().Format("20060102T150405.000000000Z-")+rand.Text()[:8])
	if err := m.WriteToFile(name + ".part"); err != nil {
		return fmt.Errorf("write a mail: %w", err)
	}
	if err := os.Rename(name+".part", name+".eml"); err != nil {
		return fmt.Errorf("write a mail: %w", err)
	}
	return nil
}

func message(from string, l auth.Letter) (*mail.Msg, error) {
	m := mail.NewMsg()
	if err := m.From(from); err != nil {
		return nil, fmt.Errorf("the sender %q: %w", from, err)
	}
	if err := m.To(l.To); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "That address cannot be written to.")
	}
	m.Subject(l.Subject)
	m.SetBodyString(mail.TypeTextPlain, l.Text)
	m.SetGenHeader("Auto-Submitted", "auto-generated") // nobody's absence shall answer
	m.SetMessageID()
	m.SetDate()
	return m, nil
}
