//go:build e2e && chaos

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// chaos is how much harm is done.
type chaos struct {
	transcriptions, faults int
	drill                  drill
	wait                   time.Duration     // for what was hit, before the next fault
	strict                 bool              // recoveries are bounded: nothing else was broken meanwhile
	settings               map[string]string // that differ
}

// Three minutes, or an hour.
var chaoses = map[string]chaos{
	"short": {
		transcriptions: 20, faults: len(harms), drill: drill{outage: 2 * time.Second, frozen: 15 * time.Second, handBack: patience},
		wait: 4 * time.Second, settings: map[string]string{"TS_LEASE": "10s", "TS_RECONCILE_INTERVAL": "500ms"}, // a machine that runs tests may freeze for some seconds
	},
	"long": {
		transcriptions: 200, faults: 8 * len(harms), drill: drill{outage: 8 * time.Second, frozen: 90 * time.Second, handBack: 2 * time.Second},
		wait: 2 * time.Minute, strict: true,
	},
}

// TestChaos does every kind of harm to an installation at work: no recording is lost or
// stuck, each gets the text it has when nothing happens, and its end is told. CHAOS=long
// does more of it, with the settings of a real installation, than CHAOS=short; FAULT
// chooses those whose names contain it.
func TestChaos(t *testing.T) {
	c, ok := chaoses[os.Getenv("CHAOS")]
	if !ok {
		t.Fatalf("CHAOS is %q, want short or long", os.Getenv("CHAOS"))
	}
	f := newFleet(t, c.drill, c.settings)
	a := newAudience(t, f)
	r := &record{of: map[string]*outcome{}, strict: c.strict}
	chosen := slices.DeleteFunc(slices.Clone(harms), func(h harm) bool { return !strings.Contains(h.name, os.Getenv("FAULT")) })
	if len(chosen) == 0 {
		t.Fatalf("FAULT is %q, which is in no fault's name", os.Getenv("FAULT"))
	}
	for n := range c.faults {
		if n%len(chosen) == 0 {
			rand.Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
		}
		a.send(max(1, c.transcriptions*(n+1)/c.faults-len(a.sent)))
		r.suffer(f, chosen[n%len(chosen)], c.wait)
	}
	r.watchers.Wait()
	t.Logf("%d transcriptions, %d faults\n%s", len(a.sent), c.faults, table(r.of))
	a.judge()
}

// record is what came of the faults so far.
type record struct {
	strict   bool
	watchers sync.WaitGroup

	mu sync.Mutex
	of map[string]*outcome
}

// suffer does harm while there is work, and waits a while for what was hit to go on.
func (r *record) suffer(f *fleet, h harm, wait time.Duration) {
	f.t.Helper()
	ctx := f.t.Context()
	var all []held
	eventually(f.t, "there is work", func() (some bool) {
		var err error
		if all, err = f.held(ctx); err != nil {
			return false // PostgreSQL may be starting still
		}
		return len(all) > 0
	})
	last(ctx, rand.N(time.Second)) // any moment will do
	if now, err := f.held(ctx); err == nil && len(now) > 0 {
		all = now
	}
	if err := h.do(ctx, f); err != nil {
		f.t.Errorf("%s: %v", h.name, err)
	}
	over, done := time.Now(), make(chan struct{})
	r.watchers.Go(func() {
		defer close(done)
		r.watch(f, h, all, over)
	})
	select {
	case <-done:
	case <-time.After(wait):
	}
}

