package transcription

// documentManifest is how the text came to be, as the JSON export tells it.
type documentManifest struct {
	Run        int                 `json:"run"`
	Source     documentSource      `json:"source"`
	Engine     documentEngine      `json:"engine"`
	Parameters *documentParameters `json:"parameters"` // null: not kept
	Chunks     []documentChunk     `json:"chunks"`
	Ranges     []documentRange     `json:"ranges"` // that were transcribed anew
}

type documentSource struct {
	SHA256      string `json:"sha256"`
	Bytes       int64  `json:"bytes"`
	ContentType string `json:"contentType"`
}

type documentEngine struct {
	Name            string  `json:"name"`
	Model           string  `json:"model"`
	PublishedSHA256 *string `json:"publishedSha256"` // null: nobody has published such a model
	SHA256          *string `json:"sha256"`          // null: not known, or not the same for all chunks
}

type documentParameters struct {
	Model     *string `json:"model"`    // null: the default was asked for
	Language  *string `json:"language"` // null: it was to be detected
	Prompt    string  `json:"prompt"`
	Translate bool    `json:"translate"`
	Channels  string  `json:"channels"`
}

type documentChunk struct {
	Index   int     `json:"index"`
	Channel int     `json:"channel"`
	Start   Seconds `json:"start"`
	End     Seconds `json:"end"`
	From    Seconds `json:"from"`
	To      Seconds `json:"to"`
	Recipe  *string `json:"recipe"`      // null: not known
	Weights *string `json:"modelSha256"` // null: not known
}

type documentRange struct {
	Number    int     `json:"number"`
	Start     Seconds `json:"start"`
	End       Seconds `json:"end"`
	Revision  int     `json:"revision"`
	Model     string  `json:"model"`
	Language  *string `json:"language"` // null: not known
	Translate bool    `json:"translate"`
}

func newDocumentManifest(t *Transcription) *documentManifest {
	if t.Manifest == nil {
		return nil
	}
	d := &documentManifest{
		Run: t.Run, Source: documentSource{SHA256: t.File.SHA256, Bytes: t.File.Size, ContentType: t.File.ContentType},
		Engine:     documentEngine{Name: "whisper.cpp", Model: t.Model, PublishedSHA256: orNull(published(t.Model)), SHA256: orNull(t.Manifest.Weights())},
		Parameters: newDocumentParameters(t.Manifest.Options), Chunks: []documentChunk{}, Ranges: []documentRange{},
	}
	for _, c := range t.Manifest.Chunks {
		p := c.Piece
		d.Chunks = append(d.Chunks, documentChunk{
			Index: c.Index, Channel: c.Channel, Start: Seconds(p.Start.Duration()), End: Seconds(p.End.Duration()),
			From: Seconds(p.From.Duration()), To: Seconds(p.To.Duration()), Recipe: orNull(c.Made), Weights: orNull(c.Weights),
		})
	}
	for _, r := range t.Manifest.Ranges {
		d.Ranges = append(d.Ranges, documentRange{
			Number: r.Number, Start: Seconds(r.From), End: Seconds(r.To), Revision: r.Revision,
			Model: r.Model, Language: orNull(r.Language), Translate: r.Options.Translate,
		})
	}
	return d
}

func newDocumentParameters(o *Options) *documentParameters {
	if o == nil {
		return nil
	}
	d := &documentParameters{Model: orNull(o.Model), Language: orNull(o.Language), Prompt: o.Prompt, Translate: o.Translate, Channels: "mix"}
	if o.Split {
		d.Channels = "split"
	}
	return d
}

// orNull returns nil for an empty string: what is not known is null, not empty.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
