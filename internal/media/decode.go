package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/turboscribe/turboscribe/internal/audio"
)

const (
	bytesPerSecond = audio.BytesPerSample * audio.SampleRate

	// slack is how far a recording may be over the limit or short of what its file
	// says: encoders pad.
	slack = time.Second

	// inStep is how far apart the starts of sound and picture may be and count as
	// one: less than anybody sees.
	inStep = 40 * time.Millisecond

	// onPlayerTime puts every sound where a player plays it: a track that starts
	// late gets silence before it and a gap is filled, so that times in the text
	// do not drift from the picture. Converting first keeps the silence of a long
	// gap, which is held in memory, at 32 kB a second.
	onPlayerTime = "aformat=sample_fmts=s16:sample_rates=16000:channel_layouts=%s," + onwards + ",aresample=async=1:first_pts=0"

	// onwards moves everything that would begin before the end of what came before it
	// behind that: recordings that were joined, as with cat, begin again at 0, and all but
	// the first would be taken for something that was heard already, and dropped. A tenth
	// of a second is what ffmpeg itself allows for where time stamps may jump, as in
	// MPEG-TS. Of the variables of the expression 0 is what is added, 1 where the sound ends
	// so far; it is NaN that has no time.
	onwards = "asetpts='if(isnan(PTS),PTS," +
		"if(isnan(PREV_INPTS),st(1,PTS));" +
		"if(lt(PTS+ld(0),ld(1)-0.1/TB),st(0,ld(1)-PTS));" +
		"st(1,PTS+ld(0)+NB_SAMPLES/SR/TB);" +
		"PTS+ld(0))'"
)

// Stream is the sound of a file as 16 kHz signed 16-bit little-endian samples, those
// of two channels in turn. Sample 0 is where a player starts. One goroutine may use
// it.
type Stream struct {
	from     source
	channels int
	claim    time.Duration
	promised time.Duration
	max      time.Duration // 0: no limit
	read     int64
	state    error // io.EOF after a good end, the fault after a bad one
}

// Decode probes the file at path and starts to decode its first audio track. It
// does so as the Stream is read and holds no more than a pipe of it. With channels
// 2 those of a stereo track are kept apart; any other track, and with channels 1
// every one, is mixed to one. The caller closes the Stream; canceling ctx ends it.
// Faults are those of Probe.
//
// Each tool needs a while to start. So none is started for a WAV file whose samples are
// already those of a Stream; else ffmpeg starts at once, as most files need it, and anew for
// a file that turns out to need it otherwise.
func (m *Media) Decode(ctx context.Context, path string, channels int) (*Stream, error) {
	if p := openPlain(ctx, path); p != nil {
		return m.streamOf(p)
	}
	s, err := m.decode(ctx, path, Probe{}, channels)
	if err != nil {
		return nil, err
	}
	probe, err := m.Probe(ctx, path)
	if err != nil {
		_ = s.Close() // the probe knows better what is wrong
		return nil, err
	}
	if channels != stereo || probe.Channels != stereo {
		channels = mono
	}
	if channels == s.channels && !late(probe) {
		s.claim, s.promised = probe.Duration, probe.Promised
		return s, nil
	}
	_ = s.Close() // it was not asked the right thing
	return m.decode(ctx, path, probe, channels)
}

// streamOf returns the Stream of a file that needs no decoding.
func (m *Media) streamOf(p *plain) (*Stream, error) {
	if m.maxDuration > 0 && p.length > m.maxDuration+slack {
		return nil, errors.Join(tooLong(m.maxDuration), p.stop())
	}
	return &Stream{from: p, channels: mono, claim: p.length, promised: p.length, max: m.maxDuration}, nil
}

// late reports whether the sound starts behind the picture.
func late(p Probe) bool { return p.AudioStart-p.Start > inStep }

// The channels that are given out.
const (
	mono   = 1
	stereo = 2
)

// layouts are ffmpeg's names for them.
var layouts = map[int]string{mono: "mono", stereo: "stereo"}

// decode is Decode for a file of which probe is known, or taken for granted, and that has
// so many channels or is to be mixed to one.
func (m *Media) decode(ctx context.Context, path string, probe Probe, channels int) (*Stream, error) {
	path, size, err := locate(path)
	if err != nil {
		return nil, err
	}
	p, err := m.start(ctx, patience(size, m.maxDuration), m.ffmpeg, m.decodeArgs(path, probe, channels)...)
	if err != nil {
		return nil, err
	}
	return &Stream{from: p, channels: channels, claim: probe.Duration, promised: probe.Promised, max: m.maxDuration}, nil
}

