package transcription_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/auth/authtest"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// talking returns segments of these texts, a second for each word, with a second between.
func talking(texts ...string) (segments []transcription.Segment) {
	at := time.Duration(0)
	for _, text := range texts {
		s := transcription.Segment{Start: at, Text: text, Confidence: 0.5}
		for _, f := range strings.Fields(text) {
			s.Words = append(s.Words, transcription.Word{Start: at, End: at + time.Second, Text: f, Confidence: 0.5})
			at += time.Second
		}
		s.End = at
		at += time.Second
		segments = append(segments, s)
	}
	return segments
}

// completed puts a transcription with that text into the store.
func (b *bundle) completed(segments []transcription.Segment) uuid.UUID {
	id := uuid.New()
	b.store.Insert(transcription.Transcription{
		ID: id, OwnerID: b.who.UserID, Run: 1, Status: transcription.Completed, Duration: 4 * time.Hour, Segments: segments, Text: transcription.Text(segments),
	})
	return id
}

func ptr[T any](v T) *T { return &v }

// lines writes a text down, with the times in seconds.
func lines(segments []transcription.Segment) (list []string) {
	for _, s := range segments {
		list = append(list, fmt.Sprintf("%v-%v %s: %s", s.Start.Seconds(), s.End.Seconds(), s.Speaker, s.Text))
	}
	return list
}

func TestService_Edit(t *testing.T) {
	t.Parallel()
	type edits = []transcription.Edit
	for name, tt := range map[string]struct {
		edits edits
		want  []string
	}{
		"text":         {edits{{Op: transcription.SetText, Segment: 1, Text: " three  for "}}, []string{"0-2 : One two.", "3-5 : three for", "6-8 : five six."}},
		"speaker":      {edits{{Op: transcription.SetSpeaker, Segment: 2, Speaker: "Ann"}}, []string{"0-2 : One two.", "3-5 : three four", "6-8 Ann: five six."}},
		"rename":       {edits{{Op: transcription.RenameSpeaker, From: "", To: "Ann"}}, []string{"0-2 Ann: One two.", "3-5 Ann: three four", "6-8 Ann: five six."}},
		"times":        {edits{{Op: transcription.SetTimes, Segment: 1, Start: ptr(2 * time.Second), End: ptr(6 * time.Second)}}, []string{"0-2 : One two.", "2-6 : three four", "6-8 : five six."}},
		"one time":     {edits{{Op: transcription.SetTimes, Segment: 1, End: ptr(4 * time.Second)}}, []string{"0-2 : One two.", "3-4 : three four", "6-8 : five six."}},
		"boundary":     {edits{{Op: transcription.MoveBoundary, Segment: 1, At: ptr(7 * time.Second)}}, []string{"0-2 : One two.", "3-7 : three four five", "7-8 : six."}},
		"split":        {edits{{Op: transcription.Split, Segment: 0, Word: ptr(1)}}, []string{"0-1 : One", "1-2 : two.", "3-5 : three four", "6-8 : five six."}},
		"split at":     {edits{{Op: transcription.Split, Segment: 0, At: ptr(900 * time.Millisecond)}}, []string{"0-0.9 : One", "0.9-2 : two.", "3-5 : three four", "6-8 : five six."}},
		"join":         {edits{{Op: transcription.Join, Segment: 1}}, []string{"0-2 : One two.", "3-8 : three four five six."}},
		"insert":       {edits{{Op: transcription.Insert, Start: ptr(8 * time.Second), End: ptr(9 * time.Second), Text: "Seven.", Speaker: "Bob"}}, []string{"0-2 : One two.", "3-5 : three four", "6-8 : five six.", "8-9 Bob: Seven."}},
		"remove":       {edits{{Op: transcription.Remove, Segment: 1}}, []string{"0-2 : One two.", "6-8 : five six."}},
		"replace":      {edits{{Op: transcription.Replace, Find: "F", With: "v"}}, []string{"0-2 : One two.", "3-5 : three vour", "6-8 : vive six."}},
		"whole words":  {edits{{Op: transcription.Replace, Find: "f", With: "v", WholeWords: true}, {Op: transcription.Replace, Find: "six", With: "7", WholeWords: true}}, []string{"0-2 : One two.", "3-5 : three four", "6-8 : five 7."}},
		"match case":   {edits{{Op: transcription.Replace, Find: "one", With: "1", MatchCase: true}}, []string{"0-2 : One two.", "3-5 : three four", "6-8 : five six."}},
		"signs":        {edits{{Op: transcription.Replace, Find: ".", With: "!"}}, []string{"0-2 : One two!", "3-5 : three four", "6-8 : five six!"}},
		"all is gone":  {edits{{Op: transcription.Replace, Find: "three four"}}, []string{"0-2 : One two.", "6-8 : five six."}},
		"one by one":   {edits{{Op: transcription.Split, Segment: 0, Word: ptr(1)}, {Op: transcription.Join, Segment: 1}}, []string{"0-1 : One", "1-5 : two. three four", "6-8 : five six."}},
		"there and in": {edits{{Op: transcription.Split, Segment: 0, Word: ptr(1)}, {Op: transcription.Join, Segment: 0}}, []string{"0-2 : One two.", "3-5 : three four", "6-8 : five six."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup()
			before := talking("One two.", "three four", "five six.")
			id := b.completed(before)
			got, err := b.Edit(t.Context(), b.who, id, nil, tt.edits)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, lines(got.Segments)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if same := slices.Equal(lines(before), tt.want); (got.Revision == 0) != same || got.Text != transcription.Text(got.Segments) {
				t.Errorf("revision %d of %q", got.Revision, got.Text)
			}
		})
	}
}

