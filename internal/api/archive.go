package api

import (
	"archive/zip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/url"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
	"github.com/turboscribe/turboscribe/internal/webhook"
)

// archivePage is how many rows an archive holds in memory at once.
const archivePage = auth.MaxPage

// exportMe sends all that is kept of the caller as a zip, which is written while it is
// sent.
func (s *Server) exportMe(c echo.Context) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	media, err := readSwitch(q, "media")
	if err != nil {
		return err
	}
	ctx, who := c.Request().Context(), actor(c)
	if err := s.auth.Audit(ctx, auth.Entry{Action: auth.AccountExported, SubjectID: who.UserID}); err != nil {
		return err
	}
	return sendFile(c, "application/zip", "turboscribe.zip", func(w io.Writer) error {
		a := archive{Server: s, zip: zip.NewWriter(w), began: time.Now(), ctx: ctx, who: entitled(who), media: media}
		return a.write()
	})
}

// readSwitch returns a parameter that is true or false, which it is when it is left out.
func readSwitch(q url.Values, name string) (bool, error) {
	switch q.Get(name) {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	default:
		return false, fault.New(fault.Invalid, "The parameter %s must be true or false.", name).WithCode("invalid_switch").With("field", name)
	}
}

// entitled returns a person who may read what is theirs, whatever else their role may do.
func entitled(who auth.Actor) auth.Actor {
	who.Permissions = append(slices.Clone(who.Permissions), auth.ReadTranscriptions)
	return who
}

// archive is all that is kept of a person. What is listed has the form of the API.
type archive struct {
	*Server
	zip   *zip.Writer
	began time.Time
	ctx   context.Context //nolint:containedctx // it is written for one request
	who   auth.Actor
	media bool // with the recordings
}

func (a *archive) write() error {
	for _, part := range []func() error{a.account, a.identities, a.signIns, a.apiKeys, a.receivers, a.deliveries, a.folders, a.batches, a.exports, a.received, a.recordings} {
		if err := part(); err != nil {
			return err
		}
	}
	return a.zip.Close()
}

// create begins a file of what is kept now.
func (a *archive) create(name string) (io.Writer, error) {
	return a.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: a.began})
}

