package webhook

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/daemon/daemontest"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// local allows what runs on this machine.
var local = Rules{HTTP: true, Networks: prefixes("127.0.0.0/8")}

// outbox holds one message and takes note of what became of it.
type outbox struct {
	message   Message
	err       error // of Message
	settled   []Outcome
	unsettled error // of Settle
}

func (o *outbox) Message(context.Context, uuid.UUID, uuid.UUID) (Message, error) {
	return o.message, o.err
}

func (o *outbox) Settle(ctx context.Context, _, _ uuid.UUID, out Outcome) error {
	if o.unsettled != nil {
		return o.unsettled
	}
	o.settled = append(o.settled, out)
	return ctx.Err()
}

func message(url string) Message {
	return Message{ID: uuid.New(), Type: Completed, URL: url, Payload: body, Secrets: []Secret{NewSecret()}}
}

// attempt sends an event to a URL and returns what becomes of it.
func attempt(t *testing.T, r Rules, url string) Outcome {
	t.Helper()
	return attemptFor(t, time.Minute, r, url)
}

// attemptFor gives up after that time. It is short only where nothing could come in
// time: a busy machine may take seconds for each step of what is healthy.
func attemptFor(t *testing.T, limit time.Duration, r Rules, url string) Outcome {
	t.Helper()
	o := &outbox{message: message(url)}
	s := NewSender(o, r, nil)
	s.client = clientFor(limit, &net.Dialer{}, r)
	if err := s.Deliver(t.Context(), o.message.ID, uuid.New(), 1); err != nil {
		t.Fatal(err)
	}
	return o.settled[0]
}

// clientFor has that time for each step and for all of them.
func clientFor(limit time.Duration, d *net.Dialer, r Rules) *http.Client {
	d.Timeout = limit
	c := newClient(d, r)
	c.Timeout = limit
	if steps, ok := c.Transport.(*http.Transport); ok {
		steps.TLSHandshakeTimeout, steps.ResponseHeaderTimeout = limit, limit
	}
	return c
}

func wantFailure(t *testing.T, o Outcome, state State, code string) {
	t.Helper()
	if o.State != state || o.Failure == nil || o.Failure.Code != code || o.Failure.Message == "" {
		t.Errorf("got %+v, %+v, want %s with %s", o, o.Failure, state, code)
	}
}

// receiver returns the URL of a server that reads a request before it answers: only
// then does it notice that the sender is gone.
func receiver(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(b))
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// wire is a receiver that speaks no proper HTTP.
func wire(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer func() { _ = c.Close() }()
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		open.Wait()
	})
	return "http://" + l.Addr().String()
}

// drip writes text in small pieces until the other side is gone.
func drip(w io.Writer, text string, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for i := 0; ; i = (i + 1) % len(text) {
		if _, err := io.WriteString(w, text[i:i+1]); err != nil {
			return
		}
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		<-tick.C
	}
}

func TestSender_delivers(t *testing.T) {
	t.Parallel()
	type seen struct {
		method, path, body string
		header             http.Header
	}
	got := make(chan seen, 1)
	url := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- seen{r.Method, r.URL.RequestURI(), string(b), r.Header}
		_, _ = io.WriteString(w, "thanks\x00\xff")
	})
	o := &outbox{message: message(url + "/hook?x=1")}
	old := NewSecret()
	o.message.Secrets = append(o.message.Secrets, old)
	if err := NewSender(o, local, nil).Deliver(t.Context(), o.message.ID, uuid.New(), 1); err != nil {
		t.Fatal(err)
	}
	s := <-got
	if s.method != http.MethodPost || s.path != "/hook?x=1" || s.body != body || s.header.Get("Content-Type") != "application/json" {
		t.Errorf("got %+v", s)
	}
	if id := s.header.Get("webhook-id"); id != o.message.ID.String() {
		t.Errorf("got the id %q, want %s", id, o.message.ID)
	}
	for _, secret := range o.message.Secrets {
		if err := verify(t, secret, s.header, s.body); err != nil {
			t.Error(err)
		}
	}
	if len(o.settled) != 1 || o.settled[0].State != Delivered || o.settled[0].Status != 200 || o.settled[0].Excerpt != "thanks??" || o.settled[0].Took <= 0 {
		t.Errorf("got %+v", o.settled)
	}
}

