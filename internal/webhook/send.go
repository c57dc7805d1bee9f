package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// What an attempt may take. A receiver should answer first and work afterwards.
const (
	connectTime = 5 * time.Second
	headerTime  = 15 * time.Second
	attemptTime = 20 * time.Second
	settleTime  = 10 * time.Second // for the record of it
)

// What is taken of an answer, in bytes.
const (
	maxHeader  = 32 << 10
	maxBody    = 64 << 10
	maxExcerpt = 1 << 10
)

// Message is a delivery that is to be sent.
type Message struct {
	ID      uuid.UUID
	Type    Type
	URL     string
	Payload string
	Secrets []Secret // the present one first
}

// Outbox keeps what is to be sent. Both methods are fenced by the lease of the
// delivery's step: a Conflict means that it is lost, and the caller drops what it has.
type Outbox interface {
	// Message returns what is to be sent.
	Message(ctx context.Context, delivery, lease uuid.UUID) (Message, error)
	// Settle records what became of an attempt, which ends the lease.
	Settle(ctx context.Context, delivery, lease uuid.UUID, o Outcome) error
}

// Sender sends events to receivers, of whom nothing is believed.
type Sender struct {
	outbox Outbox
	client *http.Client
	now    func() time.Time
	count  func(outcome string)
}

// Outcomes are what OnAttempt is called with: Delivered, GivenUp, and that it will be
// tried again.
var Outcomes = []string{string(Delivered), string(GivenUp), tryAgain}

const tryAgain = "retried"

// NewSender returns a sender that dials only what the rules allow. OnAttempt is called
// for each attempt that was recorded, with one of Outcomes; it may be nil.
func NewSender(outbox Outbox, r Rules, onAttempt func(outcome string)) *Sender {
	if onAttempt == nil {
		onAttempt = func(string) {}
	}
	return &Sender{outbox: outbox, client: newClient(&net.Dialer{Timeout: connectTime}, r), now: time.Now, count: onAttempt}
}

// newClient returns a client that follows no redirect, knows no proxy, which would
// dial for it, and looks at each address at the moment it connects to it: a name that
// leads elsewhere by then gains nothing. No connection is used twice.
func newClient(d *net.Dialer, r Rules) *http.Client {
	d.Control = func(network, address string, _ syscall.RawConn) error { return r.guard(network, address) }
	return &http.Client{
		Timeout:       attemptTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: d.DialContext, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: connectTime, ResponseHeaderTimeout: headerTime,
			MaxResponseHeaderBytes: maxHeader, DisableKeepAlives: true, DisableCompression: true,
		},
	}
}

// errForbidden is what dialing an address ends with that events are not sent to.
var errForbidden = errors.New("no events are sent to that address")

// guard is called with the address of each connection before it is made.
func (r Rules) guard(network, address string) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp4" && network != "tcp6" || !r.permit(to) {
		return fmt.Errorf("%s %s: %w", network, address, errForbidden)
	}
	return nil
}

// Deliver makes an attempt at a delivery and records what became of it. An attempt
// that is broken off is not recorded, unless the receiver has said that it has the
// event. Conflict: the lease is lost, and nothing is recorded either.
func (s *Sender) Deliver(ctx context.Context, delivery, lease uuid.UUID, attempt int) error {
	m, err := s.outbox.Message(ctx, delivery, lease)
	if err != nil {
		return err
	}
	begun := s.now()
	o := s.attempt(ctx, m, attempt)
	o.Took = s.now().Sub(begun)
	if ctx.Err() != nil && o.State != Delivered {
		return ctx.Err()
	}
	zerolog.Ctx(ctx).Info().Str("event", string(m.Type)).Int("attempt", attempt).Int("status", o.Status).
		Str("state", string(o.State)).Dur("retry_in", o.After).Dur("took", o.Took).Msg("event sent")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	if err := s.outbox.Settle(ctx, delivery, lease, o); err != nil {
		return err
	}
	s.count(o.name())
	return nil
}

// name is what an outcome is counted as.
func (o Outcome) name() string {
	if o.State == Pending {
		return tryAgain
	}
	return string(o.State)
}

func (s *Sender) attempt(ctx context.Context, m Message, attempt int) Outcome {
	a, err := s.post(ctx, m)
	if err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("no answer")
		return again(Outcome{Failure: unanswered(err)}, m.Type, attempt, 0)
	}
	return outcome(m.Type, attempt, a)
}

// post sends a message and returns the answer. What goes wrong once its head was read
// does not matter: the status is known.
func (s *Sender) post(ctx context.Context, m Message) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL, strings.NewReader(m.Payload))
	if err != nil {
		return answer{}, fmt.Errorf("make a request: %w", err)
	}
	now := s.now()
	signature, err := Sign(m.ID.String(), now, m.Payload, m.Secrets...)
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "TurboScribe-Webhook/1.0")
	r.Header.Set("Webhook-Id", m.ID.String())
	r.Header.Set("Webhook-Timestamp", unix(now))
	r.Header.Set("Webhook-Signature", signature)
	res, err := s.client.Do(r)
	if err != nil {
		return answer{}, fmt.Errorf("send an event: %w", err)
	}
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxBody)) // what came is enough
	_ = res.Body.Close()                                     // of a connection that is not used again
	return answer{status: res.StatusCode, retryAfter: readRetryAfter(res.Header.Get("Retry-After"), now), excerpt: excerpt(body)}, nil
}

// excerpt returns the beginning of an answer as a text that a database takes. It gets
// no longer by what replaces the rest.
func excerpt(body []byte) string {
	text := strings.ToValidUTF8(string(body[:min(len(body), maxExcerpt)]), "?")
	return strings.ReplaceAll(text, "\x00", "?")
}

// unanswered says in words why there was no answer.
func unanswered(err error) *transcription.Failure {
	code, message := "connection_failed", "The receiver could not be reached, or cut the connection before it had answered."
	_, isName := errors.AsType[*net.DNSError](err)
	_, isCertificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, isRecord := errors.AsType[tls.RecordHeaderError](err)
	_, isAlert := errors.AsType[tls.AlertError](err)
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, errForbidden):
		code, message = "address_forbidden", "The address of the webhook leads to a network or a port that events are not sent to."
	case isName:
		code, message = "name_not_found", "The name of the receiver's host could not be found."
	case isCertificate, isRecord, isAlert:
		code, message = "tls_failed", "No secure connection to the receiver could be made. Check its certificate."
	case isNet && timeout.Timeout():
		code, message = "timeout", "The receiver did not answer in time. Answer first, and work afterwards."
	}
	return &transcription.Failure{Code: code, Message: message}
}
