package kv

import (
	"context"

	"github.com/redis/go-redis/v9"
)

const cancelChannel = "ts:cancel"

// Publish tells all workers that the transcription id was canceled or deleted.
// It is a hint: who does not listen at this moment learns it from Postgres.
func (k *KV) Publish(ctx context.Context, id string) error {
	return k.fail(ctx, k.client.Publish(ctx, cancelChannel, id).Err(), "publish a hint")
}

// Hints returns the ids that are published from now on. The channel is closed
// when ctx ends or k is closed. A lost connection is taken up again; what was
// published in between is missed.
func (k *KV) Hints(ctx context.Context) <-chan string {
	sub := k.client.Subscribe(ctx, cancelChannel)
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
