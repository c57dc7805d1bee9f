package postgres

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// within narrows a query of transcriptions t to those that a filter lets pass, whatever
// is said in them. It wants the files if there is a name.
func within(q *bun.SelectQuery, who uuid.UUID, f transcription.Filter) *bun.SelectQuery {
	if f.Shared {
		q = q.Where("t.id IN (SELECT shared_with(?))", who)
	} else {
		q = q.Where("t.owner_id = ?", who)
	}
	if f.After != (transcription.Cursor{}) {
		q = q.Where("(t.created_at, t.id) < (?, ?)", f.After.CreatedAt, f.After.ID)
	}
	if f.Name != "" {
		q = q.Where("(file.name ILIKE ? OR ? <% file.name)", "%"+escapeLike.Replace(f.Name)+"%", f.Name)
	}
	return inOrder(measured(q, f), f)
}

// measured narrows a query to what a filter says of the recording.
func measured(q *bun.SelectQuery, f transcription.Filter) *bun.SelectQuery {
	if f.Status != "" {
		q = q.Where("t.status = ?", f.Status)
	}
	if f.Language != "" {
		q = q.Where("coalesce(t.earlier->>'language', t.language) = ?", f.Language)
	}
	if f.Speaker != "" {
		q = q.Where("t.speakers @> ARRAY[?]", f.Speaker)
	}
	if !f.From.IsZero() {
		q = q.Where("t.created_at >= ?", f.From)
	}
	if !f.To.IsZero() {
		q = q.Where("t.created_at < ?", f.To)
	}
	if f.MinDuration > 0 {
		q = q.Where("t.duration_samples >= ?", audio.FromDuration(f.MinDuration))
	}
	if f.MaxDuration > 0 {
		q = q.Where("t.duration_samples <= ? AND t.duration_samples > 0", audio.FromDuration(f.MaxDuration))
	}
	return q
}

// inOrder narrows a query to what a filter says of the order that the owner keeps. The
// conditions are those of indexes.
func inOrder(q *bun.SelectQuery, f transcription.Filter) *bun.SelectQuery {
	if f.Folder != nil && *f.Folder == uuid.Nil {
		q = q.Where("t.folder_id IS NULL")
	}
	if f.Folder != nil && *f.Folder != uuid.Nil {
		q = q.Where("t.folder_id = ?", *f.Folder)
	}
	if f.Batch != uuid.Nil {
		q = q.Where("t.batch_id = ?", f.Batch)
	}
	if f.Tag != "" {
		q = q.Where("lower_all(t.tags) @> ARRAY[lower(?)] AND t.tags <> '{}'", f.Tag)
	}
	if f.Archived != nil && *f.Archived {
		q = q.Where("t.archived_at IS NOT NULL")
	}
	if f.Archived != nil && !*f.Archived {
		q = q.Where("t.archived_at IS NULL")
	}
	return q
}

