package transcription

import (
	"io"
	"time"
)

// welcome is how long a recording is taken in without asking whether its owner is still
// there. Who deletes an account leaves nothing behind minutes later, so an upload to it
// must have ended by then; it may take hours otherwise.
const welcome = 10 * time.Second

// welcomeBody is the body of an upload that ends when the account of its owner does.
type welcomeBody struct {
	io.Reader
	now  func() time.Time
	next time.Time // when it is asked again
	ask  func() error
}

// Read implements io.Reader.
func (b *welcomeBody) Read(p []byte) (int, error) {
	if now := b.now(); now.After(b.next) {
		if err := b.ask(); err != nil {
			return 0, err
		}
		b.next = now.Add(welcome)
	}
	return b.Reader.Read(p) //nolint:wrapcheck // io.EOF must stay what it is
}