// decodeArgs is the command line of ffmpeg. Reading ends a little beyond the
// limit, where Stream.Read notices.
func (m *Media) decodeArgs(path string, probe Probe, channels int) []string {
	var end []string
	if m.maxDuration > 0 {
		end = []string{"-t", strconv.FormatFloat((m.maxDuration + 2*slack).Seconds(), 'f', 3, 64)}
	}
	args := append([]string{"-nostdin", "-filter_threads", "1"}, readArgs("error")...)
	args = append(args, "-threads", "1", "-i", "file:"+path, "-map", "0:a:0", "-vn", "-sn", "-dn", "-af", fmt.Sprintf(onPlayerTime, layouts[channels]))
	args = append(args, end...)
	args = append(args, "-ac", strconv.Itoa(channels), "-ar", strconv.Itoa(audio.SampleRate), "-threads", "1", "-f", "s16le", "pipe:1")
	if !late(probe) {
		return args
	}
	// In some containers (MPEG-TS) ffmpeg takes the first track it uses for the
	// start. Copying the others to nowhere makes it use them all; only then, for it
	// has to read every byte of the picture.
	args = append(args, "-map", "0:v?", "-map", "0:a", "-c", "copy")
	return append(append(args, end...), "-f", "null", "-")
}

// readArgs is what ffmpeg and ffprobe are told about every file they read, and
// which of their messages are kept.
func readArgs(level string) []string {
	return []string{"-hide_banner", "-v", level, "-protocol_whitelist", "file", "-format_whitelist", formats}
}

// locate makes path absolute, for a tool with another working directory, and
// returns the size of the file.
func locate(path string) (string, int64, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", 0, fmt.Errorf("locate media: %w", err)
	}
	info, err := os.Stat(path) //nolint:gosec // G703: the caller names a file of its own, as Stage does
	if err != nil {
		return "", 0, fmt.Errorf("locate media: %w", err)
	}
	return path, info.Size(), nil
}

// patience is how long reading a file may take: time to start on a busy machine,
// to read the bytes at 8 MiB a second, and to decode at 20 times real time. The
// thinnest codecs need 50 bytes a second, which bounds what a file can hold.
func patience(size int64, longest time.Duration) time.Duration {
	const start, readRate, thinnest, speed = 5 * time.Minute, 8 << 20, 50, 20
	if longest == 0 {
		longest = 24 * time.Hour
	}
	sound := min(longest, time.Duration(size/thinnest)*time.Second)
	return start + time.Duration(size/readRate)*time.Second + sound/speed
}

// Channels is how many there are: 1 or 2.
func (s *Stream) Channels() int { return s.channels }

// Duration is how long the file says it is, 0 when it does not say.
func (s *Stream) Duration() time.Duration { return s.claim }

// Missing is how much of the sound that the file promises was not there, once
// Read has returned io.EOF; 0 when the file does not say or as good as all of it
// was: encoders pad and round.
func (s *Stream) Missing() time.Duration {
	missing := s.promised - durationOf(s.read/int64(s.channels))
	if !errors.Is(s.state, io.EOF) || missing < slack+s.promised/1000 {
		return 0
	}
	return missing
}

// Read reads samples. After the last one it returns io.EOF only when its source ended
// well, and otherwise a fault: Invalid with code no_audio or unreadable_media,
// Unsupported, TooLarge with code too_long, or Unavailable. What was read before
// a fault is not to be used.
func (s *Stream) Read(b []byte) (int, error) {
	if s.state != nil {
		return 0, s.state
	}
	n, err := s.from.Read(b)
	s.read += int64(n)
	switch {
	case s.max > 0 && s.read > bytesOf(s.max+slack)*int64(s.channels):
		s.state = errors.Join(tooLong(s.max), s.from.stop())
		return 0, s.state
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		s.state = s.end()
	default:
		s.state = errors.Join(fmt.Errorf("read the sound: %w", err), s.from.stop())
	}
	return n, s.state
}

// end ends the source after its last sample.
func (s *Stream) end() error {
	if err := s.from.wait(); err != nil {
		return err
	}
	if s.read == 0 {
		return noAudio(errors.New("there is no sample"))
	}
	return io.EOF
}

// Close ends ffmpeg, if it runs, with everything it started. It returns
// what the last Read did, but nil for io.EOF and for a Stream left early.
func (s *Stream) Close() error {
	if s.state == nil {
		s.state = os.ErrClosed
		return s.from.stop()
	}
	if errors.Is(s.state, io.EOF) || errors.Is(s.state, os.ErrClosed) {
		return nil
	}
	return s.state
}

// durationOf returns how long n bytes of samples of one channel take.
func durationOf(n int64) time.Duration {
	return audio.Samples(n / audio.BytesPerSample).Duration()
}

// bytesOf returns how many bytes of samples of one channel d takes.
func bytesOf(d time.Duration) int64 {
	return int64(d / time.Millisecond * bytesPerSecond / 1000)
}