func TestSender_answers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status     int
		retryAfter string
		state      State
		code       string
		least      time.Duration
	}{
		{500, "", Pending, "refused", 5 * time.Second},
		{429, "3600", Pending, "refused", time.Hour},
		{503, time.Now().Add(2 * time.Hour).UTC().Format(http.TimeFormat), Pending, "refused", 118 * time.Minute},
		{410, "", GivenUp, "gone", 0},
	} {
		url := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", tt.retryAfter)
			w.WriteHeader(tt.status)
			_, _ = io.WriteString(w, "no")
		})
		o := attempt(t, local, url)
		wantFailure(t, o, tt.state, tt.code)
		if o.After < tt.least || o.Status != tt.status || o.Excerpt != "no" || o.Gone != (tt.status == 410) {
			t.Errorf("%d: got %+v", tt.status, o)
		}
	}
}

func TestSender_followsNoRedirect(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	target := receiver(t, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	for _, status := range []int{301, 302, 303, 307, 308} {
		url := receiver(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target, status) })
		wantFailure(t, attempt(t, local, url), Pending, "redirected")
	}
	if hits.Load() != 0 {
		t.Errorf("%d redirects were followed", hits.Load())
	}
}

func TestSender_receiverHangs(t *testing.T) {
	t.Parallel()
	url := receiver(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	wantFailure(t, attemptFor(t, time.Second, local, url), Pending, "timeout")
	silent := wire(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	wantFailure(t, attemptFor(t, time.Second, local, silent), Pending, "timeout")
}

func TestSender_dripsItsHead(t *testing.T) {
	t.Parallel()
	url := wire(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1<<10))
		drip(c, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 1000), 10*time.Millisecond)
	})
	wantFailure(t, attemptFor(t, time.Second, local, url), Pending, "timeout")
}

// The status is known by then, so the event has arrived.
func TestSender_dripsItsBody(t *testing.T) {
	t.Parallel()
	url := receiver(t, func(w http.ResponseWriter, _ *http.Request) { drip(w, "x", 10*time.Millisecond) })
	if o := attemptFor(t, 10*time.Second, local, url); o.State != Delivered || o.Excerpt == "" {
		t.Errorf("got %+v", o)
	}
}

func TestSender_endlessAnswers(t *testing.T) {
	t.Parallel()
	var sent atomic.Int64
	gone := make(chan struct{})
	url := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		defer close(gone)
		for {
			n, err := w.Write(make([]byte, 32<<10))
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	if o := attempt(t, local, url); o.State != Delivered || len(o.Excerpt) != maxExcerpt {
		t.Errorf("got %+v with %d bytes", o.State, len(o.Excerpt))
	}
	<-gone
	if sent.Load() > 16<<20 { // the rest is in the buffers of the kernel
		t.Errorf("%d bytes were taken", sent.Load())
	}
	head := wire(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1<<10))
		_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n")
		for err == nil {
			_, err = io.WriteString(c, "X-Y: "+strings.Repeat("x", 1000)+"\r\n")
		}
	})
	wantFailure(t, attempt(t, local, head), Pending, "connection_failed")
}

func TestSender_cutConnections(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"", "HTTP/1.1 200", "SSH-2.0-x\r\n"} {
		url := wire(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1<<10))
			_, _ = io.WriteString(c, answer)
		})
		wantFailure(t, attempt(t, local, url), Pending, "connection_failed")
	}
	wantFailure(t, attempt(t, local, "http://"+daemontest.Nobody), Pending, "connection_failed")
}

