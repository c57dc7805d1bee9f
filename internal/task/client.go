package task

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/hibiken/asynq"
	"github.com/hibiken/asynqmon"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/pipeline"
)

// asynq gives up on a task long after the pipeline has: the binding limits are
// the lease and the attempts in the store.
const (
	maxRetry = 25
	timeout  = 12 * time.Hour
)

// Client puts steps into the queue.
type Client struct {
	redis     redis.UniversalClient
	client    *asynq.Client
	inspector *asynq.Inspector
}

// NewClient returns a client of that Redis. It does not connect yet.
func NewClient(r Redis) (*Client, error) {
	client, err := r.connect()
	if err != nil {
		return nil, err
	}
	return &Client{redis: client, client: asynq.NewClientFromRedisClient(client), inspector: asynq.NewInspectorFromRedisClient(client)}, nil
}

// Close ends the connections.
func (c *Client) Close() error { return c.redis.Close() }

// Check asks whether the queues can be read. Unavailable: Redis does not answer, or
// does not let this program in.
func (c *Client) Check(context.Context) error {
	_, err := c.inspector.Queues()
	return unavailable(err, "read the queues")
}

// Enqueue puts the step into its queue and wakes a worker. A step that
// is there already is no error. Unavailable: Redis does not answer.
func (c *Client) Enqueue(ctx context.Context, s pipeline.Step) error {
	t, err := encode(s)
	if err != nil {
		return err
	}
	_, err = c.client.EnqueueContext(ctx, t,
		asynq.Queue(s.Kind.Queue(s.Lane)), asynq.TaskID(s.String()), asynq.MaxRetry(maxRetry), asynq.Timeout(timeout))
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		return nil
	}
	if err != nil {
		return unavailable(err, "enqueue "+s.String())
	}
	if err := publish(ctx, c.redis, s.Kind.Queue(s.Lane)); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Stringer("step", s).Msg("nobody woken, the step waits until a worker asks")
	}
	return nil
}

// Holds reports whether the step's task waits in the queue.
func (c *Client) Holds(_ context.Context, s pipeline.Step) (bool, error) {
	info, err := c.inspector.GetTaskInfo(s.Kind.Queue(s.Lane), s.String())
	if errors.Is(err, asynq.ErrTaskNotFound) || errors.Is(err, asynq.ErrQueueNotFound) {
		return false, nil
	}
	if err != nil {
		return false, unavailable(err, "ask after "+s.String())
	}
	switch info.State {
	case asynq.TaskStatePending, asynq.TaskStateScheduled, asynq.TaskStateRetry:
		return true, nil
	default:
		return false, nil
	}
}

// NewMonitor returns the dashboard of the queues, to be served below root, and a
// function that closes its connections. It has no access control of its own and
// shows only ids, since payloads hold nothing else.
func NewMonitor(r Redis, root string, readOnly bool) (http.Handler, func() error, error) {
	opt, err := r.connection()
	if err != nil {
		return nil, nil, err
	}
	h := asynqmon.New(asynqmon.Options{RootPath: root, RedisConnOpt: opt, ReadOnly: readOnly})
	return h, h.Close, nil
}
