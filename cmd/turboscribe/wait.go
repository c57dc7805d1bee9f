package main

import (
	"context"
	"fmt"

	"github.com/turboscribe/turboscribe/cmd/turboscribe/internal/client"
)

// wait shows the progress of a transcription until it has ended, and fails when
// it ended without a text.
func (a *app) wait(ctx context.Context, c *client.Client, id, name string) (*client.Transcription, error) {
	m := a.meter(name)
	t, err := c.Wait(ctx, id, client.Watcher{
		Changed: func(t *client.Transcription) { m.show(stageText(t), t.Progress, noteText(t)) },
		Notice: func(message string) {
			m.clear()
			a.say("%s", inline(message))
		},
	})
	m.end()
	if err != nil {
		return nil, err
	}
	return t, outcome(t)
}

// outcome returns why there is no text.
func outcome(t *client.Transcription) error {
	switch {
	case t.Status == "completed":
		return nil
	case t.Error != nil:
		return fmt.Errorf("%s", inline(t.Error.Message))
	default:
		return fmt.Errorf("the transcription %s was %s", inline(t.ID), inline(t.Status))
	}
}

func stageText(t *client.Transcription) string {
	switch t.Status {
	case "queued":
		return "waiting for a worker"
	case "completed":
		return "done"
	default:
		return t.Status
	}
}

func noteText(t *client.Transcription) string {
	switch {
	case t.Final():
		return ""
	case t.QueuePosition > 0 && t.Progress == 0:
		return fmt.Sprintf("%d before it", t.QueuePosition)
	case t.EstimatedSeconds > 0:
		return "about " + secondsText(t.EstimatedSeconds) + " left"
	default:
		return ""
	}
}
