package authtest

import (
	"context"
	"strings"
	"sync"

	"github.com/turboscribe/turboscribe/internal/auth"
)

var _ auth.Mailer = (*Mailbox)(nil)

// Mailbox keeps letters in memory. Its zero value is empty and ready.
type Mailbox struct {
	mu      sync.Mutex
	letters []auth.Letter
	refuse  error
}

// Send implements auth.Mailer.
func (m *Mailbox) Send(_ context.Context, l auth.Letter) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refuse != nil {
		return m.refuse
	}
	m.letters = append(m.letters, l)
	return nil
}

// Refuse makes Send return err from now on.
func (m *Mailbox) Refuse(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refuse = err
}

// Take returns the letters that came since, and empties the box.
func (m *Mailbox) Take() []auth.Letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer func() { m.letters = nil }()
	return m.letters
}

// Token returns what stands behind the # of the link in a letter, without the name of the
// action; empty when there is no link.
func Token(l auth.Letter, action string) string {
	_, rest, _ := strings.Cut(l.Text, "/account#"+action+"=")
	token, _, _ := strings.Cut(rest, "\n")
	return token
}
