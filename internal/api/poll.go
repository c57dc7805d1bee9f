package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/transcription"
)

// Cache keeps texts as answers have them, so that all replicas of the API share the
// work. It may lose anything at any time and be away altogether, which makes answers
// slower.
type Cache interface {
	// Recall returns what was kept as that version of id.
	Recall(ctx context.Context, id, version string) (value []byte, found bool, err error)
	// Keep makes value the only version of id that is kept, unless it is larger than
	// a MiB.
	Keep(ctx context.Context, id, version string, value []byte) error
	// Forget removes what is kept of id.
	Forget(ctx context.Context, id string) error
}

// noCache loses everything.
type noCache struct{}

// Recall finds nothing.
func (noCache) Recall(context.Context, string, string) ([]byte, bool, error) { return nil, false, nil }

// Keep does not.
func (noCache) Keep(context.Context, string, string, []byte) error { return nil }

// Forget has done so already.
func (noCache) Forget(context.Context, string) error { return nil }

// showTranscription is what clients poll. Whose it is and how far it is, PostgreSQL is
// asked each time; its text only when the client does not have it, nor the cache.
func (s *Server) showTranscription(c echo.Context) error {
	id, err := readID(c)
	if err != nil {
		return err
	}
	t, err := s.transcriptions.Head(c.Request().Context(), actor(c), id)
	if err != nil {
		return err
	}
	head, err := newTaggedHead(t)
	if err != nil {
		return err
	}
	if matches(c.Request().Header.Values("If-None-Match"), head.tag) {
		head.setHeader(c)
		return c.NoContent(http.StatusNotModified)
	}
	head, text, err := s.withText(c, t, head)
	if err != nil {
		return err
	}
	head.setHeader(c)
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, slices.Concat(
		[]byte(`{"status":"success","data":`), head.json[:len(head.json)-1], []byte(","), text[1:], []byte("}\n")))
}

// withText returns the text of that head. When it is read anew, the head is, too: it
// may have changed meanwhile, and they must be of one moment.
func (s *Server) withText(c echo.Context, t *transcription.Transcription, head taggedHead) (taggedHead, []byte, error) {
	ctx, id := c.Request().Context(), t.ID.String()
	text, found, err := s.cache.Recall(ctx, id, version(t))
	if found {
		return head, text, nil
	}
	noteCache(ctx, err)
	if t, err = s.transcriptions.Transcription(ctx, actor(c), t.ID); err != nil {
		return head, nil, err
	}
	if head, err = newTaggedHead(t); err != nil {
		return head, nil, err
	}
	if text, err = json.Marshal(newTextJSON(t)); err != nil {
		return head, nil, fmt.Errorf("encode a text: %w", err)
	}
	noteCache(ctx, s.cache.Keep(ctx, id, version(t), text))
	return head, text, nil
}

// noteCache is where the errors of the cache end: nobody has to be told.
func noteCache(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("texts are not cached")
	}
}

// taggedHead is an answer without its text, which its tag stands for nevertheless.
type taggedHead struct {
	json []byte // an object with at least one field
	tag  string
}

func newTaggedHead(t *transcription.Transcription) (taggedHead, error) {
	b, err := json.Marshal(newHeadJSON(t))
	if err != nil {
		return taggedHead{}, fmt.Errorf("encode the head of an answer: %w", err)
	}
	tag := digest(b, []byte(version(t)))
	if base, ok := t.Base(); ok {
		tag = baseTag(t.ID, tag, base)
	}
	return taggedHead{json: b, tag: `"` + tag + `"`}, nil
}

// tagMark is between the parts of a tag. A digest has none.
const tagMark = "."

// baseTag returns the tag of an answer with the revision of its text, for those who send it
// back with a change of that, and a digest of all that by which it is known again: the number
// alone could be of any transcription.
func baseTag(id uuid.UUID, answer string, revision int) string {
	tag := answer + tagMark + strconv.Itoa(revision)
	return tag + tagMark + digest(id[:], []byte(tag))[:8]
}

// taggedBase returns the revision that is in a tag. False: it is none of that transcription's.
func taggedBase(id uuid.UUID, tag string) (revision int, ok bool) {
	parts := strings.Split(tag, tagMark)
	if len(parts) != 3 {
		return 0, false
	}
	revision, err := strconv.Atoi(parts[1])
	return revision, err == nil && tag == baseTag(id, parts[0], revision)
}

func (h taggedHead) setHeader(c echo.Context) {
	header := c.Response().Header()
	header.Set("ETag", h.tag)
	header.Set("Cache-Control", "private, no-cache")
}

// shape stands for how this program writes answers: another release may write them
// otherwise, which its description then says.
var shape = digest(openAPI)

// version names a text: as long as it is the same, so is the text in an answer.
func version(t *transcription.Transcription) string {
	return fmt.Sprintf("%s:%d:%s:%d:%d", shape, t.Run, t.Status, t.Revision, t.UpdatedAt.UnixNano())
}

func digest(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = h.Write(p) // never fails
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}
