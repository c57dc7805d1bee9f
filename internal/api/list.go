package api

import (
	"context"
	"net/http"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/auth"
)

// pageJSON is a page of a list.
type pageJSON[J any] struct {
	Items      []J     `json:"items"`
	NextCursor *string `json:"nextCursor"`
}

// itemsJSON is a list that is short enough to be whole.
type itemsJSON[J any] struct {
	Items []J `json:"items"`
}

// newPageJSON offers a next page behind the place of the last item when this one is full.
// That one may turn out to be empty, which costs less than counting.
func newPageJSON[T, J any](found []T, limit int, item func(*T) J, place func(*T) string) pageJSON[J] {
	page := pageJSON[J]{Items: each(found, item)}
	if len(found) > 0 && len(found) == limit {
		page.NextCursor = orNull(place(&found[len(found)-1]))
	}
	return page
}

// each returns the items of a list as they are sent; never nil, which JSON would have null.
func each[T, J any](found []T, item func(*T) J) []J {
	items := make([]J, len(found))
	for i := range found {
		items[i] = item(&found[i])
	}
	return items
}

// byID is what is listed and shown by its id.
type byID[T any] struct {
	name string // as it is called to people
	id   func(*T) uuid.UUID
}

// listByID answers with a page of a list, newest first, behind a place that is an id.
func listByID[T, J any](c echo.Context, of byID[T], list func(ctx context.Context, who auth.Actor, before uuid.UUID, limit int) ([]T, error), item func(*T) J) error {
	limit, cursor, err := readPage(c)
	if err != nil {
		return err
	}
	before, err := parseMark(cursor)
	if err != nil {
		return err
	}
	found, err := list(c.Request().Context(), actor(c), before, limit)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, newPageJSON(found, limit, item, func(t *T) string { return formatMark(of.id(t)) }))
}

// showByID answers with one thing as it is, or as it is once f has done something with it.
func showByID[T, J any](c echo.Context, of byID[T], f func(ctx context.Context, who auth.Actor, id uuid.UUID) (*T, error), item func(*T) J) error {
	id, err := readIDOf(c, of.name)
	if err != nil {
		return err
	}
	t, err := f(c.Request().Context(), actor(c), id)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, item(t))
}

// readPage reads which page of a list is wanted that nothing else narrows.
func readPage(c echo.Context) (limit int, cursor string, err error) {
	q, err := readQuery(c)
	if err != nil {
		return 0, "", err
	}
	if err := known(q, []string{"limit", "cursor"}); err != nil {
		return 0, "", err
	}
	limit, err = readLimit(q)
	return limit, q.Get("cursor"), err
}
