package api

import (
	"net/http"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

type folderIn struct {
	Name     string     `json:"name"`
	ParentID *uuid.UUID `json:"parentId"`
}

type folderJSON struct {
	ID        uuid.UUID  `json:"id"`
	Name      string     `json:"name"`
	ParentID  *uuid.UUID `json:"parentId"`
	CreatedAt timestamp  `json:"createdAt"`
	retentionJSON
	LegalHold bool `json:"legalHold"`
}

// bulkIn is what shall be done to many transcriptions. A folder that is null is none.
type bulkIn struct {
	IDs      []uuid.UUID              `json:"ids"`
	Action   transcription.BulkAction `json:"action"`
	FolderID *uuid.UUID               `json:"folderId"`
	Tags     []string                 `json:"tags"`
}

type outcomeJSON struct {
	ID    uuid.UUID    `json:"id"`
	Error *problemJSON `json:"error"` // null: it is done
}

func newFolderJSON(f transcription.Folder) folderJSON {
	return folderJSON{
		ID: f.ID, Name: f.Name, ParentID: orNull(f.ParentID), CreatedAt: timestamp(f.CreatedAt),
		retentionJSON: newRetentionJSON(f.Retention), LegalHold: f.LegalHold,
	}
}

func (in folderIn) parent() uuid.UUID {
	if in.ParentID == nil {
		return uuid.Nil
	}
	return *in.ParentID
}

func (s *Server) listFolders(c echo.Context) error {
	folders, err := s.transcriptions.Folders(c.Request().Context(), actor(c))
	if err != nil {
		return err
	}
	items := make([]folderJSON, len(folders))
	for i, f := range folders {
		items[i] = newFolderJSON(f)
	}
	return answer(c, http.StatusOK, map[string]any{"items": items})
}

func (s *Server) createFolder(c echo.Context) error {
	var in folderIn
	if err := readJSON(c, &in); err != nil {
		return err
	}
	f, err := s.transcriptions.CreateFolder(c.Request().Context(), actor(c), in.Name, in.parent())
	if err != nil {
		return err
	}
	return answer(c, http.StatusCreated, newFolderJSON(*f))
}

func (s *Server) changeFolder(c echo.Context) error {
	id, err := readIDOf(c, "folder")
	if err != nil {
		return err
	}
	var in folderIn
	if err := readJSON(c, &in); err != nil {
		return err
	}
	f, err := s.transcriptions.ChangeFolder(c.Request().Context(), actor(c), id, in.Name, in.parent())
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, newFolderJSON(*f))
}

func (s *Server) deleteFolder(c echo.Context) error {
	id, err := readIDOf(c, "folder")
	if err != nil {
		return err
	}
	if err := s.transcriptions.DeleteFolder(c.Request().Context(), actor(c), id); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// bulk does the same to many transcriptions, and tells of each how it went.
func (s *Server) bulk(c echo.Context) error {
	var in bulkIn
	if err := readJSON(c, &in); err != nil {
		return err
	}
	var list []outcomeJSON
	var err error
	if a, ok := in.arrangement(); ok {
		list, err = s.arrange(c, in.IDs, a)
	} else {
		list, err = s.each(c, in)
	}
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, map[string]any{"items": list})
}

// arrangement returns what the action is, if it is one that moves, tags or archives.
func (in bulkIn) arrangement() (a transcription.Arrangement, ok bool) {
	yes, no := true, false
	switch in.Action {
	case "move":
		a.Folder = new(uuid.UUID)
		if in.FolderID != nil {
			a.Folder = in.FolderID
		}
	case "tag":
		a.Tag = in.Tags
	case "untag":
		a.Untag = in.Tags
	case "archive":
		a.Archived = &yes
	case "unarchive":
		a.Archived = &no
	default:
		return a, false
	}
	return a, true
}

func (s *Server) arrange(c echo.Context, ids []uuid.UUID, a transcription.Arrangement) ([]outcomeJSON, error) {
	found, err := s.transcriptions.Arrange(c.Request().Context(), actor(c), ids, a)
	if err != nil {
		return nil, err
	}
	there := map[uuid.UUID]bool{}
	for _, id := range found {
		there[id] = true
	}
	list := make([]outcomeJSON, len(ids))
	for i, id := range ids {
		list[i].ID = id
		if !there[id] {
			list[i].Error = &problemJSON{Code: string(fault.NotFound), Message: "There is no transcription of that id."}
		}
	}
	return list, nil
}

func (s *Server) each(c echo.Context, in bulkIn) ([]outcomeJSON, error) {
	errs, err := s.transcriptions.Bulk(c.Request().Context(), actor(c), in.IDs, in.Action)
	if err != nil {
		return nil, err
	}
	list := make([]outcomeJSON, len(errs))
	for i, err := range errs {
		list[i].ID = in.IDs[i]
		if err == nil && in.Action == transcription.BulkDelete {
			err = s.deleted(c, in.IDs[i])
		}
		if err == nil {
			continue
		}
		f := fault.Of(err)
		if f.Kind == fault.Internal {
			zerolog.Ctx(c.Request().Context()).Error().Err(err).Stringer("transcription", in.IDs[i]).Msg("one of many failed")
		}
		list[i].Error = &problemJSON{Code: f.Code, Message: f.Message}
	}
	return list, nil
}