func TestService_Edit_refused(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]transcription.Edit{
		"unknown_edit":      {Op: "shout"},
		"no_such_segment":   {Op: transcription.SetText, Segment: 3, Text: "x"},
		"empty_text":        {Op: transcription.SetText, Text: " \t\u200b"},
		"text_too_long":     {Op: transcription.SetText, Text: strings.Repeat("x", 10_000_000)},
		"speaker_too_long":  {Op: transcription.SetSpeaker, Speaker: strings.Repeat("x", 101)},
		"times_reversed":    {Op: transcription.SetTimes, Segment: 1, Start: ptr(5 * time.Second), End: ptr(4 * time.Second)},
		"overlap":           {Op: transcription.SetTimes, Segment: 1, End: ptr(7 * time.Second)},
		"out_of_order":      {Op: transcription.SetTimes, Segment: 0, Start: ptr(4 * time.Second), End: ptr(5 * time.Second)},
		"beyond_the_end":    {Op: transcription.SetTimes, Segment: 2, End: ptr(5 * time.Hour)},
		"no_next_segment":   {Op: transcription.Join, Segment: 2},
		"nothing_left":      {Op: transcription.Split, Segment: 1, Word: ptr(2)},
		"missing_field":     {Op: transcription.Split, Segment: 0},
		"no_such_speaker":   {Op: transcription.RenameSpeaker, From: "Ann", To: "Bob"},
		"too_many_segments": {},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			b := setup()
			id := b.completed(talking("One two.", "three four", "five six."))
			_, err := b.Edit(t.Context(), b.who, id, nil, []transcription.Edit{{Op: transcription.SetText, Text: "This must not stay."}, e})
			if want == "too_many_segments" {
				_, err = b.Rewrite(t.Context(), b.who, id, nil, make([]transcription.NewSegment, transcription.MaxSegments+1))
			}
			if f := fault.Of(err); f == nil || f.Code != want || f.Kind != fault.Invalid || want != "too_many_segments" && f.Details["edit"] != 1 {
				t.Errorf("got %v", err)
			}
			if got, err := b.Transcription(t.Context(), b.who, id); err != nil || got.Revision != 0 || got.Segments[0].Text != "One two." {
				t.Errorf("something was changed: %v, %v", got, err)
			}
		})
	}
}

