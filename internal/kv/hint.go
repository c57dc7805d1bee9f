package kv

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// Where hints are published: of what was canceled or deleted, for the workers, and of
// what has changed, for those who follow it.
const (
	cancelChannel = "ts:cancel"
	changeChannel = "ts:changed"
)

// Publish tells all workers that the transcription id was canceled or deleted.
// It is a hint: who does not listen at this moment learns it from Postgres.
func (k *KV) Publish(ctx context.Context, id string) error {
	return k.fail(ctx, k.client.Publish(ctx, cancelChannel, id).Err(), "publish a hint")
}

// Hints returns the ids that are published from now on. The channel is closed
// when ctx ends or k is closed. A lost connection is taken up again; what was
// published in between is missed.
func (k *KV) Hints(ctx context.Context) <-chan string { return k.listen(ctx, cancelChannel) }

// Changes is Hints for the ids that Tell is called with.
func (k *KV) Changes(ctx context.Context) <-chan string { return k.listen(ctx, changeChannel) }

// maxUntold is how many ids wait to be published while Redis does not answer. More are
// dropped: who follows them learns it a few seconds later.
const maxUntold = 1024

// tellWait bounds how long Redis is waited for with those that wait.
const tellWait = time.Second

// Tell publishes that the transcription id has changed, a moment later, and never waits.
// It is a hint, and nobody is told when it is lost.
func (k *KV) Tell(id string) {
	select {
	case k.untold <- id:
	default:
	}
}

// publishChanges publishes what Tell is called with, until k is closed, and then what is
// left.
func (k *KV) publishChanges(ctx context.Context) {
	for {
		select {
		case id := <-k.untold:
			k.publishChange(ctx, id)
		case <-k.closed:
			for len(k.untold) > 0 {
				if !k.publishChange(ctx, <-k.untold) {
					return
				}
			}
			return
		}
	}
}

// publishChange publishes one id with all that wait behind it.
func (k *KV) publishChange(ctx context.Context, id string) bool {
	ctx, cancel := context.WithTimeout(ctx, k.tellWait)
	defer cancel()
	pipe := k.client.Pipeline()
	pipe.Publish(ctx, changeChannel, id)
	for range len(k.untold) {
		pipe.Publish(ctx, changeChannel, <-k.untold)
	}
	_, err := pipe.Exec(ctx)
	return err == nil
}

// listen returns what is published on a channel.
func (k *KV) listen(ctx context.Context, channel string) <-chan string {
	sub := k.client.Subscribe(ctx, channel)
	ids := make(chan string)
	k.hints.Go(func() {
		defer close(ids)
		defer func() { _ = sub.Close() }() // nothing is left to lose
		k.forward(ctx, sub, ids)
	})
	return ids
}

func (k *KV) forward(ctx context.Context, sub *redis.PubSub, ids chan<- string) {
	messages := sub.Channel()
	for {
		select {
		case m, ok := <-messages:
			if !ok || !k.send(ctx, ids, m.Payload) {
				return
			}
		case <-ctx.Done():
			return
		case <-k.closed:
			return
		}
	}
}

func (k *KV) send(ctx context.Context, ids chan<- string, id string) bool {
	select {
	case ids <- id:
		return true
	case <-ctx.Done():
		return false
	case <-k.closed:
		return false
	}
}
