package kv

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/redis/go-redis/v9"
)

// A cache must leave room for the queue, since a Redis that is full refuses both. So
// values have a fixed number of places, and what is put into a place takes it from
// what was there: the cache never holds more than 256 MiB, whoever asks for what.
const (
	cachePlaces = 256
	maxValue    = 1 << 20
	cacheTime   = time.Minute
)

// cacheWait bounds how long the cache is waited for, which is there to save time.
// After a failure nobody asks it for cachePause.
const (
	cacheWait  = 250 * time.Millisecond
	cachePause = 5 * time.Second
)

// Recall returns the value that was kept as that version of id within the last minute.
// It may be gone at any time. Unavailable: Redis does not answer; for some seconds
// nothing is found then.
func (k *KV) Recall(ctx context.Context, id, version string) (value []byte, found bool, err error) {
	if k.pausing() {
		return nil, false, nil
	}
	err = k.soon(ctx, "recall a value", func(ctx context.Context) error {
		value, err = k.client.HGet(ctx, place(id), field(id, version)).Bytes()
		found = err == nil
		if errors.Is(err, redis.Nil) {
			return nil
		}
		return err
	})
	return value, found, err
}

// Keep makes value the only version of id that is kept, for a minute at most. One of
// more than a MiB is not. Unavailable: Redis does not answer.
func (k *KV) Keep(ctx context.Context, id, version string, value []byte) error {
	if len(value) > maxValue || k.pausing() {
		return nil
	}
	return k.soon(ctx, "keep a value", func(ctx context.Context) error {
		_, err := k.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Del(ctx, place(id))
			p.HSet(ctx, place(id), field(id, version), value)
			p.PExpire(ctx, place(id), cacheTime)
			return nil
		})
		return err
	})
}

// Forget removes what is kept of id. Unavailable: Redis does not answer; it is gone
// in a minute.
func (k *KV) Forget(ctx context.Context, id string) error {
	return k.soon(ctx, "forget a value", func(ctx context.Context) error { return k.client.Del(ctx, place(id)).Err() })
}

// place returns the key of the hash that holds the value of id, or of another id that
// shares the place. Its one field says which.
func place(id string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // never fails
	return fmt.Sprint("ts:cache:", h.Sum32()%cachePlaces)
}

func field(id, version string) string { return id + " " + version }

func (k *KV) pausing() bool { return time.Now().UnixNano() < k.pausedUntil.Load() }

// soon runs a command of the cache, and begins a pause when it fails.
func (k *KV) soon(ctx context.Context, doing string, command func(context.Context) error) error {
	within, cancel := context.WithTimeout(ctx, k.cacheWait)
	defer cancel()
	err := command(within)
	if err != nil && ctx.Err() == nil {
		k.pausedUntil.Store(time.Now().Add(cachePause).UnixNano())
	}
	return k.fail(ctx, err, doing)
}
