package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/api"
	"github.com/turboscribe/turboscribe/internal/api/apitest"
	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
	"github.com/turboscribe/turboscribe/internal/privacy"
	"github.com/turboscribe/turboscribe/internal/privacy/privacytest"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/webhook"
	"github.com/turboscribe/turboscribe/internal/webhook/webhooktest"
)

const (
	password = "four words in a row"
	maxBytes = 1 << 20
)

// world is the API on stores in memory, behind a real HTTP server. Everything
// that goes through its client is checked against the description.
type world struct {
	*api.Server
	options  api.Options
	url      string
	client   *http.Client
	accounts *authtest.Store
	mailbox  *authtest.Mailbox
	auth     *auth.Service
	store    *store
	hooks    *webhooktest.Store
	receipts *privacytest.Store
	cache    *apitest.Cache
	feed     *transcription.Feed
	off      context.CancelFunc // of the feed
	objects  *fakeObjects
	queue    *fakeQueue
	provider *door // to sign in with besides
	log      *buffer
	clock    *clock
	tokens   map[string]string    // by actor, see people
	ids      map[string]uuid.UUID // by actor
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b.Reset()
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newWorld(t *testing.T, change ...func(*api.Options)) *world {
	t.Helper()
	w := &world{
		accounts: new(authtest.Store), mailbox: new(authtest.Mailbox), log: new(buffer), clock: &clock{now: time.Now()}, queue: new(fakeQueue),
		store: new(store), hooks: new(webhooktest.Store), cache: new(apitest.Cache),
		objects: &fakeObjects{sums: map[string]string{}}, provider: &door{idle{}},
		tokens: map[string]string{"nobody": ""}, ids: map[string]uuid.UUID{},
	}
	w.store.AuditTo(w.accounts.AddEntry)
	w.receipts = &privacytest.Store{Accounts: w.accounts}
	w.store.Install(transcription.DemoModel, "small")
	w.feed = transcription.NewFeed(w.store, transcription.FeedOptions{Every: 50 * time.Millisecond, Pause: time.Millisecond})
	w.air(t)
	w.auth = w.newAuth(t)
	o := api.Options{
		PublicURL: "http://localhost:8080", Auth: w.auth, Logger: zerolog.New(w.log).Level(zerolog.InfoLevel), Live: said(`{"status":"ok"}`), Ready: said(`{"status":"ready","checks":{"postgres":"ok"}}`),
		Queues: http.HandlerFunc(dashboard), Cache: w.cache, Feed: w.feed, Transcriptions: w.transcriptions(maxBytes),
		Webhooks: w.webhooks(), Privacy: w.privacy(),
	}
	for _, f := range change {
		f(&o)
	}
	w.options = o
	var err error
	if w.Server, err = api.New(o); err != nil {
		t.Fatal(err)
	}
	w.log.Reset() // what is said at the start is not what tests look for
	w.serve(t)
	w.people(t)
	return w
}

// newAuth returns a service of the accounts, which knows the tokens of every other.
func (w *world) newAuth(t *testing.T, required ...auth.Role) *auth.Service {
	t.Helper()
	s, err := auth.NewService(t.Context(), w.accounts, auth.Options{
		Secrets: [][]byte{bytes.Repeat([]byte("s"), 32)}, Issuer: "http://localhost", Now: w.clock.Now,
		Argon2: auth.Argon2{MemoryKiB: 64, Passes: 1, Lanes: 1}, Mailer: w.mailbox,
		Providers: []auth.Provider{w.provider}, RequireFactor: required,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// require has the world ask those of some roles for a second factor from now on.
func (w *world) require(t *testing.T, roles ...auth.Role) {
	t.Helper()
	o := w.options
	w.auth = w.newAuth(t, roles...)
	o.Auth, o.Privacy = w.auth, w.privacy()
	var err error
	if w.Server, err = api.New(o); err != nil {
		t.Fatal(err)
	}
	w.serve(t)
}

// air runs the feed for as long as the test does.
func (w *world) air(t *testing.T) {
	t.Helper()
	ctx, off := context.WithCancel(context.Background())
	w.off = off
	ended := make(chan error, 1)
	go func() { ended <- w.feed.Run(ctx) }()
	t.Cleanup(func() {
		off()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func (w *world) transcriptions(limit int64) *transcription.Service {
	return transcription.NewService(w.store, w.objects, w.queue, sniff, transcription.Limits{MaxBytes: limit, MaxDuration: 12 * time.Hour})
}

func (w *world) webhooks() *webhook.Service {
	return webhook.NewService(w.hooks, w.queue, webhook.Rules{})
}

func (w *world) privacy() *privacy.Service { return privacy.NewService(w.receipts, w.auth) }

// readContract reads the description once for all tests.
var readContract = sync.OnceValues(func() (*apitest.Contract, error) { return apitest.NewContract(context.Background()) })

func (w *world) serve(t *testing.T) {
	t.Helper()
	contract, err := readContract()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w.Handler())
	t.Cleanup(server.Close)
	w.url = server.URL
	w.client = &http.Client{
		Transport:     contract.Transport(server.Client().Transport, func(err error) { t.Error(err) }),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (w *world) people(t *testing.T) {
	t.Helper()
	if err := w.auth.EnsureAdmin(t.Context(), "admin@example.com", password); err != nil {
		t.Fatal(err)
	}
	roles := map[string]auth.Role{"user": auth.Member, "other": auth.Member, "viewer": auth.Viewer, "shared-read": auth.Member, "shared-edit": auth.Member, "operator": auth.Operator, "guest": "guest", "disabled": auth.Admin}
	w.accounts.AddRole("guest") // it may do nothing
	for who, role := range roles {
		g, err := w.auth.Register(t.Context(), who+"@example.com", password)
		if err != nil {
			t.Fatal(err)
		}
		w.tokens[who], w.ids[who] = g.Access, g.UserID
		w.setRole(t, who, role)
		if strings.HasPrefix(who, "shared-") || who == "user" {
			w.store.Prove(g.UserID, who+"@example.com")
		}
	}
	g, err := w.auth.Login(t.Context(), "admin@example.com", password)
	if err != nil {
		t.Fatal(err)
	}
	w.tokens["admin"], w.ids["admin"] = g.Access, g.UserID
	_, w.tokens["key"] = w.addKey(t)
	w.tokens["watch-key"] = w.addKeyOf(t, "operator", auth.WatchQueues)
	w.tokens["admin-key"] = w.addKeyOf(t, "admin",
		auth.ReadTranscriptions, auth.WriteTranscriptions, auth.Prioritize, auth.WatchQueues, auth.ManageQueues, auth.ReadUsers, auth.ReadAudit)
	yes := true
	w.change(t, "disabled", auth.UserChange{Disabled: &yes})
}

func (w *world) setRole(t *testing.T, who string, r auth.Role) {
	t.Helper()
	w.change(t, who, auth.UserChange{Role: &r})
}

func (w *world) change(t *testing.T, who string, c auth.UserChange) {
	t.Helper()
	c.At = w.clock.Now()
	if _, err := w.accounts.ChangeUser(t.Context(), w.ids[who], c, auth.Entry{}); err != nil {
		t.Fatal(err)
	}
}

// addKey makes a key of the user's that may read.
func (w *world) addKey(t *testing.T) (*auth.Key, string) {
	t.Helper()
	k, text, err := w.auth.CreateKey(t.Context(), authtest.Actor(w.ids["user"], auth.Member), auth.NewKey{Name: "world", Scopes: []auth.Permission{auth.ReadTranscriptions}})
	if err != nil {
		t.Fatal(err)
	}
	return k, text
}

// addKeyOf makes a key with those scopes of somebody whose role has them, and returns its text.
func (w *world) addKeyOf(t *testing.T, who string, scopes ...auth.Permission) string {
	t.Helper()
	a, err := w.auth.Authenticate(t.Context(), w.tokens[who])
	if err != nil {
		t.Fatal(err)
	}
	_, text, err := w.auth.CreateKey(t.Context(), a, auth.NewKey{Name: "scopes", Scopes: scopes})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// call is one request.
type call struct {
	actor  string // "": nobody
	method string // GET
	path   string
	body   string // JSON unless the header says otherwise
	header map[string]string
}

// answer is what came back.
type answer struct {
	*http.Response
	body string
}

// do sends a request and returns the answer.
func (w *world) do(t *testing.T, in call) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), in.method, w.url+in.path, strings.NewReader(in.body))
	if err != nil {
		t.Fatal(err)
	}
	if in.body == "" {
		r.Body = http.NoBody
	} else {
		r.Header.Set("Content-Type", "application/json")
	}
	if token := w.tokens[in.actor]; token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for name, value := range in.header {
		r.Header.Set(name, value)
	}
	return w.send(t, r)
}

func (w *world) send(t *testing.T, r *http.Request) answer {
	t.Helper()
	res, err := w.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return whole(t, res)
}

// whole reads an answer to its end.
func whole(t *testing.T, res *http.Response) answer {
	t.Helper()
	body, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return answer{Response: res, body: string(body)}
}

// code returns the code of an error, empty when there was none.
func (a answer) code(t *testing.T) string {
	t.Helper()
	if a.StatusCode < http.StatusBadRequest || !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
		return ""
	}
	var e struct {
		Error struct {
			Code      string `json:"code"`
			RequestID string `json:"request_id"`
		} `json:"error"`
	}
	if err := json.Unmarshal([]byte(a.body), &e); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	if e.Error.RequestID != a.Header.Get("X-Request-Id") {
		t.Errorf("the request id %q is not that of the header, %q", e.Error.RequestID, a.Header.Get("X-Request-Id"))
	}
	return e.Error.Code
}

// data decodes what the envelope holds.
func data[T any](t *testing.T, a answer) T {
	t.Helper()
	var e struct {
		Status string `json:"status"`
		Data   T      `json:"data"`
	}
	if err := json.Unmarshal([]byte(a.body), &e); err != nil || e.Status != "success" {
		t.Fatalf("got %d %s, %v, want a success", a.StatusCode, a.body, err)
	}
	return e.Data
}

func (a answer) cookies() map[string]*http.Cookie {
	found := map[string]*http.Cookie{}
	for _, c := range a.Cookies() {
		found[c.Name] = c
	}
	return found
}

// expect fails the test unless the answer has that status and that code.
func (a answer) expect(t *testing.T, status int, code string) {
	t.Helper()
	if got := a.code(t); a.StatusCode != status || got != code {
		t.Errorf("got %d %q, want %d %q\n%s", a.StatusCode, got, status, code, a.body)
	}
}

func said(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, text)
	})
}

// dashboard stands in for asynqmon, with a script in its page.
func dashboard(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	_, _ = io.WriteString(w, "<script>one()</script><p>"+r.URL.Path+"</p><script>two()</script><script src=x></script>")
}
