package kv

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/rate"
)

var _ rate.Store = (*KV)(nil)

// takeScript keeps of each bucket when it will be full, in microseconds since 1970 by
// the clock of the server, and nothing of one that is. Of a request it knows burst, the
// time for one, and how many; it answers with how many it gave and how long until full.
// A library for this takes one key at a time, which would be a round trip for each.
var takeScript = redis.NewScript(`
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answer = {}
for i, key in ipairs(KEYS) do
	local burst, every, n = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
	local full = math.max(now, tonumber(redis.call('GET', key) or now))
	if n > 0 then
		n = math.max(0, math.min(n, math.floor((burst * every - (full - now)) / every)))
	end
	full = full + n * every
	if full <= now then
		redis.call('DEL', key)
		full = now
	elseif n ~= 0 then
		redis.call('SET', key, string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
	end
	answer[2 * i - 1], answer[2 * i] = n, full - now
end
return answer`)

// Take implements rate.Store. Unavailable: Redis does not answer; for some seconds it is
// not asked then.
func (k *KV) Take(ctx context.Context, requests ...rate.Request) (levels []rate.Level, err error) {
	if k.pausing() {
		return nil, k.fail(ctx, errors.New("it did not answer a moment ago"), "take from buckets")
	}
	keys, args := make([]string, len(requests)), make([]any, 0, 3*len(requests))
	for i, r := range requests {
		keys[i] = bucketKey(r.Key)
		args = append(args, r.Burst, r.Every.Microseconds(), r.N)
	}
	err = k.soon(ctx, "take from buckets", func(ctx context.Context) error {
		answer, err := takeScript.Run(ctx, k.client, keys, args...).Int64Slice()
		if err != nil {
			return err
		}
		levels, err = readLevels(requests, answer)
		return err
	})
	return levels, err
}

func readLevels(requests []rate.Request, answer []int64) ([]rate.Level, error) {
	if len(answer) != 2*len(requests) {
		return nil, fault.New(fault.Internal, "Something went wrong on our side.")
	}
	levels := make([]rate.Level, len(requests))
	for i, r := range requests {
		levels[i] = r.Level(int(answer[2*i]), time.Duration(answer[2*i+1])*time.Microsecond)
	}
	return levels, nil
}

// bucketKey hides whose bucket it is: a Redis is seen by more people than a database,
// and what is left of somebody who is deleted shall not be found there.
func bucketKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return "ts:rate:" + base64.RawURLEncoding.EncodeToString(sum[:16])
}
