package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/turboscribe/turboscribe/internal/audio"
	"github.com/turboscribe/turboscribe/internal/media"
)

// recording is a file that was put together, and what is said in it.
type recording struct {
	Path     string
	Text     string
	Duration time.Duration
	Silence  float64 // share of the duration in which nobody speaks
}

// take is a recording of the demo model's test set with its truth.
type take struct {
	pcm       []int16
	sentences []sentence
}

type sentence struct {
	audio.Span
	text string
}

// margin is the sound kept before and behind a turn.
const margin = audio.SampleRate / 10

// The takes that recordings are made of: the held-out set and the one sample with
// a single channel. The test set's silent ones would change the share of silence.
var takePatterns = []string{"test/short*.flac", "test/long*.flac", "test/noisy*.flac", "samples/meeting.flac"}

// readTakes reads them below the demo model's directory.
func readTakes(ctx context.Context, dir, scratch string) (takes []take, err error) {
	m, err := media.Open(ctx, media.Options{TempDir: scratch})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	for _, pattern := range takePatterns {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(files) == 0 {
			return nil, errors.Join(fmt.Errorf("there is no %s below %s", pattern, dir), err)
		}
		for _, file := range files {
			t, err := readTake(ctx, m, file)
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", file, err)
			}
			takes = append(takes, t)
		}
	}
	return takes, nil
}

func readTake(ctx context.Context, m *media.Media, file string) (t take, err error) {
	var truth struct {
		Segments []struct {
			T0, T1 float64
			Text   string
		}
	}
	b, err := os.ReadFile(strings.TrimSuffix(file, ".flac") + ".json")
	if err == nil {
		err = json.Unmarshal(b, &truth)
	}
	if err != nil {
		return t, err
	}
	for _, s := range truth.Segments {
		t.sentences = append(t.sentences, sentence{audio.Span{Start: audio.Seconds(s.T0), End: audio.Seconds(s.T1)}, s.Text})
	}
	f, err := os.Open(file)
	if err != nil {
		return t, err
	}
	defer f.Close() //nolint:errcheck // only read
	rec, err := m.Listen(ctx, f, 1)
	if err != nil {
		return t, err
	}
	b, err = io.ReadAll(rec)
	t.pcm = audio.Decode(b)
	return t, errors.Join(err, rec.Close())
}

// composer puts turns of takes and pauses together until a length is reached.
type composer struct {
	r     *rand.Rand
	takes []take
	out   *bufio.Writer

	left   audio.Samples
	speech audio.Samples
	pause  audio.Samples
	text   []string
}

// How people talk: mostly in short turns with short pauses, of a kind that makes up
// pauseShare of a recording.
const (
	longestTurn = 4 // sentences
	pauseShare  = 0.27
	leastPause  = audio.SampleRate * 3 / 10
	hiss        = 6 // loudest sample of what is heard in pauses, about -75 dB
)

// compose writes a recording of that length. The same seed gives the same one.
func compose(path string, takes []take, length audio.Samples, seed uint64) (rec recording, err error) {
	f, err := os.Create(path)
	if err != nil {
		return rec, fmt.Errorf("make a recording: %w", err)
	}
	c := composer{
		r:     rand.New(rand.NewPCG(seed, uint64(length))),
		takes: takes, out: bufio.NewWriterSize(f, 1<<20), left: length,
	}
	err = errors.Join(c.write(wavHeader(length)), c.rest(leastPause))
	for err == nil && c.left > 0 {
		err = c.turn()
	}
	err = errors.Join(err, c.out.Flush(), f.Close())
	return recording{
		Path: path, Text: strings.Join(c.text, " "), Duration: length.Duration(),
		Silence: 1 - float64(c.speech)/float64(length),
	}, err
}

// turn adds some sentences of one take, as they were spoken, and a pause. What no
// longer fits becomes a pause.
func (c *composer) turn() error {
	t := c.takes[c.r.IntN(len(c.takes))]
	first := c.r.IntN(len(t.sentences))
	said := t.sentences[first:min(len(t.sentences), first+1+c.r.IntN(longestTurn))]
	from := max(0, said[0].Start-margin)
	end := func() audio.Samples { return min(audio.Samples(len(t.pcm)), said[len(said)-1].End+margin) }
	for len(said) > 1 && end()-from > c.left {
		said = said[:len(said)-1]
	}
	to := end()
	if to-from > c.left {
		return c.rest(c.left)
	}
	for _, s := range said {
		c.text = append(c.text, s.text)
		c.speech += s.Len()
		c.pause -= s.Len()
	}
	c.left -= to - from
	c.pause += to - from
	if err := c.write(audio.Encode(t.pcm[from:to])); err != nil {
		return err
	}
	missing := float64(c.speech)*pauseShare/(1-pauseShare) - float64(c.pause)
	return c.rest(max(leastPause, audio.Samples(missing*(0.2+1.6*c.r.Float64()))))
}

// rest adds a pause, as far as there is room.
func (c *composer) rest(n audio.Samples) error {
	n = min(n, c.left)
	c.left -= n
	c.pause += n
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(c.r.IntN(2*hiss+1) - hiss)
	}
	return c.write(audio.Encode(pcm))
}

func (c *composer) write(b []byte) error {
	_, err := c.out.Write(b)
	return err
}

// headerSize is that of the WAV files written here, which hold nothing but sound.
const headerSize = 44

// wavHeader returns the header of a WAV file with that many samples.
func wavHeader(n audio.Samples) []byte {
	size := uint32(n) * audio.BytesPerSample
	b := slices.Concat([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, headerSize-8+size), []byte("WAVEfmt "))
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, 1) // PCM
	b = binary.LittleEndian.AppendUint16(b, 1) // channels
	b = binary.LittleEndian.AppendUint32(b, audio.SampleRate)
	b = binary.LittleEndian.AppendUint32(b, audio.SampleRate*audio.BytesPerSample)
	b = binary.LittleEndian.AppendUint16(b, audio.BytesPerSample)
	b = binary.LittleEndian.AppendUint16(b, 8*audio.BytesPerSample)
	return binary.LittleEndian.AppendUint32(append(b, "data"...), size)
}
