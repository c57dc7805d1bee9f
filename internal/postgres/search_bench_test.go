package postgres_test

import (
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/postgres"
	"github.com/turboscribe/turboscribe/internal/postgres/pgtest"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// many returns a database with 2000 transcriptions of 500 segments, or as many as
// TRANSCRIPTS says. With KEEP=1 it stays, and is used again.
func many(b *testing.B) *postgres.DB {
	b.Helper()
	n := 2000
	if text := os.Getenv("TRANSCRIPTS"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		ok(b, err)
	}
	db := pgtest.New(b)
	if os.Getenv("KEEP") != "" {
		db = pgtest.Open(b, pgtest.KeptURL(b, "ts_bench_"+strconv.Itoa(n)))
		ok(b, db.Migrate(b.Context()))
	}
	if readSQL[bool](b, db, "SELECT to_regclass('generated') IS NOT NULL") {
		return db
	}
	begun := time.Now()
	generate(b, db, n)
	b.Logf("%d transcriptions in %s", n, time.Since(begun).Round(time.Second))
	return db
}

// BenchmarkSearch looks for words and for what a list can be narrowed to, with the places
// where the words are, as the API does.
func BenchmarkSearch(b *testing.B) {
	db := many(b)
	owner := readSQL[uuid.UUID](b, db, "SELECT id FROM users WHERE email = ?", benchOwner)
	small, unfiled, yes := readSQL[uuid.UUID](b, db, "SELECT id FROM folders WHERE name = 'small'"), uuid.Nil, true
	newest := readSQL[time.Time](b, db, "SELECT max(created_at) FROM transcriptions")
	var all []time.Duration
	for name, f := range map[string]transcription.Filter{
		"list: all":               {},
		"list: rare tag":          {Tag: "seldom"},
		"list: common tag":        {Tag: "work"},
		"list: no such tag":       {Tag: "none"},
		"list: rare status":       {Status: transcription.Failed},
		"list: no such status":    {Status: transcription.Canceled},
		"list: rare language":     {Language: "fi"},
		"list: small folder":      {Folder: &small},
		"list: in no folder":      {Folder: &unfiled},
		"list: archived":          {Archived: &yes},
		"list: rare speaker":      {Speaker: "Ada"},
		"list: long":              {MinDuration: 2 * time.Hour},
		"list: old":               {To: newest.Add(-time.Hour)},
		"list: a name":            {Name: "c4ca4238"},
		"list: a name of all":     {Name: "meeting"},
		"list: no such name":      {Name: "zzyzx"},
		"common word":             {Query: "meeting"},
		"common word, German":     {Query: "Sitzung"},
		"common word, Japanese":   {Query: "会議"},
		"rare word":               {Query: syllables(19000)},
		"word in one of 100":      {Query: syllables(2500)},
		"two words":               {Query: syllables(300) + " " + syllables(4000)},
		"not a word":              {Query: syllables(10000) + " -meeting"},
		"either of two":           {Query: syllables(19000) + " OR " + syllables(18000)},
		"common phrase":           {Query: `"this year"`},
		"rare phrase":             {Query: `"people money"`},
		"phrase that is nowhere":  {Query: `"people meeting"`},
		"phrase, Japanese":        {Query: `"予算会議"`},
		"word of one day":         {Query: syllables(500), From: newest.Add(-24 * time.Hour)},
		"common word, rare tag":   {Query: "meeting", Tag: "seldom"},
		"rare word, common tag":   {Query: syllables(15000), Tag: "work"},
		"word of a rare language": {Query: "kokous"},
		"word that is nowhere":    {Query: "xylophone"},
		"two that never meet":     {Query: "kokous Sitzung"},
	} {
		f.Limit = 20
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			found := 0
			for b.Loop() {
				begun := time.Now()
				found = search(b, db, owner, f)
				took = append(took, time.Since(begun))
			}
			all = append(all, took...)
			slices.Sort(took)
			b.ReportMetric(float64(found), "found")
			b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
			b.ReportMetric(took[len(took)*95/100].Seconds()*1000, "p95-ms")
		})
	}
	slices.Sort(all)
	b.Logf("95 %% of all took at most %s, one of each kind as often as another with -benchtime 30x", all[len(all)*95/100])
}

// syllables returns the stem that the words of that rank have in the generated texts.
func syllables(rank int) string {
	const all = "bakelimonurasitovefuda"
	var word []byte
	for len(word) < 4 || rank > 0 {
		word = append(word, all[rank%11*2:rank%11*2+2]...)
		rank /= 11
	}
	return string(word)
}

// search returns how many transcriptions are on the first page, -1 if that was given up.
func search(b *testing.B, db *postgres.DB, owner uuid.UUID, f transcription.Filter) int {
	b.Helper()
	page, err := db.Transcriptions(b.Context(), owner, f)
	if fault.Of(err) != nil && fault.Of(err).Code == "search_too_slow" {
		return -1
	}
	ok(b, err)
	if f.Query == "" || len(page) == 0 {
		return len(page)
	}
	ids := make([]uuid.UUID, len(page))
	for i, t := range page {
		ids[i] = t.ID
	}
	_, err = db.Matches(b.Context(), owner, ids, f.Query)
	ok(b, err)
	return len(page)
}