// watch waits until what was hit goes on.
func (r *record) watch(f *fleet, h harm, all []held, over time.Time) {
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	condition := h.goesOn
	if condition == "" {
		condition = inWork
	}
	if err := poll(ctx, 50*time.Millisecond, func() bool { return f.goOn(ctx, all, condition) }); err != nil {
		f.t.Errorf("%s: what it hit does not go on within %v: %+v", h.name, patience, all)
	}
	took := time.Since(over)
	f.t.Logf("%s: %d steps, %v", h.name, len(all), took.Round(time.Millisecond))
	if r.strict && h.within > 0 && took > h.within {
		f.t.Errorf("%s: it took %v until all went on, at most %v is expected", h.name, took, h.within)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.of[h.name]
	if o == nil {
		o = &outcome{}
		r.of[h.name] = o
	}
	o.times, o.steps, o.longest = o.times+1, o.steps+len(all), max(o.longest, took)
}

// audience sends recordings, whatever happens, and knows what their texts should be.
type audience struct {
	t          *testing.T
	f          *fleet
	person     *person
	signedIn   time.Time
	recordings []recording
	sent       map[string]int // by transcription, which of the recordings
	receiver   *receiver
}

type recording struct {
	name    string
	content []byte
	want    transcription
}

func newAudience(t *testing.T, f *fleet) *audience {
	t.Helper()
	a := &audience{t: t, f: f, person: f.person(t), signedIn: time.Now(), sent: map[string]int{}, receiver: newReceiver(t)}
	a.receiver.then = a.check
	a.person.hook(a.receiver.url+"/hook", "transcription.completed")
	for _, name := range []string{"test/long1", "test/short05", "samples/meeting"} {
		r := recording{name: name, content: demo(t, name+".flac")}
		r.want = a.person.complete(a.person.send("clip.flac", r.content))
		a.recordings = append(a.recordings, r)
	}
	return a
}

// send uploads that many recordings, each until it is accepted.
func (a *audience) send(n int) {
	a.t.Helper()
	for range n {
		which := len(a.sent) % len(a.recordings)
		eventually(a.t, "an upload is accepted", func() bool {
			id, err := a.try(a.recordings[which])
			if err != nil {
				return false
			}
			a.sent[id] = which
			return true
		})
	}
}

// try uploads a recording once.
func (a *audience) try(r recording) (id string, err error) {
	p := a.person
	if time.Since(a.signedIn) > 5*time.Minute { // a token lasts ten
		login := fmt.Sprintf(`{"email":%q,"password":%q}`, p.email, secret)
		var grant struct{ Token string }
		if err := a.post("/auth/login", "application/json", strings.NewReader(login), http.StatusOK, &grant); err != nil {
			return "", err
		}
		p.token, a.signedIn = grant.Token, time.Now()
	}
	body, contentType, err := uploadForm("clip.flac", r.content)
	if err != nil {
		return "", err
	}
	var sent struct{ TranscriptionID string }
	err = a.post("/files/upload", contentType, body, http.StatusAccepted, &sent)
	return sent.TranscriptionID, err
}

// post sends a request that may fail.
func (a *audience) post(path, contentType string, body io.Reader, status int, data any) error {
	r, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, a.f.url+root+path, body)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Authorization", "Bearer "+a.person.token)
	client := http.Client{Timeout: 20 * time.Second} // the storage may hang
	res, err := client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // only read
	if res.StatusCode != status {
		return fmt.Errorf("%s: status %d", path, res.StatusCode)
	}
	return json.NewDecoder(res.Body).Decode(&struct{ Data any }{data})
}

// check answers an event: what is told has to be so already. While the database is gone
// nobody can know, and the event is to come again.
func (a *audience) check(w http.ResponseWriter, r received) {
	switch a.f.count(a.t.Context(), "SELECT count(*) FROM transcriptions WHERE id = $1 AND status = 'completed'", r.event.Data.ID) {
	case 1:
	case 0:
		a.t.Errorf("%s of %s came before it was so", r.event.Type, r.event.Data.ID)
	default:
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// heard checks that the end of each transcription was told, always under the same id.
func (a *audience) heard() {
	a.t.Helper()
	ids := map[string]map[string]bool{} // by transcription
	collect := func() bool {
		a.receiver.mu.Lock()
		defer a.receiver.mu.Unlock()
		for _, r := range a.receiver.got {
			if ids[r.event.Data.ID] == nil {
				ids[r.event.Data.ID] = map[string]bool{}
			}
			ids[r.event.Data.ID][r.id()] = true
		}
		for id := range a.sent {
			if len(ids[id]) == 0 {
				return false
			}
		}
		return true
	}
	within(a.t, laterEvents, "the end of each is told", collect)
	for id, seen := range ids {
		if len(seen) != 1 {
			a.t.Errorf("the end of %s was told under %d ids", id, len(seen))
		}
	}
	a.receiver.mu.Lock()
	defer a.receiver.mu.Unlock()
	a.t.Logf("%d events came, of %d transcriptions", len(a.receiver.got), len(ids))
}

// laterEvents is within how long an event comes that could not be taken several times.
const laterEvents = 10 * time.Minute

// judge waits until everything has ended, and compares.
func (a *audience) judge() {
	a.t.Helper()
	p := a.person.as(a.t)
	eventually(a.t, "the api answers", func() bool { return answers(a.t.Context(), a.f.url+"/readyz") })
	p.signIn("/auth/login", http.StatusOK, p.email, secret)
	ctx, cancel := context.WithTimeout(a.t.Context(), patience)
	defer cancel()
	lost, stuck, changed := 0, 0, 0
	for id, which := range a.sent {
		want := a.recordings[which].want
		var got transcription
		_ = poll(ctx, 100*time.Millisecond, func() bool { // the state says whether it has ended
			got = p.show(id)
			return got.final()
		})
		switch {
		case !got.final():
			stuck++
			a.t.Errorf("%s is stuck: %s at %v", id, got.Status, got.Progress)
		case got.Status != "completed":
			lost++
			a.t.Errorf("%s: %s, %+v", id, got.Status, got.Error)
		case got.Text != want.Text || fmt.Sprint(got.Segments) != fmt.Sprint(want.Segments):
			changed++
			a.t.Errorf("%s has another text:\n%s\n%s", id, got.Text, want.Text)
		}
	}
	// Uploads whose answer was lost are there as well, and must come to an end.
	rest := a.f.count(a.t.Context(), "SELECT count(*) FROM transcriptions WHERE status NOT IN ('completed', 'canceled')")
	a.t.Logf("%d sent: %d lost, %d stuck, %d with another text; %d of those nobody was told of are not completed", len(a.sent), lost, stuck, changed, rest)
	if rest != 0 {
		a.t.Errorf("%d are not completed", rest)
	}
	a.heard()
}