// file writes a file of JSON.
func (a *archive) file(name string, v any) error {
	w, err := a.create(name)
	if err != nil {
		return fmt.Errorf("begin %s: %w", name, err)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// list writes a file of what next returns, until that is no full page.
func list[T any](a *archive, name string, next func() ([]T, error)) error {
	page, err := next()
	if err != nil {
		return err
	}
	w, err := a.create(name)
	if err != nil {
		return fmt.Errorf("begin %s: %w", name, err)
	}
	for before := "[\n"; ; {
		for i := range page {
			text, err := json.Marshal(page[i])
			if err != nil {
				return fmt.Errorf("write %s: %w", name, err)
			}
			if _, err := fmt.Fprint(w, before, string(text)); err != nil {
				return fmt.Errorf("write %s: %w", name, err)
			}
			before = ",\n"
		}
		if len(page) < archivePage {
			_, err := io.WriteString(w, map[bool]string{true: "[]\n", false: "\n]\n"}[before == "[\n"])
			return err
		}
		if page, err = next(); err != nil {
			return err
		}
	}
}

func (a *archive) account() error {
	u, err := a.auth.Me(a.ctx, a.who)
	if err != nil {
		return err
	}
	used, quota, err := a.transcriptions.Usage(a.ctx, a.who)
	if err != nil {
		return err
	}
	if err := a.file("account.json", newUserJSON(u)); err != nil {
		return err
	}
	return a.file("usage.json", newUsageJSON(used, quota))
}

func (a *archive) identities() error {
	found, err := a.auth.Identities(a.ctx, a.who)
	if err != nil {
		return err
	}
	return a.file("identities.json", each(found, newIdentityJSON))
}

func (a *archive) signIns() error {
	var after auth.Cursor
	return list(a, "sessions.json", func() ([]sessionJSON, error) {
		found, err := a.auth.SignIns(a.ctx, a.who, after, archivePage)
		if n := len(found); n > 0 {
			after = auth.Cursor{CreatedAt: found[n-1].BeganAt, ID: found[n-1].ID}
		}
		return each(found, newSessionJSON(a.who.SessionID)), err
	})
}

func (a *archive) apiKeys() error {
	var before uuid.UUID
	return list(a, "api-keys.json", func() ([]apiKeyJSON, error) {
		found, err := a.auth.Keys(a.ctx, a.who, before, archivePage)
		if n := len(found); n > 0 {
			before = found[n-1].ID
		}
		return each(found, newAPIKeyJSON), err
	})
}

func (a *archive) receivers() error {
	found, err := a.webhooks.Webhooks(a.ctx, a.who)
	if err != nil {
		return err
	}
	return a.file("webhooks.json", each(found, newWebhookJSON))
}

func (a *archive) deliveries() error {
	f := webhook.Filter{Limit: archivePage}
	return list(a, "deliveries.json", func() ([]deliveryJSON, error) {
		found, err := a.webhooks.Deliveries(a.ctx, a.who, f)
		if n := len(found); n > 0 {
			f.After = transcription.Cursor{CreatedAt: found[n-1].CreatedAt, ID: found[n-1].ID}
		}
		return each(found, newDeliveryJSON), err
	})
}

func (a *archive) folders() error {
	found, err := a.transcriptions.Folders(a.ctx, a.who)
	if err != nil {
		return err
	}
	if err := a.file("folders.json", each(found, func(f *transcription.Folder) folderJSON { return newFolderJSON(*f) })); err != nil {
		return err
	}
	kept, err := a.transcriptions.Retention(a.ctx, a.who)
	if err != nil {
		return err
	}
	for _, f := range found {
		err := a.shares("folders/"+f.ID.String()+"/", transcription.Target{FolderID: f.ID})
		if err != nil && !fault.Is(err, fault.NotFound) { // it was deleted meanwhile
			return err
		}
	}
	return a.file("retention.json", newRetentionJSON(kept))
}

func (a *archive) batches() error {
	var before uuid.UUID
	return list(a, "batches.json", func() ([]batchJSON, error) {
		found, err := a.transcriptions.Batches(a.ctx, a.who, before, archivePage)
		if n := len(found); n > 0 {
			before = found[n-1].ID
		}
		return each(found, newBatchJSON), err
	})
}

func (a *archive) exports() error {
	var before uuid.UUID
	return list(a, "exports.json", func() ([]zipJSON, error) {
		found, err := a.transcriptions.Zips(a.ctx, a.who, before, archivePage)
		if n := len(found); n > 0 {
			before = found[n-1].ID
		}
		return each(found, newZipJSON), err
	})
}

func (a *archive) recordings() error {
	f := transcription.Filter{Limit: archivePage}
	for {
		page, _, err := a.transcriptions.Transcriptions(a.ctx, a.who, f)
		if err != nil {
			return err
		}
		for i := range page {
			f.After = transcription.Cursor{CreatedAt: page[i].CreatedAt, ID: page[i].ID}
			if err := a.transcription(&page[i]); err != nil {
				return err
			}
		}
		if len(page) < archivePage {
			return nil
		}
	}
}

// transcription writes the folder of one. What is deleted meanwhile ends it.
func (a *archive) transcription(t *transcription.Transcription) error {
	folder := "transcriptions/" + t.ID.String() + "/"
	for _, part := range []func(string, *transcription.Transcription) error{a.head, a.texts, a.history, a.revisions, a.sharing, a.ranges, a.recording} {
		err := part(folder, t)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *archive) head(folder string, t *transcription.Transcription) error {
	return a.file(folder+"transcription.json", newSummaryJSON(t))
}

// texts writes the text, if there is one, for programs and for people.
func (a *archive) texts(folder string, t *transcription.Transcription) error {
	for _, name := range []string{"json", "txt"} {
		format, err := transcription.FindFormat(name)
		if err != nil {
			return err
		}
		layout, err := transcription.ReadLayout(format, nil)
		if err != nil {
			return err
		}
		text, err := a.transcriptions.Readable(a.ctx, a.who, t.ID, format)
		if fault.Is(err, fault.Conflict) {
			return nil // there is none
		}
		if err != nil {
			return err
		}
		file := &zip.FileHeader{Name: folder + "transcript" + format.Extension, Method: zip.Deflate, Modified: text.CompletedAt}
		w, err := a.zip.CreateHeader(file)
		if err != nil {
			return fmt.Errorf("begin the %s of %s: %w", name, t.ID, err)
		}
		if err := a.exporter.Write(w, format, text, layout); err != nil {
			return fmt.Errorf("write the %s of %s: %w", name, t.ID, err)
		}
	}
	return nil
}

func (a *archive) history(folder string, t *transcription.Transcription) error {
	var after int64
	return list(a, folder+"history.json", func() ([]eventJSON, error) {
		found, err := a.transcriptions.History(a.ctx, a.who, t.ID, after, archivePage)
		if n := len(found); n > 0 {
			after = found[n-1].ID
		}
		return each(found, newEventJSON), err
	})
}

func (a *archive) ranges(folder string, t *transcription.Transcription) error {
	before := 0
	return list(a, folder+"ranges.json", func() ([]partJSON, error) {
		found, err := a.transcriptions.Ranges(a.ctx, a.who, t.ID, before, archivePage)
		if n := len(found); n > 0 {
			before = found[n-1].Number
		}
		return each(found, newPartJSON), err
	})
}

// archivedRevisionJSON is a revision with the text that it made.
type archivedRevisionJSON struct {
	revisionJSON
	Text *string `json:"text"`
}

func (a *archive) revisions(folder string, t *transcription.Transcription) error {
	next, stop := iter.Pull2(a.transcriptions.RevisionTexts(a.ctx, a.who, t.ID))
	defer stop()
	return list(a, folder+"revisions.json", func() (items []archivedRevisionJSON, err error) {
		for len(items) < archivePage && err == nil {
			r, failure, ok := next()
			if !ok {
				return items, nil
			}
			items, err = append(items, archivedRevisionJSON{newRevisionJSON(&r.Revision), r.Text}), failure
		}
		return items, err
	})
}

// sharing writes who else may come to it, if anybody.
func (a *archive) sharing(folder string, t *transcription.Transcription) error {
	list, err := a.links.List(a.ctx, a.who, t.ID)
	if err == nil && len(list) > 0 {
		err = a.file(folder+"links.json", each(list, newGuestLinkJSON))
	}
	if err != nil {
		return err
	}
	return a.shares(folder, transcription.Target{TranscriptionID: t.ID})
}

// shares writes with whom something is shared, if with anybody.
func (a *archive) shares(folder string, of transcription.Target) error {
	list, err := a.transcriptions.Shares(a.ctx, a.who, of)
	if err != nil || len(list) == 0 {
		return err
	}
	return a.file(folder+"shares.json", each(list, newShareJSON))
}

// receivedJSON is what somebody else shares with the person.
type receivedJSON struct {
	TranscriptionID *uuid.UUID           `json:"transcriptionId"`
	FolderID        *uuid.UUID           `json:"folderId"`
	SharedBy        string               `json:"sharedBy"`
	Access          transcription.Access `json:"access"`
	CreatedAt       timestamp            `json:"createdAt"`
}

func (a *archive) received() error {
	found, err := a.transcriptions.Received(a.ctx, a.who)
	if err != nil {
		return err
	}
	return a.file("shared-with-me.json", each(found, func(s *transcription.Share) receivedJSON {
		return receivedJSON{orNull(s.TranscriptionID), orNull(s.FolderID), s.By, s.Access, timestamp(s.CreatedAt)}
	}))
}

// recording writes the recording as it was uploaded. It is not compressed again.
func (a *archive) recording(folder string, t *transcription.Transcription) error {
	if !a.media {
		return nil
	}
	body, err := a.transcriptions.Recording(a.ctx, a.who, t.ID)
	if fault.Is(err, fault.Gone) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }() // it was only read
	w, err := a.zip.CreateHeader(&zip.FileHeader{Name: folder + "recording-" + t.File.Name, Method: zip.Store, Modified: t.CreatedAt})
	if err != nil {
		return fmt.Errorf("begin the recording of %s: %w", t.ID, err)
	}
	if _, err := io.Copy(w, body); err != nil {
		return fmt.Errorf("write the recording of %s: %w", t.ID, err)
	}
	return nil
}
