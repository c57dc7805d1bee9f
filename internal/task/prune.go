package task

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"
)

// page is how many tasks are listed at once.
const page = 1000

// Prune removes the tasks about what gone says is no more, and returns how many it has
// found, with those that are being worked on and go when that ends. Unavailable: Redis
// does not answer.
func (c *Client) Prune(ctx context.Context, gone func(context.Context, []uuid.UUID) ([]uuid.UUID, error)) (found int, err error) {
	queues, err := c.inspector.Queues()
	if err != nil {
		return 0, unavailable(err, "read the queues")
	}
	for _, queue := range queues {
		tasks, err := c.tasks(queue)
		if err != nil {
			return found, err
		}
		n, err := c.prune(ctx, tasks, gone)
		if found += n; err != nil {
			return found, err
		}
	}
	return found, nil
}

// tasks lists all tasks of a queue, whatever their state.
func (c *Client) tasks(queue string) (all []*asynq.TaskInfo, err error) {
	for _, list := range []func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error){
		c.inspector.ListPendingTasks, c.inspector.ListScheduledTasks, c.inspector.ListRetryTasks,
		c.inspector.ListArchivedTasks, c.inspector.ListCompletedTasks, c.inspector.ListActiveTasks,
	} {
		for n := 1; ; n++ {
			some, err := list(queue, asynq.PageSize(page), asynq.Page(n))
			if err != nil {
				return nil, unavailable(err, "list the tasks of "+queue)
			}
			all = append(all, some...)
			if len(some) < page {
				break
			}
		}
	}
	return all, nil
}

func (c *Client) prune(ctx context.Context, tasks []*asynq.TaskInfo, gone func(context.Context, []uuid.UUID) ([]uuid.UUID, error)) (found int, err error) {
	about := map[uuid.UUID][]*asynq.TaskInfo{}
	for _, t := range tasks {
		step, err := decode(asynq.NewTask(t.Type, t.Payload))
		if err == nil {
			about[step.Ref.ID] = append(about[step.Ref.ID], t)
		}
	}
	if len(about) == 0 {
		return 0, nil
	}
	ids, err := gone(ctx, slices.Collect(maps.Keys(about)))
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		for _, t := range about[id] {
			found++
			if err := c.remove(t); err != nil {
				return found, err
			}
		}
	}
	return found, nil
}

// remove deletes a task that is not being worked on.
func (c *Client) remove(t *asynq.TaskInfo) error {
	if t.State == asynq.TaskStateActive {
		return nil
	}
	err := c.inspector.DeleteTask(t.Queue, t.ID)
	if errors.Is(err, asynq.ErrTaskNotFound) || errors.Is(err, asynq.ErrQueueNotFound) {
		return nil
	}
	return unavailable(err, "delete the task "+t.ID)
}
