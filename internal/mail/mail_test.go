package mail_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/mail"
)

const from = "TurboScribe <scribe@example.com>"

var letter = auth.Letter{To: "ada@example.com", Subject: "Grüße", Text: "A link:\n\n    https://scribe.example.com/account#reset=abc\n"}

// server is a real SMTP server that keeps what it is given.
type server struct {
	mu       sync.Mutex
	messages []string
	to       []string
	refuse   *smtp.SMTPError
	tls      bool // whether the last connection was encrypted
}

func (s *server) NewSession(c *smtp.Conn) (smtp.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, s.tls = c.TLSConnectionState()
	return s, nil
}

func (s *server) Mail(string, *smtp.MailOptions) error { return nil }
func (s *server) Reset()                               {}
func (s *server) Logout() error                        { return nil }

func (s *server) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return s.refuse
	}
	s.to = append(s.to, to)
	return nil
}

func (s *server) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = append(s.messages, string(text))
	return err
}

// start serves, with TLS on offer or not, and returns the address.
func start(t *testing.T, s *server, offer *tls.Config) string {
	t.Helper()
	srv := smtp.NewServer(s)
	srv.Domain, srv.TLSConfig = "localhost", offer
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	t.Cleanup(func() {
		// The server may not know its listener yet, so that is closed first.
		if err := errors.Join(l.Close(), srv.Close()); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if err := <-ended; err != nil && !errors.Is(err, smtp.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func TestSMTP_Send(t *testing.T) {
	t.Parallel()
	s := new(server)
	m, err := mail.NewSMTP("smtp+insecure://"+start(t, s, nil), from)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Send(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.messages) != 1 || len(s.to) != 1 || s.to[0] != letter.To {
		t.Fatalf("got %v to %v", s.messages, s.to)
	}
	for _, want := range []string{"To: <ada@example.com>", "scribe@example.com", "=?UTF-8?q?Gr=C3=BC=C3=9Fe?=", "Auto-Submitted: auto-generated", "account#reset="} {
		if !strings.Contains(s.messages[0], want) {
			t.Errorf("there is no %q in\n%s", want, s.messages[0])
		}
	}
}

// TestSMTP_Send_encrypted: without TLS, or with that of somebody else, no mail and no
// password goes out.
func TestSMTP_Send_encrypted(t *testing.T) {
	t.Parallel()
	stranger := httptest.NewTLSServer(nil)
	t.Cleanup(stranger.Close)
	for name, offer := range map[string]*tls.Config{"no TLS": nil, "a certificate of nobody's": stranger.TLS.Clone()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := new(server)
			m, err := mail.NewSMTP("smtp://user:password@"+start(t, s, offer), from)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Send(t.Context(), letter); !fault.Is(err, fault.Unavailable) {
				t.Errorf("got %v, want unavailable", err)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(s.messages) > 0 || s.tls {
				t.Errorf("it was sent: %v", s.messages)
			}
		})
	}
}

func TestSMTP_Send_refused(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]fault.Kind{451: fault.Unavailable, 550: fault.Invalid} {
		s := &server{refuse: &smtp.SMTPError{Code: status, Message: "no"}}
		m, err := mail.NewSMTP("smtp+insecure://"+start(t, s, nil), from)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Send(t.Context(), letter); !fault.Is(err, want) {
			t.Errorf("%d: got %v, want %s", status, err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m, err := mail.NewSMTP("smtp+insecure://"+start(t, new(server), nil), from)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Send(ctx, letter); err == nil {
		t.Error("canceled: want an error")
	}
}

func TestNewSMTP_refuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ server, from string }{
		{"smtp://", from},
		{"http://example.com", from},
		{"smtp://user:pass word@example.com", from},
		{"smtp://example.com", "nobody"},
		{"smtp://example.com:99999", from},
	} {
		_, err := mail.NewSMTP(tt.server, tt.from)
		if err == nil {
			t.Errorf("%s from %s: want an error", tt.server, tt.from)
		} else if strings.Contains(err.Error(), "pass word") {
			t.Errorf("the password is in the error: %v", err)
		}
	}
}

func TestDirectory_Send(t *testing.T) {
	t.Parallel()
	d := mail.Directory{Path: filepath.Join(t.TempDir(), "mail"), From: from}
	for range 2 {
		if err := d.Send(t.Context(), letter); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(d.Path, "*.eml"))
	if err != nil || len(files) != 2 {
		t.Fatalf("got %v, %v, want two letters", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil || !strings.Contains(string(text), "To: <ada@example.com>") {
		t.Errorf("got %s, %v", text, err)
	}
}
