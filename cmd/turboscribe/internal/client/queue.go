package client

import (
	"context"
	"net/http"
	"net/url"
)

// Queue is one queue of the server.
type Queue struct {
	Name       string
	Waiting    int
	Dispatched int
	Running    int
	Paused     bool
}

// Queues returns all of them, to administrators.
func (c *Client) Queues(ctx context.Context) ([]Queue, error) {
	var q struct{ Items []Queue }
	err := c.call(ctx, http.MethodGet, apiRoot+"/admin/queues", &q)
	return q.Items, err
}

// PauseQueue lets nothing of a queue begin any more.
func (c *Client) PauseQueue(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodPost, apiRoot+"/admin/queues/"+url.PathEscape(name)+"/pause", nil)
}

// ResumeQueue lets it go on.
func (c *Client) ResumeQueue(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodPost, apiRoot+"/admin/queues/"+url.PathEscape(name)+"/resume", nil)
}
