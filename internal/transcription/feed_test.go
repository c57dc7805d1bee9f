package transcription_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/transcription/transcriptiontest"
)

// broadcast is a feed with a store in memory, in a bubble whose clock stands still until
// everybody waits.
type broadcast struct {
	*transcription.Feed
	store *watchedStore
	who   auth.Actor
	id    uuid.UUID
	stop  context.CancelFunc
}

// watchedStore counts what is asked of the store.
type watchedStore struct {
	transcriptiontest.Store
	readings, glances atomic.Int64
	takes             atomic.Int64 // nanoseconds, for a reading
}

func (s *watchedStore) Standing(ctx context.Context, owner, id uuid.UUID, after transcription.Place) (*transcription.Standing, error) {
	s.readings.Add(1)
	time.Sleep(time.Duration(s.takes.Load()))
	return s.Store.Standing(ctx, owner, id, after)
}

func (s *watchedStore) Outlooks(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]transcription.Outlook, error) {
	s.glances.Add(1)
	return s.Store.Outlooks(ctx, ids)
}

// onAir runs a test with a feed in a bubble.
func onAir(t *testing.T, o transcription.FeedOptions, test func(t *testing.T, b *broadcast)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &broadcast{store: new(watchedStore), who: authtest.Actor(uuid.New(), auth.Member)}
		b.Feed = transcription.NewFeed(b.store, o)
		tr := transcriptiontest.NewTranscription(t, b.who.UserID)
		if err := b.store.CreateTranscription(t.Context(), tr); err != nil {
			t.Fatal(err)
		}
		b.id = tr.ID
		ctx, stop := context.WithCancel(t.Context())
		b.stop = stop
		var running sync.WaitGroup
		running.Go(func() {
			if err := b.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		test(t, b)
		stop()
		running.Wait()
	})
}

// becomes changes the status, and has segments said.
func (b *broadcast) becomes(status transcription.Status, segments ...string) {
	b.store.Move(b.id, status, func(t *transcription.Transcription) {
		for _, text := range segments {
			t.Segments = append(t.Segments, transcription.Segment{End: time.Second, Text: text})
		}
		t.Progress = min(float64(len(t.Segments))/1000, 0.99)
	})
}

// listener writes down what somebody is told.
type listener struct {
	*transcription.Follower
	heard []string
	place transcription.Place
}

func (b *broadcast) listen(t *testing.T, after transcription.Place) *listener {
	t.Helper()
	f, err := b.Follow(t.Context(), b.who, b.id, after)
	if err != nil {
		t.Fatal(err)
	}
	return &listener{Follower: f}
}

// hear waits for the next news.
func (l *listener) hear(ctx context.Context) error {
	news, err := l.Next(ctx)
	for _, item := range news.Items {
		l.place = item.Place
		switch {
		case item.Change != nil:
			l.heard = append(l.heard, string(item.Change.Status()))
		case item.Segments == nil:
			l.heard = append(l.heard, fmt.Sprint(news.Standing.Progress, " ", news.Standing.QueuePosition))
		}
		for i, s := range item.Segments {
			l.heard = append(l.heard, fmt.Sprint(item.First()+i, s.Text))
		}
	}
	return err
}

// want compares what was heard since the last time.
func (l *listener) want(t *testing.T, lines ...string) {
	t.Helper()
	if !slices.Equal(l.heard, lines) {
		t.Errorf("heard %q, want %q", l.heard, lines)
	}
	l.heard = nil
}

