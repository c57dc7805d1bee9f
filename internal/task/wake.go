package task

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// asynq asks for tasks again and again, and sleeps in between: what it sleeps is
// what a short recording waits for, three times over, and asking often enough not
// to notice keeps Redis busy with workers that have nothing to do. So who enqueues
// publishes the queue's name, and an idle worker's question is held back until it
// hears it.
const (
	wakeChannel = "ts:wake:" // and the name of the queue

	// idleInterval is how long a question is held back without a hint: one may be
	// missed, and tasks that asynq itself puts back come without.
	idleInterval = time.Second

	// checkInterval is how long asynq sleeps between two questions.
	checkInterval = 10 * time.Millisecond
)

// patient is a client whose questions for a task are answered when there is one, or
// after a while, idle. They are the only scripts of asynq's that answer nothing.
type patient struct {
	redis.UniversalClient
	idle time.Duration
	wake <-chan struct{}
	stop <-chan struct{}
}

// EvalSha implements redis.Scripter.
func (c patient) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	idle := time.NewTimer(c.idle)
	defer idle.Stop()
	for {
		cmd := c.UniversalClient.EvalSha(ctx, sha, keys, args...)
		if !errors.Is(cmd.Err(), redis.Nil) {
			return cmd
		}
		select {
		case <-c.wake:
		case <-idle.C:
			return cmd
		case <-c.stop:
			return cmd
		}
	}
}

// publish wakes the workers that wait for tasks of a queue.
func publish(ctx context.Context, client redis.UniversalClient, queue string) error {
	return client.Publish(ctx, wakeChannel+queue, "").Err()
}

// listen passes hints on to whoever waits for the queue, until ctx ends. A hint that
// comes while nobody waits is kept: it may be about a task that came just after the
// last question.
func listen(ctx context.Context, client redis.UniversalClient, wake map[string]chan struct{}) error {
	var channels []string
	for queue := range wake {
		channels = append(channels, wakeChannel+queue)
	}
	hints := client.Subscribe(ctx, channels...)
	messages := hints.Channel()
	for {
		select {
		case m := <-messages:
			select {
			case wake[strings.TrimPrefix(m.Channel, wakeChannel)] <- struct{}{}:
			default:
			}
		case <-ctx.Done():
			return hints.Close()
		}
	}
}
