package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/turboscribe/turboscribe/cmd/turboscribe/internal/models"
	"github.com/turboscribe/turboscribe/config"
	"github.com/turboscribe/turboscribe/internal/blob"
	"github.com/turboscribe/turboscribe/internal/kv"
	"github.com/turboscribe/turboscribe/internal/media"
	"github.com/turboscribe/turboscribe/internal/postgres"
)

// Free space below which work stops, or may stop.
const (
	leastFree   = 1 << 30
	comfortable = 10 << 30 // the largest upload by default
)

// machineChecks returns the checks that the environment has settings for: none
// on a machine that is only a client.
func (a *app) machineChecks() (checks []func(context.Context) []finding) {
	add := func(key string, check func(context.Context) []finding) {
		if a.setting(key) != "" {
			checks = append(checks, check)
		}
	}
	add("TS_DATABASE_URL", a.examinePostgres)
	add("TS_REDIS_URL", a.examineRedis)
	add("TS_S3_BUCKET", a.examineS3)
	add("TS_MODEL_DIR", a.examineModels)
	if a.setting("TS_MODEL_DIR") != "" || a.setting("TS_WORK_DIR") != "" { // only workers read recordings
		checks = append(checks, a.examineMedia, a.examineDisk)
	}
	return checks
}

// verdict returns a finding that is good without an error.
func verdict(check, detail string, err error, advice string) []finding {
	if err != nil {
		return []finding{{bad, check, err.Error(), advice}}
	}
	return []finding{{level: good, check: check, detail: detail}}
}

func (a *app) examinePostgres(ctx context.Context) []finding {
	const advice = "start PostgreSQL, or correct TS_DATABASE_URL"
	db, err := postgres.Open(postgres.Options{URL: a.setting("TS_DATABASE_URL"), Name: "turboscribe doctor"})
	if err == nil {
		err = errors.Join(db.Check(ctx), db.Close())
	}
	return verdict("postgres", "answers", err, advice)
}

func (a *app) examineRedis(ctx context.Context) []finding {
	const advice = "start Redis with maxmemory-policy noeviction, or correct TS_REDIS_URL"
	roots, err := config.Roots(a.setting("TS_REDIS_CA_FILE"))
	if err != nil {
		return verdict("redis", "", err, "correct TS_REDIS_CA_FILE")
	}
	r, err := kv.Open(ctx, a.setting("TS_REDIS_URL"), kv.Options{Name: "turboscribe-doctor", Roots: roots})
	if err != nil {
		return verdict("redis", "", err, advice)
	}
	report, err := r.Check(ctx)
	found := verdict("redis", "version "+report.Version+", "+report.Policy, errors.Join(err, r.Close()), advice)
	for _, w := range report.Warnings {
		found = append(found, finding{level: warn, check: "redis", detail: w})
	}
	return found
}

func (a *app) examineS3(ctx context.Context) []finding {
	const advice = "start the storage, or correct the TS_S3_ variables"
	pathStyle, err := strconv.ParseBool(a.env("TS_S3_PATH_STYLE", "true"))
	if err != nil {
		return verdict("s3", "", errors.New("TS_S3_PATH_STYLE must be true or false"), advice)
	}
	roots, err := config.Roots(a.setting("TS_S3_CA_FILE"))
	if err != nil {
		return verdict("s3", "", err, "correct TS_S3_CA_FILE")
	}
	store, err := blob.Open(ctx, blob.Options{
		Endpoint: a.setting("TS_S3_ENDPOINT"), Region: a.setting("TS_S3_REGION"), Bucket: a.setting("TS_S3_BUCKET"),
		AccessKey: a.setting("TS_S3_ACCESS_KEY"), SecretKey: a.setting("TS_S3_SECRET_KEY"), PathStyle: pathStyle, Roots: roots,
	})
	if err == nil {
		err = store.Check(ctx)
	}
	return verdict("s3", "bucket "+a.setting("TS_S3_BUCKET")+": wrote, read and deleted an object", err, advice)
}

func (a *app) examineMedia(ctx context.Context) []finding {
	m, err := media.Open(ctx, media.Options{TempDir: a.setting("TS_WORK_DIR")})
	if err != nil {
		return verdict("ffmpeg", "", err, "install the package ffmpeg, version 4 or later")
	}
	return verdict("ffmpeg", "ffmpeg and ffprobe work, held in by "+m.Isolation(), m.Close(), "look at TS_WORK_DIR")
}

// examineModels looks at every model file that is known by name.
func (a *app) examineModels(context.Context) []finding {
	dir := a.setting("TS_MODEL_DIR")
	entries, err := models.Dir(dir).List()
	if err != nil {
		return verdict("models", "", err, "correct TS_MODEL_DIR")
	}
	var found []finding
	real := false
	for _, e := range entries {
		if e.Installed {
			real = real || e.Usable() && !e.Demo
			advice := "turboscribe models pull --force " + e.Name
			if e.Demo {
				advice = "replace it by the one of the release"
			}
			found = append(found, verdict("model "+e.Name, bytesText(e.Bytes), e.Err, advice)...)
		}
	}
	switch {
	case len(found) == 0:
		found = append(found, finding{bad, "models", "there is no model in " + dir, "turboscribe models pull base.en"})
	case !real:
		found = append(found, finding{warn, "models", "only the demo model is installed", "turboscribe models pull base.en"})
	}
	return found
}

func (a *app) examineDisk(context.Context) []finding {
	dir := a.env("TS_WORK_DIR", os.TempDir())
	free, err := freeSpace(dir)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	found := verdict("disk", fmt.Sprintf("%s has %s free", dir, bytesText(free)), err, "make the directory of TS_WORK_DIR")
	switch {
	case err != nil:
	case free < leastFree:
		found[0].level, found[0].advice = bad, "make room: recordings are decoded there"
	case free < comfortable:
		found[0].level, found[0].advice = warn, "the largest uploads may not fit; make room or point TS_WORK_DIR elsewhere"
	}
	return found
}
