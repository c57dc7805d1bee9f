// Package webhook tells those who want to know what has happened to a
// transcription, signed and at least once.
//
// The form is that of Standard Webhooks 1.0. What is to be sent is written in the
// transaction in which it happens; sending is the step deliver, see
// docs/pipeline.md.
package webhook

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Type says what an event is about.
type Type string

// The types of events.
const (
	Completed Type = "transcription.completed"
	Failed    Type = "transcription.failed"
	Canceled  Type = "transcription.canceled"
	Progress  Type = "transcription.progress"

	BatchCompleted Type = "batch.completed" // all of a batch has ended, however

	Test Type = "webhook.test" // asked for by the owner, sent whatever the webhook wants to know
)

// Types lists what a webhook may ask for.
var Types = []Type{Completed, Failed, Canceled, Progress, BatchCompleted}

// TypeOf returns the type of the event that a transcription has come to the status
// s; ok is false when nobody is told of that.
func TypeOf(s transcription.Status) (typ Type, ok bool) {
	switch s {
	case transcription.Completed:
		return Completed, true
	case transcription.Failed:
		return Failed, true
	case transcription.Canceled:
		return Canceled, true
	default:
		return "", false
	}
}

// envelope is an event on the wire.
type envelope struct {
	Type      Type   `json:"type"`
	Timestamp moment `json:"timestamp"`
	Data      any    `json:"data"`
}

// subject is what an event tells of a transcription: how it stands, and where to ask
// for the rest. It has neither the text nor the name that somebody gave to the file.
type subject struct {
	ID          uuid.UUID              `json:"id"`
	FileID      uuid.UUID              `json:"fileId"`
	Run         int                    `json:"run"`
	Status      transcription.Status   `json:"status"`
	Progress    transcription.Fraction `json:"progress"`
	Language    *string                `json:"language"`
	Model       *string                `json:"model"`
	Duration    *transcription.Seconds `json:"duration"`
	Error       *problem               `json:"error"`
	CreatedAt   moment                 `json:"createdAt"`
	CompletedAt *moment                `json:"completedAt"`
}

type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// moment is a time in UTC with milliseconds, as RFC 3339 has it.
type moment time.Time

// MarshalJSON follows RFC 3339.
func (m moment) MarshalJSON() ([]byte, error) {
	return time.Time(m).UTC().AppendFormat(nil, `"2006-01-02T15:04:05.000Z"`), nil
}

// Payload returns the body of an event: how t stands at that moment. It is made once,
// so that every attempt and every replay says the same.
func Payload(typ Type, at time.Time, t *transcription.Transcription) (string, error) {
	s := subject{
		ID: t.ID, FileID: t.File.ID, Run: t.Run, Status: t.Status, Progress: transcription.Fraction(t.Progress),
		Language: orNull(t.Language), Model: orNull(t.Model), Duration: orNull(transcription.Seconds(t.Duration)),
		Error: (*problem)(t.Failure), CreatedAt: moment(t.CreatedAt),
	}
	if t.Status == transcription.Completed { // what an earlier run has completed may still be there
		s.CompletedAt = (*moment)(&t.CompletedAt)
	}
	return encode(typ, at, s)
}

// collection is what an event tells of a batch. It has not the name that somebody gave it.
type collection struct {
	ID          uuid.UUID                    `json:"id"`
	Total       int                          `json:"total"`
	Counts      map[transcription.Status]int `json:"counts"`
	CreatedAt   moment                       `json:"createdAt"`
	ClosedAt    moment                       `json:"closedAt"`
	CompletedAt moment                       `json:"completedAt"`
}

// BatchPayload returns the body of the event that a batch is completed.
func BatchPayload(b *transcription.Batch) (string, error) {
	c := collection{ID: b.ID, Total: b.Total(), Counts: map[transcription.Status]int{}, CreatedAt: moment(b.CreatedAt), ClosedAt: moment(b.ClosedAt), CompletedAt: moment(b.CompletedAt)}
	for _, s := range []transcription.Status{transcription.Completed, transcription.Failed, transcription.Canceled} {
		c.Counts[s] = b.Counts[s]
	}
	return encode(BatchCompleted, b.CompletedAt, c)
}

func encode(typ Type, at time.Time, data any) (string, error) {
	b, err := json.Marshal(envelope{Type: typ, Timestamp: moment(at), Data: data})
	if err != nil {
		return "", fmt.Errorf("encode an event %s: %w", typ, err)
	}
	return string(b), nil
}

func orNull[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// Known reports whether a webhook may ask for events of that type.
func (t Type) Known() bool { return slices.Contains(Types, t) }
