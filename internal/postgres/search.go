package postgres

import (
	"context"
	"strings"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// within narrows a query of transcriptions t to those that a filter lets pass, whoever says
// what in them. It wants the files if there is a name.
func within(q *bun.SelectQuery, who uuid.UUID, f transcription.Filter) *bun.SelectQuery {
	return described(behind(q, who, f), f)
}

// behind narrows a query to those that are somebody's, or shared with them, and behind the
// cursor of a filter. An index has all that it asks of one.
func behind(q *bun.SelectQuery, who uuid.UUID, f transcription.Filter) *bun.SelectQuery {
	if f.Shared {
		q = q.Where("t.id IN (SELECT shared_with(?))", who)
	} else {
		q = q.Where("t.owner_id = ?", who)
	}
	if f.After != (transcription.Cursor{}) {
		q = q.Where("(t.created_at, t.id) < (?, ?)", f.After.CreatedAt, f.After.ID)
	}
	if !f.From.IsZero() {
		q = q.Where("t.created_at >= ?", f.From)
	}
	if !f.To.IsZero() {
		q = q.Where("t.created_at < ?", f.To)
	}
	return q
}

// described narrows a query to what a filter says of each.
func described(q *bun.SelectQuery, f transcription.Filter) *bun.SelectQuery {
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

// find returns a page of the ids of transcriptions in which a query finds something and a
// speaker speaks, of which one may be left out. They are looked for among the newest first: an
// index would have to tell of all in which a common word is. If that does not fill the page,
// the word is not common, and the index knows. Invalid nothing_to_find, search_too_slow.
func (db *DB) find(ctx context.Context, who uuid.UUID, f transcription.Filter) (ids []uuid.UUID, err error) {
	err = db.inSnapshot(ctx, func(ctx context.Context, tx bun.Tx) error {
		// To compile a search, or to start workers, takes longer than most searches do.
		if _, err := tx.NewRaw("SELECT set_config('statement_timeout', ?, true), set_config('jit', 'off', true), set_config('max_parallel_workers_per_gather', '0', true)", db.searchTimeout.String()).Exec(ctx); err != nil {
			return err
		}
		list := everything
		if f.Query != "" {
			read, err := readings(ctx, tx, who, f)
			if err != nil || len(read) == 0 {
				return err
			}
			list = arms(read)
		}
		var all bool
		if ids, all, err = walk(ctx, tx, who, f, list); err != nil || all || len(ids) == f.Limit {
			return err
		}
		ids, err = lookUp(ctx, tx, who, f, list)
		return err
	})
	if sqlState(err) == queryCanceled && ctx.Err() == nil {
		err = transcription.SearchTooSlow(err)
	}
	return ids, err
}

// listedBy narrows a query to a page of those that a filter lets pass.
func (db *DB) listedBy(ctx context.Context, q *bun.SelectQuery, who uuid.UUID, f transcription.Filter) (*bun.SelectQuery, error) {
	if f.Query == "" && f.Speaker == "" {
		return within(q, who, f), nil
	}
	ids, err := db.find(ctx, who, f)
	return q.Where("t.id = ANY (?::uuid[])", pgdialect.Array(ids)), err
}

// findable begins a query of what may be found.
func findable(db bun.IDB, f transcription.Filter) *bun.SelectQuery {
	q := db.NewSelect().TableExpr("transcriptions AS t").Column("t.id", "t.created_at", "t.speakers", "t.earlier", "t.translate", "t.language")
	if f.Name != "" {
		q = q.Join("JOIN files AS file ON file.id = t.file_id")
	}
	return q
}

// walk looks into the newest transcriptions, and reports whether these are all. OFFSET 0 keeps
// them in their order.
func walk(ctx context.Context, tx bun.Tx, who uuid.UUID, f transcription.Filter, list []arm) (ids []uuid.UUID, all bool, err error) {
	newest := within(findable(tx, f), who, f).Order("t.created_at DESC", "t.id DESC").Limit(walked)
	found := tx.NewSelect().TableExpr("newest AS t").Join("CROSS JOIN LATERAL (SELECT * FROM text_searches AS x WHERE x.transcription_id = t.id OFFSET 0) AS s").
		Column("t.id").Limit(int64(f.Limit)).Apply(spokenBy(f.Speaker)).Apply(anyOf(list, arm.exactly))
	var row struct {
		All bool
		IDs []uuid.UUID `bun:"ids,array"`
	}
	err = tx.NewRaw("WITH newest AS MATERIALIZED (?) SELECT (SELECT count(*) FROM newest) < ? AS all, ARRAY(?) AS ids", newest, walked, found).Scan(ctx, &row)
	return row.IDs, row.All, err
}

// lookUp looks into the indexes. The planner thinks that looking into the words of a text
// costs as much as comparing two numbers, so it would rather read them all.
func lookUp(ctx context.Context, tx bun.Tx, who uuid.UUID, f transcription.Filter, list []arm) (ids []uuid.UUID, err error) {
	if _, err := tx.ExecContext(ctx, "SET LOCAL enable_seqscan = off"); err != nil {
		return nil, err
	}
	err = lookedUp(tx, who, f, list).Scan(ctx, &ids)
	return ids, err
}

// lookedUp returns what finds a page in the indexes. They do not know all of a phrase, nor what
// else a filter asks for, so those that may be it are looked into in their order until the
// page is full. OFFSET 0 keeps them in that order.
func lookedUp(db bun.IDB, who uuid.UUID, f transcription.Filter, list []arm) *bun.SelectQuery {
	candidates := behind(db.NewSelect().TableExpr("text_searches AS s").Join("JOIN transcriptions AS t ON t.id = s.transcription_id"), who, f).
		Column("t.id", "s.words", "s.pairs", "s.whole").Apply(spokenBy(f.Speaker)).Apply(anyOf(list, arm.perhaps)).Order("t.created_at DESC", "t.id DESC")
	rest := described(findable(db, f).Where("t.id = s.id"), f)
	return db.NewSelect().TableExpr("(? OFFSET 0) AS s", candidates).Join("CROSS JOIN LATERAL (? OFFSET 0) AS t", rest).Column("s.id").
		Limit(int64(f.Limit)).Apply(anyOf(list, arm.exactly))
}

// spokenBy narrows a query to texts in which somebody speaks, if that is to be.
func spokenBy(speaker string) func(*bun.SelectQuery) *bun.SelectQuery {
	return func(q *bun.SelectQuery) *bun.SelectQuery {
		if speaker == "" {
			return q
		}
		return q.Where("t.speakers @> ARRAY[?]", speaker)
	}
}

// arm is a query for the texts of some configurations, or of all where there is none. At
// most one arm finds a text.
type arm struct {
	configs []string
	query   *term // nil: every text
}

var everything = []arm{{}}

// arms returns what finds a query. It is looked up as it reads in any language: words of one
// are rarely forms of others in another. What must not be there is looked for in the language
// of the text.
func arms(read []reading) (list []arm) {
	all := term{op: '|'}
	byQuery := map[string]int{}
	for _, r := range read {
		if i, ok := byQuery[r.Query]; ok {
			list[i].configs = append(list[i].configs, r.Config)
			continue
		}
		t := parseQuery(r.Query)
		byQuery[r.Query] = len(list)
		list, all.parts = append(list, arm{[]string{r.Config}, &t}), append(all.parts, t)
	}
	if all.hasNot() {
		return list
	}
	return []arm{{query: &all}}
}

// perhaps is met by all texts that an arm finds, and can be answered by the indexes.
func (a arm) perhaps() condition {
	switch {
	case a.query == nil:
		return condition{"TRUE", nil}
	case a.query.hasPhrase():
		return a.query.byPairs(true)
	}
	return condition{"s.words @@ ?::tsquery", []any{a.query.exact()}}
}

// exactly is met by the texts that an arm finds. Where not all places of the words are known,
// the pairs of a phrase have to do.
func (a arm) exactly() condition {
	c := a.perhaps()
	if a.query != nil && a.query.hasPhrase() {
		c = a.query.byPairs(false)
	}
	return together(" AND ", append(a.inLanguage(), c))
}

func (a arm) inLanguage() []condition {
	if len(a.configs) == 0 {
		return nil
	}
	return []condition{{inItsLanguage + " = ANY (?::regconfig[])", []any{pgdialect.Array(a.configs)}}}
}

// anyOf narrows a query to texts that meet a condition of one of the arms.
func anyOf(list []arm, of func(arm) condition) func(*bun.SelectQuery) *bun.SelectQuery {
	return func(q *bun.SelectQuery) *bun.SelectQuery {
		conditions := make([]condition, len(list))
		for i, a := range list {
			conditions[i] = of(a)
		}
		c := together(" OR ", conditions)
		return q.Where(c.sql, c.args...)
	}
}
