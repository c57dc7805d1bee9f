// Package media reads sound out of media files with ffmpeg.
//
// Media is hostile: every ffmpeg and ffprobe runs in a sandbox (sandbox_linux.go)
// and may open nothing but the one file it was given (formats, below).
package media

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// formats lists the demuxers that may run. A playlist format on this list would
// let an upload name other files of this machine and get them transcribed, so
// hls, dash, concat and image2 never belong here. ffmpeg ignores names it does
// not know.
const formats = "mov,mp3,wav,ogg,flac,matroska,aac,asf,aiff,amr,avi,flv,mpegts,mpeg,caf,w64"

// oldest is the first major version of ffmpeg that has all we ask of it.
const oldest = 4

// Options says where the tools and the scratch space are. The zero value works.
type Options struct {
	FFmpeg      string        // name or path, "ffmpeg" when empty
	FFprobe     string        // name or path, "ffprobe" when empty
	TempDir     string        // holds staged files, os.TempDir() when empty
	MaxDuration time.Duration // longest recording that is read, no limit when 0
}

// Media reads sound out of media files. It may be used by many goroutines.
type Media struct {
	ffmpeg, ffprobe string
	maxDuration     time.Duration
	scratch         *scratch
	box             sandbox
}

// Open finds ffmpeg and ffprobe, looks for the strongest sandbox this machine
// allows and proves with a hostile file that it holds. The error says in one line
// what is wrong. Close gives the scratch space back.
func Open(ctx context.Context, o Options) (*Media, error) {
	ffmpeg, err := exec.LookPath(cmp.Or(o.FFmpeg, "ffmpeg"))
	if err != nil {
		return nil, fmt.Errorf("find ffmpeg (package ffmpeg): %w", err)
	}
	ffprobe, err := exec.LookPath(cmp.Or(o.FFprobe, "ffprobe"))
	if err != nil {
		return nil, fmt.Errorf("find ffprobe (package ffmpeg): %w", err)
	}
	scratch, err := openScratch(ctx, cmp.Or(o.TempDir, os.TempDir()))
	if err != nil {
		return nil, err
	}
	m := &Media{ffmpeg: ffmpeg, ffprobe: ffprobe, maxDuration: o.MaxDuration, scratch: scratch}
	if err := m.check(ctx); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// Close removes the scratch space with every file still staged in it.
func (m *Media) Close() error { return m.scratch.close() }

// Isolation says for the log what holds ffmpeg in.
func (m *Media) Isolation() string { return m.box.String() }

// check tries the tools, the sandbox and the list of formats.
func (m *Media) check(ctx context.Context) error {
	for _, tool := range []string{m.ffmpeg, m.ffprobe} {
		if err := m.checkVersion(ctx, tool); err != nil {
			return err
		}
	}
	m.box = m.strongest(ctx)
	return m.checkHostile(ctx)
}

// strongest returns the strongest sandbox in which ffmpeg starts.
func (m *Media) strongest(ctx context.Context) sandbox {
	return strongest(func(box sandbox) bool {
		tried := *m
		tried.box = box
		return tried.starts(ctx)
	})
}

// starts reports whether ffmpeg starts in the sandbox.
func (m *Media) starts(ctx context.Context) bool {
	_, _, err := m.output(ctx, checkPatience, m.ffmpeg, "-version")
	return err == nil
}

// checkPatience is how long a tool may take to print its version.
const checkPatience = 30 * time.Second

var versionLine = regexp.MustCompile(`^ff\w+ version (\S+)`)

// checkVersion refuses a tool that is too old. Builds from a git checkout carry
// no number and are taken for new; checkHostile has the last word on them.
func (m *Media) checkVersion(ctx context.Context, tool string) error {
	out, _, err := m.output(ctx, checkPatience, tool, "-version")
	if err != nil {
		return fmt.Errorf("run %s: %w", tool, err)
	}
	found := versionLine.FindSubmatch(out)
	if found == nil {
		return fmt.Errorf("check %s: it does not say a version of ffmpeg", tool)
	}
	version := string(found[1])
	number, _, _ := strings.Cut(strings.TrimPrefix(version, "n"), ".")
	if major, err := strconv.Atoi(number); err == nil && major < oldest {
		return fmt.Errorf("check %s: version %s is too old, %d.0 or later is needed", tool, version, oldest)
	}
	return nil
}