func (l *listener) next(t *testing.T) {
	t.Helper()
	if err := l.hear(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A whole life, by hints: each change, each segment once, and the end last.
func TestFeed(t *testing.T) {
	t.Parallel()
	onAir(t, transcription.FeedOptions{}, func(t *testing.T, b *broadcast) {
		l := b.listen(t, transcription.Place{})
		defer l.Close()
		l.next(t)
		l.want(t, "queued", "0 0")
		b.becomes(transcription.Preparing)
		b.becomes(transcription.Transcribing, "a", "b")
		b.Hint(b.id)
		l.next(t)
		l.want(t, "preparing", "transcribing", "0.002 0", "0a", "1b")
		b.Hint(b.id) // of nothing
		b.becomes(transcription.Completed, "c")
		b.Hint(b.id)
		l.next(t)
		l.want(t, "2c", "completed")
		if err := l.hear(t.Context()); !errors.Is(err, io.EOF) || !transcription.Ended(err) {
			t.Errorf("behind the end: %v", err)
		}
	})
}

// Without a hint it takes the time between two looks at all.
func TestFeed_hintIsLost(t *testing.T) {
	t.Parallel()
	onAir(t, transcription.FeedOptions{Every: 5 * time.Second}, func(t *testing.T, b *broadcast) {
		l := b.listen(t, transcription.Place{})
		defer l.Close()
		l.next(t)
		b.becomes(transcription.Preparing)
		began := time.Now()
		l.next(t)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("told after %s", took)
		}
		l.want(t, "queued", "0 0", "preparing")
		b.store.Change(b.id, func(t *transcription.Transcription) { t.QueuePosition = 7 })
		l.next(t) // though nothing has happened to it
		l.want(t, "0 7")
	})
}

// Somebody comes back behind any event, at another replica, and misses nothing and
// hears nothing twice.
func TestFeed_resumed(t *testing.T) {
	t.Parallel()
	onAir(t, transcription.FeedOptions{}, func(t *testing.T, b *broadcast) {
		for _, status := range []transcription.Status{transcription.Preparing, transcription.Transcribing, transcription.Completed} {
			b.becomes(status, strings.Split(strings.Repeat("s", 250), "")...)
		}
		first := b.listen(t, transcription.Place{})
		defer first.Close()
		news, err := first.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		whole := told(news)
		if len(news.Items) < 10 {
			t.Fatalf("%d items", len(news.Items))
		}
		for i, item := range news.Items {
			read, err := transcription.ParsePlace(item.Place.String())
			if err != nil {
				t.Fatal(err)
			}
			again := b.listen(t, read)
			rest, err := again.Next(t.Context())
			if last := i == len(news.Items)-1; last != errors.Is(err, io.EOF) {
				t.Errorf("behind item %d: %v", i, err)
			}
			again.Close()
			if got := slices.Concat(told(transcription.News{Items: news.Items[:i+1]}), told(rest)); !slices.Equal(got, whole) {
				t.Errorf("behind item %d: %d of %d", i, len(got), len(whole))
			}
		}
	})
}

// A change that was told and that the database forgot in a crash leaves a place ahead of
// all others. Who comes back with it is told the end all the same, once.
func TestFeed_forgottenChange(t *testing.T) {
	t.Parallel()
	onAir(t, transcription.FeedOptions{}, func(t *testing.T, b *broadcast) {
		b.becomes(transcription.Preparing)
		l := b.listen(t, transcription.Place{Run: 1, Change: math.MaxInt64})
		defer l.Close()
		l.next(t)
		l.want(t, "0 0")
		b.becomes(transcription.Transcribing)
		b.becomes(transcription.Completed, "s")
		b.Hint(b.id)
		l.next(t)
		l.want(t, "0s", "completed")
		if err := l.hear(t.Context()); !errors.Is(err, io.EOF) {
			t.Errorf("behind the end: %v", err)
		}
	})
}

// A run that has failed and is then given a text has two ends. Each was news to who had been
// told the other, so a stream told both without end.
func TestFeed_twoEnds(t *testing.T) {
	t.Parallel()
	onAir(t, transcription.FeedOptions{}, func(t *testing.T, b *broadcast) {
		b.becomes(transcription.Failed)
		l := b.listen(t, transcription.Place{})
		l.next(t)
		l.want(t, "queued", "failed")
		failed := l.place
		l.Close()
		b.becomes(transcription.Completed, "s")
		for _, tt := range []struct {
			after transcription.Place
			want  []string
		}{
			{failed, []string{"0s", "completed"}},
			{transcription.Place{}, []string{"queued", "0s", "completed"}},
		} {
			l := b.listen(t, tt.after)
			l.next(t)
			l.want(t, tt.want...)
			if err := l.hear(t.Context()); !errors.Is(err, io.EOF) {
				t.Errorf("behind the end: %v, heard %q", err, l.heard)
			}
			l.Close()
			back := b.listen(t, l.place)
			if err := back.hear(t.Context()); !errors.Is(err, io.EOF) {
				t.Errorf("who comes back is told %q, %v", back.heard, err)
			}
			back.Close()
		}
	})
}

// told names each thing in news.
func told(news transcription.News) (names []string) {
	for _, item := range news.Items {
		if item.Change != nil {
			names = append(names, string(item.Change.Status()))
		}
		for i := range item.Segments {
			names = append(names, strconv.Itoa(item.First()+i))
		}
	}
	return names
}

// Who follows one run is told of the next one from its beginning.
func TestFeed_anotherRun(t *testing.T) {
	t.Parallel()
	onAir(t, transcription.FeedOptions{}, func(t *testing.T, b *broadcast) {
		b.becomes(transcription.Transcribing, "a", "b")
		l := b.listen(t, transcription.Place{})
		l.next(t)
		l.Close()
		b.becomes(transcription.Failed)
		if err := b.store.RetryTranscription(t.Context(), b.who.UserID, transcription.NextRun{After: transcription.Ref{ID: b.id, Run: 1}}); err != nil {
			t.Fatal(err)
		}
		b.store.Change(b.id, func(t *transcription.Transcription) { t.Segments = t.Segments[:1] })
		again := b.listen(t, l.place)
		defer again.Close()
		again.next(t)
		again.want(t, "queued", "0 0", "0a")
		if _, err := b.Follow(t.Context(), b.who, b.id, transcription.Place{Run: 3}); codeOf(err) != "invalid_place" {
			t.Errorf("behind a run that is not there: %v", err)
		}
	})
}

// However many follow one, it is read once for all; however often it changes, it is not
// read all the time; and what all were told is not kept.
func TestFeed_sharesReadings(t *testing.T) {
	t.Parallel()
	onAir(t, transcription.FeedOptions{Pause: 100 * time.Millisecond}, func(t *testing.T, b *broadcast) {
		var all []*listener
		for range 100 {
			l := b.listen(t, transcription.Place{})
			defer l.Close()
			l.next(t)
			all = append(all, l)
		}
		if n := b.store.readings.Load(); n != 1 {
			t.Errorf("read %d times for those who come", n)
		}
		b.becomes(transcription.Transcribing)
		for i := range 1000 {
			b.becomes(transcription.Transcribing, "s")
			b.Hint(b.id)
			if i%10 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		for _, l := range all {
			for !slices.Contains(l.heard, "999s") {
				l.next(t)
			}
		}
		if n := b.store.readings.Load(); n > 5 {
			t.Errorf("read %d times", n)
		}
		time.Sleep(time.Minute)
		if n := b.store.glances.Load(); n < 10 || n > 15 {
			t.Errorf("looked at all %d times", n)
		}
		if n := b.Kept(b.id); n > 0 {
			t.Errorf("%d segments are kept", n)
		}
		late := b.listen(t, transcription.Place{})
		defer late.Close()
		if late.next(t); !slices.Contains(late.heard, "0s") || !slices.Contains(late.heard, "999s") {
			t.Errorf("who comes late is told %d things", len(late.heard))
		}
	})
}

// Somebody came while it was being read for those who had heard the beginning, counted on
// what had been read before, and was told nothing until it changed again.
func TestFeed_comesWhileItIsRead(t *testing.T) {
	t.Parallel()
	onAir(t, transcription.FeedOptions{}, func(t *testing.T, b *broadcast) {
		b.becomes(transcription.Transcribing, "a", "b")
		early := b.listen(t, transcription.Place{})
		defer early.Close()
		early.next(t)
		time.Sleep(time.Second) // a moment ago it would not be read again
		b.store.takes.Store(int64(time.Second))
		b.Hint(b.id)
		synctest.Wait()
		late := b.listen(t, transcription.Place{})
		defer late.Close()
		time.Sleep(2 * time.Second) // it is read by now
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := late.hear(ctx); err != nil || !slices.Contains(late.heard, "0a") {
			t.Errorf("heard %q: %v", late.heard, err)
		}
	})
}

func TestFeed_refuses(t *testing.T) {
	t.Parallel()
	onAir(t, transcription.FeedOptions{Followers: 1}, func(t *testing.T, b *broadcast) {
		follow := func(who auth.Actor, id uuid.UUID) error {
			l, err := b.Follow(t.Context(), who, id, transcription.Place{})
			if err == nil {
				defer l.Close()
			}
			return err
		}
		stranger := authtest.Actor(uuid.New(), auth.Member)
		for want, err := range map[fault.Kind]error{
			fault.Unauthenticated: follow(auth.Actor{}, b.id),
			fault.Forbidden:       follow(auth.Actor{UserID: b.who.UserID, Role: "guest"}, b.id),
			fault.NotFound:        errors.Join(follow(stranger, b.id), follow(b.who, uuid.New())),
		} {
			if !fault.Is(err, want) {
				t.Errorf("got %v, want %s", err, want)
			}
		}
		l := b.listen(t, transcription.Place{})
		if err := follow(b.who, b.id); codeOf(err) != "busy" {
			t.Errorf("one too many: %v", err)
		}
		l.Close()
		l.Close()
		if n := b.Followers(); n != 0 {
			t.Errorf("%d follow", n)
		}
		b.stop()
		synctest.Wait()
		if err := follow(b.who, b.id); codeOf(err) != "stopping" {
			t.Errorf("stopped: %v", err)
		}
	})
}

// What is deleted, and a feed that stops, ends the following; a store that does not
// answer only holds it up.
func TestFeed_ends(t *testing.T) {
	t.Parallel()
	onAir(t, transcription.FeedOptions{}, func(t *testing.T, b *broadcast) {
		l := b.listen(t, transcription.Place{})
		defer l.Close()
		l.next(t)
		b.store.BreakWith(func(context.Context) error { return fault.New(fault.Unavailable, "No.") })
		b.Hint(b.id)
		if _, err := b.Follow(t.Context(), b.who, b.id, transcription.Place{Run: 1}); !fault.Is(err, fault.Unavailable) {
			t.Errorf("while the store is away: %v", err)
		}
		time.Sleep(time.Minute)
		b.store.BreakWith(nil)
		b.becomes(transcription.Preparing)
		l.next(t)
		l.want(t, "queued", "0 0", "preparing")
		if err := b.store.DeleteTranscription(t.Context(), b.who.UserID, b.id); err != nil {
			t.Fatal(err)
		}
		if err := l.hear(t.Context()); !fault.Is(err, fault.NotFound) || !transcription.Ended(err) {
			t.Errorf("deleted: %v", err)
		}
	})
	onAir(t, transcription.FeedOptions{}, func(t *testing.T, b *broadcast) {
		l := b.listen(t, transcription.Place{})
		defer l.Close()
		l.next(t)
		b.stop()
		if err := l.hear(t.Context()); !fault.Is(err, fault.Unavailable) || !transcription.Ended(err) {
			t.Errorf("stopped: %v", err)
		}
	})
}

// Who waits for the first reading when the feed stops is told that, not that it broke off.
func TestFeed_stopsWhileItIsRead(t *testing.T) {
	t.Parallel()
	onAir(t, transcription.FeedOptions{}, func(t *testing.T, b *broadcast) {
		b.store.BreakWith(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		var waiting sync.WaitGroup
		waiting.Go(func() {
			if _, err := b.Follow(t.Context(), b.who, b.id, transcription.Place{}); codeOf(err) != "stopping" {
				t.Errorf("got %v", err)
			}
		})
		synctest.Wait()
		b.stop()
		waiting.Wait()
	})
}

func TestParsePlace(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"x", "1", "1-2", "1-2-3-4", "1-2-3 ", " 1-2-3", "0-0-0", "-1-2-3", "1--2-3", "1-2--3", "01-2-3", "1-2-99999999999999999999"} {
		if p, err := transcription.ParsePlace(text); codeOf(err) != "invalid_place" {
			t.Errorf("%q: %v, %v", text, p, err)
		}
	}
	if p, err := transcription.ParsePlace("7-812-45"); err != nil || p != (transcription.Place{Run: 7, Change: 812, Segments: 45}) {
		t.Errorf("got %v, %v", p, err)
	}
}

// codeOf returns the code of a fault, empty when there is none.
func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return fault.Of(err).Code
}