func TestSender_unknownCertificate(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	t.Cleanup(s.Close)
	wantFailure(t, attempt(t, local, s.URL), Pending, "tls_failed")
	plain := receiver(t, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	wantFailure(t, attempt(t, local, strings.Replace(plain, "http:", "https:", 1)), Pending, "connection_failed")
	if hits.Load() != 0 {
		t.Error("a receiver got an event that nobody has vouched for")
	}
}

func TestSender_knowsNoProxy(t *testing.T) {
	t.Parallel()
	transport, ok := NewSender(nil, Rules{}, nil).client.Transport.(*http.Transport)
	if !ok || transport.Proxy != nil {
		t.Error("a proxy would dial for the sender, past its guard")
	}
}

// names is a server of the domain name system that has an answer for each question,
// the last one for all that follow.
type names struct {
	mu      sync.Mutex
	answers []netip.Addr
}

func (n *names) next() netip.Addr {
	n.mu.Lock()
	defer n.mu.Unlock()
	a := n.answers[0]
	if len(n.answers) > 1 {
		n.answers = n.answers[1:]
	}
	return a
}

// resolver returns a resolver that asks a server with these answers.
func resolver(t *testing.T, answers ...string) *net.Resolver {
	t.Helper()
	n := &names{}
	for _, a := range answers {
		n.answers = append(n.answers, netip.MustParseAddr(a))
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() { n.serve(conn) })
	t.Cleanup(func() {
		_ = conn.Close()
		open.Wait()
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// serve answers questions for IPv4 addresses and has none of IPv6.
func (n *names) serve(conn net.PacketConn) {
	q := make([]byte, 512)
	for {
		size, from, err := conn.ReadFrom(q)
		if err != nil {
			return
		}
		end := 12
		for q[end] != 0 {
			end += int(q[end]) + 1
		}
		end += 5 // the root, the type and the class
		a := append([]byte{}, q[:min(end, size)]...)
		binary.BigEndian.PutUint16(a[2:], 0x8180) // an answer, without error
		binary.BigEndian.PutUint16(a[10:], 0)     // no additional records
		if kind := binary.BigEndian.Uint16(q[end-4:]); kind == 1 {
			binary.BigEndian.PutUint16(a[6:], 1)
			a = append(a, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
			a = append(a, n.next().AsSlice()...)
		}
		if _, err := conn.WriteTo(a, from); err != nil {
			return
		}
	}
}

// post sends a message by a dialer that asks that resolver.
func post(t *testing.T, names *net.Resolver, r Rules, url string) error {
	t.Helper()
	s := NewSender(nil, r, nil)
	s.client = clientFor(time.Minute, &net.Dialer{Resolver: names}, r)
	_, err := s.post(t.Context(), message(url))
	return err
}

// port returns that of a URL.
func port(t *testing.T, text string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

func TestSender_privateName(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	target := receiver(t, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	url := "http://hooks.example.com:" + port(t, target)
	if err := post(t, resolver(t, "127.0.0.1"), local, url); err != nil || hits.Load() != 1 {
		t.Fatalf("the name does not lead to the receiver: %v", err)
	}
	for _, a := range []string{"127.0.0.1", "169.254.169.254", "10.0.0.1", "100.100.100.200", "0.0.0.0", "1.1.1.1"} { // the last one: its port
		if err := post(t, resolver(t, a), Rules{HTTP: true}, url); !errors.Is(err, errForbidden) || unanswered(err).Code != "address_forbidden" {
			t.Errorf("%s: got %v, want it to be forbidden", a, err)
		}
	}
	if hits.Load() != 1 {
		t.Error("the receiver was reached")
	}
}

// A name is looked up by whoever checks it, and again by whoever dials it. Its owner
// can answer differently the second time. The first half of the test shows that this
// gets past a check before the dial.
func TestSender_nameChangesBetweenCheckAndDial(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	target := receiver(t, func(http.ResponseWriter, *http.Request) { hits.Add(1) }) // at 127.0.0.1
	host := "hooks.example.com"
	url := "http://" + host + ":" + port(t, target)
	r := Rules{HTTP: true, Networks: prefixes("127.0.0.2/32")}

	names := resolver(t, "127.0.0.2", "127.0.0.1")
	check := func() {
		addrs, err := names.LookupNetIP(t.Context(), "ip4", host)
		if err != nil || len(addrs) != 1 || !r.exempt(addrs[0].Unmap()) {
			t.Fatalf("the name passes no check: %v, %v", addrs, err)
		}
	}
	check()
	naive := &http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{Resolver: names}).DialContext, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := naive.Do(req)
	if err != nil || hits.Load() != 1 {
		t.Fatalf("the attack does not work on a client that has only checked: %v", err)
	}
	_ = res.Body.Close()

	names = resolver(t, "127.0.0.2", "127.0.0.1")
	check()
	if err := post(t, names, r, url); !errors.Is(err, errForbidden) {
		t.Errorf("got %v, want it to be forbidden", err)
	}
	if hits.Load() != 1 {
		t.Error("the name led the sender to a forbidden address")
	}
}

func TestSender_unknownName(t *testing.T) {
	t.Parallel()
	names := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no server")
	}}
	err := post(t, names, local, "http://hooks.example.com")
	if err == nil || unanswered(err).Code != "name_not_found" {
		t.Errorf("got %v", err)
	}
}

// A delivery that was broken off is handed back as it was. One that has arrived is
// recorded though the worker is told to stop.
func TestSender_brokenOff(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	o := &outbox{message: message(receiver(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))}
	if err := NewSender(o, local, nil).Deliver(ctx, o.message.ID, uuid.New(), 1); !errors.Is(err, context.Canceled) || len(o.settled) != 0 {
		t.Errorf("got %v and %+v, want nothing to be recorded", err, o.settled)
	}

	ctx, cancel = context.WithCancel(t.Context())
	o.message.URL = receiver(t, func(w http.ResponseWriter, _ *http.Request) { drip(w, "x", 10*time.Millisecond) })
	sender := NewSender(o, local, nil)
	sender.client.Transport = answered{sender.client.Transport, cancel}
	if err := sender.Deliver(ctx, o.message.ID, uuid.New(), 1); err != nil || len(o.settled) != 1 || o.settled[0].State != Delivered {
		t.Errorf("got %v and %+v, want a delivery", err, o.settled)
	}
}

// answered calls then when the head of an answer is there.
type answered struct {
	http.RoundTripper
	then func()
}

func (a answered) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := a.RoundTripper.RoundTrip(r)
	a.then()
	return res, err
}

// Each attempt that is recorded counts once, as what became of it.
func TestSender_counts(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{http.StatusOK: "delivered", http.StatusInternalServerError: "retried", http.StatusGone: "failed"} {
		o := &outbox{message: message(receiver(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))}
		var counted []string
		s := NewSender(o, local, func(outcome string) { counted = append(counted, outcome) })
		if err := s.Deliver(t.Context(), o.message.ID, uuid.New(), 1); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(counted, []string{want}) || !slices.Contains(Outcomes, want) {
			t.Errorf("%d: counted %v, want %s", status, counted, want)
		}
		o.unsettled = fault.New(fault.Conflict, "The lease is lost.")
		if err := s.Deliver(t.Context(), o.message.ID, uuid.New(), 1); !fault.Is(err, fault.Conflict) || len(counted) != 1 {
			t.Errorf("%d: what was not recorded is counted: %v, %v", status, counted, err)
		}
	}
}

func TestSender_leaseLost(t *testing.T) {
	t.Parallel()
	o := &outbox{err: fault.New(fault.Conflict, "The lease is lost.")}
	if err := NewSender(o, local, nil).Deliver(t.Context(), uuid.New(), uuid.New(), 1); !fault.Is(err, fault.Conflict) || len(o.settled) != 0 {
		t.Errorf("got %v and %+v", err, o.settled)
	}
}
