package api

import "github.com/labstack/echo/v4"

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
