// Package task carries steps through asynq.
//
// A task is a hint, nothing more: its payload holds ids only, the truth is in
// the store. Its id names the step with its generation, so that enqueuing a step
// twice is enqueuing it once, and a task that asynq has lost track of cannot
// block the next one. The queue needs a Redis that evicts nothing.
package task

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/pipeline"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// payload is a step on the wire.
type payload struct {
	ID    uuid.UUID `json:"id"`
	Run   int       `json:"run"`
	Index int       `json:"index"`
	Gen   int       `json:"gen"`

	Lane pipeline.Lane `json:"lane,omitempty"`
}

func encode(s pipeline.Step) (*asynq.Task, error) {
	body, err := json.Marshal(payload{ID: s.Ref.ID, Run: s.Ref.Run, Index: s.Index, Gen: s.Gen, Lane: s.Lane})
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", s, err)
	}
	return asynq.NewTask(string(s.Kind), body), nil
}

func decode(t *asynq.Task) (pipeline.Step, error) {
	var p payload
	if err := json.Unmarshal(t.Payload(), &p); err != nil {
		return pipeline.Step{}, fmt.Errorf("decode a task of type %s: %w", t.Type(), err)
	}
	if p.ID == uuid.Nil || p.Run == 0 || p.Index < 0 || p.Gen < 1 {
		return pipeline.Step{}, fmt.Errorf("a task of type %s names no step: %s", t.Type(), t.Payload())
	}
	return pipeline.Step{
		Ref:  transcription.Ref{ID: p.ID, Run: p.Run},
		Kind: pipeline.Kind(t.Type()), Index: p.Index, Gen: p.Gen, Lane: p.Lane,
	}, nil
}

// Redis says where the queues are.
type Redis struct {
	URL   string         // redis://user:password@host:6379/0, or rediss:// for TLS
	Roots *x509.CertPool // who may vouch for a server by rediss://; those of the system when nil
}

// connection reads the URL as the other connections to the same server are
// opened with it. asynq's own parser leaves out the user's name, so that the queue
// alone would sign in as somebody else, and wants a port. Nothing of the URL is in
// the error: there is a password in it.
func (r Redis) connection() (asynq.RedisConnOpt, error) {
	u, err := url.Parse(r.URL)
	if err != nil || u.Scheme != "redis" && u.Scheme != "rediss" || u.Hostname() == "" || u.RawQuery != "" {
		return nil, errNoURL
	}
	password, _ := u.User.Password()
	opt := asynq.RedisClientOpt{Addr: u.Host, Username: u.User.Username(), Password: password}
	if u.Port() == "" {
		opt.Addr = net.JoinHostPort(u.Hostname(), "6379")
	}
	if db := strings.Trim(u.Path, "/"); db != "" {
		if opt.DB, err = strconv.Atoi(db); err != nil {
			return nil, errNoURL
		}
	}
	if u.Scheme == "rediss" {
		opt.TLSConfig = &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12, RootCAs: r.Roots}
	}
	return opt, nil
}

var errNoURL = fault.New(fault.Invalid, "The Redis URL is not understood. Write redis://user:password@host:6379/0, "+
	"with all signs of the password but letters and digits as %%XX.")

// connect returns a client. It does not connect yet.
func (r Redis) connect() (redis.UniversalClient, error) {
	opt, err := r.connection()
	if err != nil {
		return nil, err
	}
	client, ok := opt.MakeRedisClient().(redis.UniversalClient)
	if !ok {
		return nil, errors.New("asynq makes no Redis client of a URL")
	}
	return client, nil
}

// unavailable marks an error of Redis as one that may pass.
func unavailable(err error, doing string) error {
	if err == nil || errors.Is(err, asynq.ErrTaskNotFound) {
		return err
	}
	return fault.Wrap(fmt.Errorf("%s: %w", doing, err), fault.Unavailable, "The task queue does not answer.")
}