var escapeLike = strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`)

// walked is how many of the newest transcriptions are looked at one by one, which costs
// what reading their words does. What is found in one of fifteen fills a page so.
const walked = 300

// find returns a page of the ids of transcriptions in which a query finds something. It
// is looked for among the newest first: an index would have to tell of all in which a common
// word is. If that does not fill the page, the word is not common, and the index knows.
// Invalid nothing_to_find, search_too_slow.
func (db *DB) find(ctx context.Context, who uuid.UUID, f transcription.Filter) (ids []uuid.UUID, err error) {
	err = db.inSnapshot(ctx, func(ctx context.Context, tx bun.Tx) error {
		// Compiling a search takes longer than most searches do.
		if _, err := tx.NewRaw("SELECT set_config('statement_timeout', ?, true), set_config('jit', 'off', true)", db.searchTimeout.String()).Exec(ctx); err != nil {
			return err
		}
		read, err := readings(ctx, tx, who, f)
		if err != nil || len(read) == 0 {
			return err
		}
		var all bool
		if ids, all, err = walk(ctx, tx, who, f, read); err != nil || all || len(ids) == f.Limit {
			return err
		}
		ids, err = lookUp(ctx, tx, who, f, read)
		return err
	})
	if sqlState(err) == queryCanceled && ctx.Err() == nil {
		err = transcription.SearchTooSlow(err)
	}
	return ids, err
}

// listedBy narrows a query to a page of those that a filter lets pass.
func (db *DB) listedBy(ctx context.Context, q *bun.SelectQuery, who uuid.UUID, f transcription.Filter) (*bun.SelectQuery, error) {
	if f.Query == "" {
		return within(q, who, f), nil
	}
	ids, err := db.find(ctx, who, f)
	return q.Where("t.id = ANY (?::uuid[])", pgdialect.Array(ids)), err
}

// findable begins a query of what may be found.
func findable(tx bun.Tx, who uuid.UUID, f transcription.Filter) *bun.SelectQuery {
	q := tx.NewSelect().TableExpr("transcriptions AS t").Column("t.id", "t.created_at", "t.search", "t.earlier", "t.translate", "t.language")
	if f.Name != "" {
		q = q.Join("JOIN files AS file ON file.id = t.file_id")
	}
	return within(q, who, f)
}

// walk looks into the newest transcriptions, and reports whether these are all.
func walk(ctx context.Context, tx bun.Tx, who uuid.UUID, f transcription.Filter, read []reading) (ids []uuid.UUID, all bool, err error) {
	newest := findable(tx, who, f).Order("t.created_at DESC", "t.id DESC").Limit(walked)
	found := tx.NewSelect().TableExpr("newest AS t").Column("t.id").Limit(int64(f.Limit)).Apply(anyOf(arms(read)))
	var row struct {
		All bool
		IDs []uuid.UUID `bun:"ids,array"`
	}
	err = tx.NewRaw("WITH newest AS MATERIALIZED (?) SELECT (SELECT count(*) FROM newest) < ? AS all, ARRAY(?) AS ids", newest, walked, found).Scan(ctx, &row)
	return row.IDs, row.All, err
}

// lookUp looks into the index of words. The planner thinks that looking into the words of a
// text costs as much as comparing two numbers, so it is told better: OFFSET 0 keeps it from
// walking through all of them in the order of the page. The index does not know where in a
// text words are, so a phrase is looked for in the texts that have its words until the page
// is full.
func lookUp(ctx context.Context, tx bun.Tx, who uuid.UUID, f transcription.Filter, read []reading) (ids []uuid.UUID, err error) {
	if _, err := tx.ExecContext(ctx, "SET LOCAL cpu_operator_cost = 0.5"); err != nil {
		return nil, err
	}
	list := arms(read)
	var parts []string
	var args []any
	phrase := false
	for _, a := range list {
		loose, is := loosened(a.query)
		phrase = phrase || is
		parts, args = append(parts, "(? OFFSET 0)"), append(args, findable(tx, who, f).Apply(anyOf([]arm{{a.configs, loose}})))
	}
	candidates := tx.NewRaw("(SELECT * FROM ("+strings.Join(parts, " UNION ALL ")+") AS t ORDER BY created_at DESC, id DESC OFFSET 0)", args...)
	found := tx.NewSelect().TableExpr("? AS t", candidates).Column("t.id").Limit(int64(f.Limit))
	if phrase {
		found = found.Apply(anyOf(list))
	}
	err = found.Scan(ctx, &ids)
	return ids, err
}

// arm is a query for the texts of some configurations, or of all where there is none. At
// most one arm finds a text.
type arm struct {
	configs []string
	query   string
}

// arms returns what finds a query. It is looked up as it reads in any language: words of one
// are rarely forms of others in another. What must not be there is looked for in the language
// of the text.
func arms(read []reading) (list []arm) {
	var queries []string
	without := false
	for _, r := range read {
		without = without || strings.Contains(quoted.ReplaceAllString(r.Query, ""), "!")
		same := slices.IndexFunc(list, func(a arm) bool { return a.query == r.Query })
		if same >= 0 {
			list[same].configs = append(list[same].configs, r.Config)
			continue
		}
		list = append(list, arm{[]string{r.Config}, r.Query})
		queries = append(queries, "("+r.Query+")")
	}
	if without {
		return list
	}
	return []arm{{query: strings.Join(queries, "|")}}
}

// anyOf narrows a query to texts that one of the arms finds.
func anyOf(list []arm) func(*bun.SelectQuery) *bun.SelectQuery {
	return func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
			for _, a := range list {
				if len(a.configs) == 0 {
					q = q.WhereOr("t.search @@ ?::tsquery", a.query)
					continue
				}
				q = q.WhereOr(inItsLanguage+" = ANY (?::regconfig[]) AND t.search @@ ?::tsquery", pgdialect.Array(a.configs), a.query)
			}
			return q
		})
	}
}