// The difference to the machine's latest was told from the very first text, not from the one
// before it.
func TestService_Diff_machine(t *testing.T) {
	t.Parallel()
	b := setup()
	before := talking("One two.", "three four")
	id := b.completed(before)
	for i, kind := range []transcription.RevisionKind{transcription.ByEdit, transcription.ByMachine} {
		c := transcription.Change{After: i, Kind: kind, By: transcription.Actor{Kind: transcription.ByUser}, Splices: []transcription.Splice{{At: i, Old: before[i : i+1], New: talking("New.")}}}
		if err := b.store.Revise(t.Context(), b.who.UserID, id, c); err != nil {
			t.Fatal(err)
		}
	}
	got, err := b.Diff(t.Context(), b.who, id, transcription.RevisionBefore, transcription.MachineText)
	if err != nil || got.From != 1 || got.To != 2 || len(got.Splices) != 1 || got.Splices[0].At != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// Two who have read the same text change it at the same time.
func TestService_Edit_atOnce(t *testing.T) {
	t.Parallel()
	b := setup()
	id := b.completed(talking("One two.", "three four", "five six."))
	var wg sync.WaitGroup
	errs := make([]error, 3)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = b.Edit(t.Context(), b.who, id, ptr(0), []transcription.Edit{{Op: transcription.SetText, Segment: i, Text: fmt.Sprint("changed ", i)}})
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	got, err := b.Edit(t.Context(), b.who, id, ptr(0), []transcription.Edit{{Op: transcription.SetText, Segment: 1, Text: "too late"}})
	stale, ok := errors.AsType[*transcription.StaleEdit](err)
	if !ok || !fault.Is(err, fault.Stale) || stale.Current[1].Text != "changed 1" || stale.Yours[1].Text != "too late" {
		t.Errorf("got %v, %v", got, err)
	}
	now, err := b.Transcription(t.Context(), b.who, id)
	if err != nil || now.Revision != 3 || now.Text != "changed 0 changed 1 changed 2" {
		t.Errorf("revision %d: %q, %v", now.Revision, now.Text, err)
	}
}

// Who was told that somebody had been faster was shown what others had changed elsewhere as
// theirs to take back, and did so by sending their version again.
func TestService_Edit_yours(t *testing.T) {
	t.Parallel()
	b := setup()
	id := b.completed(talking("One two.", "three four", "five six.", "seven", "eight"))
	text := func(i int, text string) transcription.Edit {
		return transcription.Edit{Op: transcription.SetText, Segment: i, Text: text}
	}
	if _, err := b.Edit(t.Context(), b.who, id, ptr(0), []transcription.Edit{text(0, "theirs"), text(2, "theirs"), {Op: transcription.Remove, Segment: 4}}); err != nil {
		t.Fatal(err)
	}
	_, err := b.Edit(t.Context(), b.who, id, ptr(0), []transcription.Edit{text(0, "mine"), text(3, "mine")})
	stale, ok := errors.AsType[*transcription.StaleEdit](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	if got := transcription.Text(stale.Yours); got != "mine three four theirs mine" {
		t.Errorf("yours is %q", got)
	}
}

// Who had sent a text only would have taken back who speaks, and the other way round.
func TestService_Edit_yoursOfOne(t *testing.T) {
	t.Parallel()
	b := setup()
	id := b.completed(talking("One two."))
	if _, err := b.Edit(t.Context(), b.who, id, ptr(0), []transcription.Edit{{Op: transcription.SetSpeaker, Speaker: "Ann"}, {Op: transcription.SetText, Text: "theirs"}}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		mine transcription.Edit
		want string
	}{
		{transcription.Edit{Op: transcription.SetText, Text: "mine"}, "0-2 Ann: mine"},
		{transcription.Edit{Op: transcription.SetSpeaker, Speaker: "Bob"}, "0-2 Bob: theirs"},
	} {
		_, err := b.Edit(t.Context(), b.who, id, ptr(0), []transcription.Edit{tt.mine})
		stale, ok := errors.AsType[*transcription.StaleEdit](err)
		if !ok || strings.Contains(err.Error(), "omebody else") {
			t.Fatalf("got %v", err)
		}
		if diff := cmp.Diff([]string{tt.want}, lines(stale.Yours)); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
}

// What is missing was "word or at", and of an edit that there is not nobody heard which there are.
func TestService_Edit_saysWhatIsMissing(t *testing.T) {
	t.Parallel()
	b := setup()
	id := b.completed(talking("One two."))
	ops := []string{"boundary", "insert", "join", "remove", "renameSpeaker", "replace", "speaker", "split", "text", "times"}
	for _, tt := range []struct {
		edit transcription.Edit
		want map[string]any
	}{
		{transcription.Edit{Op: "shout"}, map[string]any{"edit": 0, "field": "op", "allowed": ops}},
		{transcription.Edit{Op: transcription.Split}, map[string]any{"edit": 0, "field": "word", "anyOf": []string{"word", "at"}}},
		{transcription.Edit{Op: transcription.Insert, Text: "x"}, map[string]any{"edit": 0, "field": "start"}},
		{transcription.Edit{Op: transcription.Insert, Text: "x", Start: ptr(time.Second)}, map[string]any{"edit": 0, "field": "end"}},
	} {
		_, err := b.Edit(t.Context(), b.who, id, nil, []transcription.Edit{tt.edit})
		if diff := cmp.Diff(tt.want, fault.Of(err).Details); diff != "" {
			t.Errorf("%v: -want +got\n%s", err, diff)
		}
	}
}

// Two moved an end and a start towards each other, each as far as the other's was not
// moved, and one speaker talked twice at once.
func TestService_Edit_timesTogether(t *testing.T) {
	t.Parallel()
	times := func(i int, start, end *time.Duration) []transcription.Edit {
		return []transcription.Edit{{Op: transcription.SetTimes, Segment: i, Start: start, End: end}}
	}
	for name, tt := range map[string]struct {
		theirs, mine []transcription.Edit
		stale        bool
	}{
		"overlapping":        {times(0, nil, ptr(2800*time.Millisecond)), times(1, ptr(2200*time.Millisecond), nil), true},
		"the other way":      {times(1, ptr(2200*time.Millisecond), nil), times(0, nil, ptr(2800*time.Millisecond)), true},
		"up to each other":   {times(0, nil, ptr(2500*time.Millisecond)), times(1, ptr(2500*time.Millisecond), nil), false},
		"far from another":   {times(0, nil, ptr(2800*time.Millisecond)), times(2, ptr(5500*time.Millisecond), nil), false},
		"into what is new":   {[]transcription.Edit{{Op: transcription.Insert, Start: ptr(2200 * time.Millisecond), End: ptr(2800 * time.Millisecond), Text: "New."}}, times(0, nil, ptr(2500*time.Millisecond)), true},
		"beside what is new": {[]transcription.Edit{{Op: transcription.Insert, Start: ptr(2200 * time.Millisecond), End: ptr(2800 * time.Millisecond), Text: "New.", Speaker: "Ann"}}, times(0, nil, ptr(2500*time.Millisecond)), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup()
			id := b.completed(talking("One two.", "three four", "five six."))
			if _, err := b.Edit(t.Context(), b.who, id, ptr(0), tt.theirs); err != nil {
				t.Fatal(err)
			}
			_, err := b.Edit(t.Context(), b.who, id, ptr(0), tt.mine)
			stale, ok := errors.AsType[*transcription.StaleEdit](err)
			if ok != tt.stale || err != nil && !ok {
				t.Fatalf("got %v", err)
			}
			if !ok {
				return
			}
			own := setup()
			alone := own.completed(talking("One two.", "three four", "five six."))
			want, err := own.Edit(t.Context(), own.who, alone, ptr(0), tt.mine)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(lines(want.Segments), lines(stale.Yours)); diff != "" {
				t.Errorf("yours: -want +got\n%s", diff)
			}
		})
	}
}

// Where two speak at once, a boundary may move behind the start of the other. The text then
// was out of order, and its author was told that somebody else had changed it.
func TestService_Edit_boundaryBehindAnother(t *testing.T) {
	t.Parallel()
	b := setup()
	before := talking("One two.", "three four five", "Yes.")
	before[2].Start, before[2].End, before[2].Speaker = 4*time.Second, 5*time.Second, "Ann"
	id := b.completed(before)
	got, err := b.Edit(t.Context(), b.who, id, nil, []transcription.Edit{{Op: transcription.MoveBoundary, At: ptr(4500 * time.Millisecond)}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"0-4.5 : One two. three", "4-5 Ann: Yes.", "4.5-6 : four five"}, lines(got.Segments)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A few bytes made a text of gigabytes, or minutes of work.
func TestService_Edit_grown(t *testing.T) {
	t.Parallel()
	b := setup()
	id := b.completed(talking(slices.Repeat([]string{strings.Repeat("e ", 10)}, 500)...))
	grow := []transcription.Edit{{Op: transcription.Replace, Find: "e", With: strings.Repeat("e", 900)}}
	edits := map[string]func() (*transcription.Transcription, error){
		"text_too_long": func() (*transcription.Transcription, error) { return b.Edit(t.Context(), b.who, id, nil, grow) },
		"too_many_edits": func() (*transcription.Transcription, error) {
			return b.Edit(t.Context(), b.who, id, nil, slices.Repeat(grow, 1001))
		},
	}
	for want, edit := range edits {
		if _, err := edit(); fault.Of(err) == nil || fault.Of(err).Code != want || fault.Of(err).Details["limit"] == nil {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := b.Retext(t.Context(), b.who, id, nil, strings.Repeat("a ", transcription.MaxText)); fault.Of(err) == nil || fault.Of(err).Code != "text_too_long" {
		t.Errorf("got %v", err)
	}
}

func TestService_Edit_notYet(t *testing.T) {
	t.Parallel()
	b := setup()
	tr, err := b.Upload(t.Context(), b.who, upload("sound", transcription.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Retext(t.Context(), b.who, tr.ID, nil, "text"); fault.Of(err).Code != "no_text" {
		t.Errorf("got %v", err)
	}
	viewer := authtest.Actor(b.who.UserID, auth.Viewer)
	if _, err := b.Retext(t.Context(), viewer, tr.ID, nil, "text"); !fault.Is(err, fault.Forbidden) {
		t.Errorf("got %v from somebody who may only read", err)
	}
	if _, err := b.Retext(t.Context(), authtest.Actor(uuid.New(), auth.Member), tr.ID, nil, "text"); !fault.Is(err, fault.NotFound) {
		t.Errorf("got %v from somebody else", err)
	}
}

func TestService_Rewrite(t *testing.T) {
	t.Parallel()
	b := setup()
	before := talking("One two.", "three four", "five six.")
	id := b.completed(before)
	same := make([]transcription.NewSegment, len(before))
	for i, s := range before {
		same[i] = transcription.NewSegment{Start: s.Start, End: s.End, Text: s.Text}
	}
	if got, err := b.Rewrite(t.Context(), b.who, id, nil, same); err != nil || got.Revision != 0 {
		t.Errorf("sent back as it was: revision %d, %v", got.Revision, err)
	}
	joined := []transcription.NewSegment{{Start: 0, End: 5 * time.Second, Text: "One two. three four"}, {Start: 6 * time.Second, End: 9 * time.Second, Text: "5 six. seven", Speaker: "Ann"}}
	got, err := b.Rewrite(t.Context(), b.who, id, nil, joined)
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Concat(before[0].Words, before[1].Words)
	if diff := cmp.Diff(want, got.Segments[0].Words); diff != "" || got.Segments[1].Words[1] != before[2].Words[1] || got.Segments[1].Speaker != "Ann" {
		t.Errorf("-want +got\n%s", diff)
	}
	for want, list := range map[string][]transcription.NewSegment{
		"out_of_order":   {joined[1], joined[0]},
		"times_reversed": {joined[0], {Start: 8 * time.Second, End: 7 * time.Second, Text: "x"}},
		"empty_text":     {joined[0], {Start: 8 * time.Second, End: 9 * time.Second}},
	} {
		if _, err := b.Rewrite(t.Context(), b.who, id, nil, list); fault.Of(err).Code != want || fault.Of(err).Details["segment"] != 1 {
			t.Errorf("%s: got %v", want, err)
		}
	}
}

func TestService_Restore(t *testing.T) {
	t.Parallel()
	b := setup()
	id := b.completed(talking("One two.", "three four", "five six."))
	var texts []string
	for i := range 4 {
		got, err := b.Edit(t.Context(), b.who, id, nil, []transcription.Edit{{Op: transcription.Replace, Find: "i", With: fmt.Sprint("i", i)}})
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, got.Text)
	}
	got, err := b.Restore(t.Context(), b.who, id, ptr(4), 2)
	if err != nil || got.Text != texts[1] || got.Revision != 5 {
		t.Errorf("revision %d: %q, %v", got.Revision, got.Text, err)
	}
	if got, err = b.Restore(t.Context(), b.who, id, nil, transcription.MachineText); err != nil || got.Text != "One two. three four five six." || got.Revision != 6 {
		t.Errorf("revision %d: %q, %v", got.Revision, got.Text, err)
	}
	if _, err = b.Restore(t.Context(), b.who, id, ptr(5), 2); !fault.Is(err, fault.Stale) {
		t.Errorf("got %v for what has been changed", err)
	}
	if _, err = b.Restore(t.Context(), b.who, id, nil, 9); !fault.Is(err, fault.NotFound) {
		t.Errorf("got %v for a revision that is not there", err)
	}
	for i, want := range texts {
		if at, err := b.At(t.Context(), b.who, id, i+1); err != nil || at.Text != want {
			t.Errorf("revision %d: %q, %v, want %q", i+1, at.Text, err, want)
		}
	}
	diff, err := b.Diff(t.Context(), b.who, id, 1, 2)
	if err != nil || len(diff.Splices) != 1 || diff.Splices[0].At != 2 || diff.Splices[0].Old[0].Text != "fi0ve si0x." || diff.Splices[0].New[0].Text != "fi10ve si10x." {
		t.Errorf("got %+v, %v", diff, err)
	}
}

// TestService_Edit_random makes random edits and restores. Whatever they are, segments
// are in order, times go forward, and each text is that of its words.
func TestService_Edit_random(t *testing.T) {
	t.Parallel()
	for seed := range uint64(500) {
		rnd := rand.New(rand.NewPCG(seed, 13))
		b := setup()
		texts := make([]string, 1+rnd.IntN(8))
		for i := range texts {
			texts[i] = strings.TrimSpace(strings.Repeat("word ", 1+rnd.IntN(5)))
		}
		id := b.completed(talking(texts...))
		for range 12 {
			before, err := b.Transcription(t.Context(), b.who, id)
			if err != nil {
				t.Fatal(err)
			}
			after, what, err := b.randomly(t.Context(), rnd, before)
			if err != nil && fault.KindOf(err) != fault.Invalid {
				t.Fatalf("%d: %s: %v", seed, what, err)
			}
			if err == nil {
				sound(t, fmt.Sprintf("%d: %s", seed, what), before, after)
			}
		}
	}
}

// randomly does something to a text, and says what. Text stays the same but where the
// edit is of that.
func (b *bundle) randomly(ctx context.Context, rnd *rand.Rand, t *transcription.Transcription) (*transcription.Transcription, string, error) {
	e := transcription.Edit{Segment: rnd.IntN(len(t.Segments) + 1), At: ptr(time.Duration(rnd.IntN(40_000)) * time.Millisecond)}
	switch rnd.IntN(11) {
	case 0:
		e.Op, e.Text = transcription.SetText, strings.Repeat("new 新 ", 1+rnd.IntN(3))
	case 1:
		e.Op = transcription.Split
		if rnd.IntN(2) == 0 {
			e.Word = ptr(rnd.IntN(4))
		}
	case 2:
		e.Op = transcription.Join
	case 3:
		e.Op = transcription.MoveBoundary
	case 4:
		e.Op, e.Start, e.End = transcription.SetTimes, e.At, ptr(*e.At+time.Duration(rnd.IntN(5000))*time.Millisecond)
	case 5:
		e.Op, e.Speaker = transcription.SetSpeaker, []string{"", "Ann", "Bob"}[rnd.IntN(3)]
	case 6:
		e.Op, e.Start, e.End = transcription.Insert, e.At, ptr(*e.At+time.Duration(rnd.IntN(5000))*time.Millisecond)
		e.Text, e.Speaker = strings.Repeat("put 入 ", rnd.IntN(3)), []string{"", "Ann", "Bob"}[rnd.IntN(3)]
	case 7:
		e.Op = transcription.Remove
	case 8:
		e.Op, e.From, e.To = transcription.RenameSpeaker, []string{"", "Ann", "Bob"}[rnd.IntN(3)], []string{"", "Ann", "Cleo"}[rnd.IntN(3)]
	case 9:
		n := rnd.IntN(t.Revision + 1)
		after, err := b.Restore(ctx, b.who, t.ID, nil, n)
		return after, fmt.Sprint("restore ", n), err
	default:
		e.Op, e.Find, e.With = transcription.Replace, "new", "newer"
	}
	after, err := b.Edit(ctx, b.who, t.ID, nil, []transcription.Edit{e})
	return after, fmt.Sprintf("%s of %d", e.Op, e.Segment), err
}

// wordsIn returns the words of a text in alphabetical order: where two talk at once, a part
// of one may go behind the other.
func wordsIn(text string) []string { return slices.Sorted(strings.FieldsSeq(text)) }

func sound(t *testing.T, what string, before, after *transcription.Transcription) {
	t.Helper()
	var last time.Duration
	var texts []string
	for i, s := range after.Segments {
		texts = append(texts, s.Text)
		if s.Start < last || s.End <= s.Start {
			t.Fatalf("%s: segment %d goes from %s to %s, the one before starts at %s", what, i, s.Start, s.End, last)
		}
		last = s.Start
		at := s.Start
		var words []string
		for _, w := range s.Words {
			if w.Start < at || w.End < w.Start || w.End > s.End {
				t.Fatalf("%s: segment %d: word %q from %s to %s", what, i, w.Text, w.Start, w.End)
			}
			at = w.Start
			if w.Glued && len(words) > 0 {
				words[len(words)-1] += w.Text
				continue
			}
			words = append(words, w.Text)
		}
		if got := strings.Join(words, " "); got != s.Text {
			t.Fatalf("%s: the words of segment %d are %q, its text %q", what, i, got, s.Text)
		}
	}
	if after.Text != transcription.Text(after.Segments) {
		t.Fatalf("%s: the text is %q, of segments %q", what, after.Text, texts)
	}
	for _, op := range []transcription.EditOp{transcription.Split, transcription.Join, transcription.MoveBoundary, transcription.SetTimes, transcription.SetSpeaker, transcription.RenameSpeaker} {
		if strings.HasPrefix(what[strings.Index(what, ":")+2:], string(op)+" of") && !slices.Equal(wordsIn(before.Text), wordsIn(after.Text)) {
			t.Fatalf("%s: %q became %q", what, before.Text, after.Text)
		}
	}
}
