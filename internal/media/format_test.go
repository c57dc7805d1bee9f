package media

import (
	"encoding/binary"
	"io"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/turboscribe/turboscribe/internal/audio"
)

// recordings are three seconds of 440 Hz in every container people upload.
// padding is what the encoder may add or lose: containers without a record of the
// encoder's delay (adts, mpegts, asf, avi) keep up to three frames of silence.
var recordings = []struct {
	name    string
	args    []string
	padding time.Duration
}{
	{"pcm16.wav", sine("-c:a", "pcm_s16le"), time.Millisecond},
	{"pcm24 48 kHz stereo.wav", sine("-c:a", "pcm_s24le", "-ac", "2"), time.Millisecond},
	{"pcm16 8 kHz mono.wav", sine("-ar", "8000"), time.Millisecond},
	{"alaw.wav", sine("-c:a", "pcm_alaw", "-ar", "8000"), time.Millisecond},
	{"float.wav", sine("-c:a", "pcm_f32le", "-ac", "2"), time.Millisecond},
	{"big.w64", sine("-c:a", "pcm_s16le"), time.Millisecond},
	{"flac24.flac", sine("-c:a", "flac", "-sample_fmt", "s32"), time.Millisecond},
	{"a.aiff", sine(), time.Millisecond},
	{"a.caf", sine("-c:a", "pcm_s16le"), time.Millisecond},
	{"a.mp3", sine("-c:a", "libmp3lame"), 30 * time.Millisecond},
	{"no header.mp3", sine("-c:a", "libmp3lame", "-write_xing", "0", "-id3v2_version", "0"), 100 * time.Millisecond},
	{"a.m4a", sine("-c:a", "aac"), 25 * time.Millisecond},
	{"a.ogg", sine("-c:a", "libvorbis"), 25 * time.Millisecond},
	{"a.opus", sine("-c:a", "libopus"), 25 * time.Millisecond},
	{"a.webm", sine("-c:a", "libopus"), 25 * time.Millisecond},
	{"a.aac", sine("-c:a", "aac"), 70 * time.Millisecond},
	{"a.wma", sine("-c:a", "wmav2"), 100 * time.Millisecond},
	{"a.ts", sine("-c:a", "aac"), 70 * time.Millisecond},
	{"video.mp4", picture("-c:a", "aac"), 25 * time.Millisecond},
	{"video.mkv", picture("-c:a", "aac"), 50 * time.Millisecond},
	{"video.webm", picture("-c:v", "libvpx", "-c:a", "libvorbis"), 25 * time.Millisecond},
	{"video.mov", picture("-c:a", "pcm_s16le"), time.Millisecond},
	{"video.avi", picture("-c:a", "libmp3lame"), 100 * time.Millisecond},
	{"video.flv", picture("-c:v", "flv1", "-c:a", "libmp3lame", "-ar", "44100"), 100 * time.Millisecond},
	{"video.ts", picture("-c:v", "mpeg2video", "-c:a", "mp2"), 70 * time.Millisecond},
	{"video.mpg", picture("-c:v", "mpeg1video", "-r", "25", "-c:a", "mp2"), 70 * time.Millisecond},
	{"phone.3gp", picture("-c:v", "mpeg4", "-c:a", "aac"), 25 * time.Millisecond},
}

func TestDecode_formats(t *testing.T) {
	t.Parallel()
	m := open(t, Options{})
	for _, tt := range recordings {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := generate(t, tt.name, tt.args...)
			wantSniffed(t, path)
			p, err := m.Probe(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			if p.Audio != 1 || p.Channels < 1 || p.SampleRate < 8000 || p.Codec == "" || p.Format == "" {
				t.Errorf("the probe is incomplete: %+v", p)
			}
			if gap := (p.Duration - toneSeconds*time.Second).Abs(); gap > 200*time.Millisecond && tt.name != "no header.mp3" {
				t.Errorf("the probe says %v", p.Duration)
			}
			pcm, err := samples(t.Context(), m, path)
			if err != nil {
				t.Fatal(err)
			}
			if gap := (audio.Samples(len(pcm)) - toneSeconds*audio.SampleRate).Duration().Abs(); gap > tt.padding {
				t.Errorf("%d samples: %v from three seconds, more than %v", len(pcm), gap, tt.padding)
			}
			if got := purity(pcm[audio.SampleRate:2*audio.SampleRate], toneHz); got < 0.95 {
				t.Errorf("only %.3f of the sound is the tone", got)
			}
		})
	}
}

// wantSniffed fails the test unless the head of the file passes as a recording.
func wantSniffed(t *testing.T, path string) {
	t.Helper()
	whole := read(t, path)
	if _, err := Sniff(whole[:min(len(whole), SniffSize)]); err != nil {
		t.Error(err)
	}
}

// TestDecode_amr builds the file by hand, because few builds of ffmpeg can write
// AMR: phones and dictation devices still do.
func TestDecode_amr(t *testing.T) {
	t.Parallel()
	m := open(t, Options{})
	const frames, frameSize, perSecond = 150, 32, 50
	file := append([]byte("#!AMR\n"), make([]byte, frames*frameSize)...)
	for i := range frames {
		file[6+i*frameSize] = 0x3c // 12.2 kbit/s, good frame
	}
	path := write(t, "a.amr", file)
	wantSniffed(t, path)
	pcm, err := samples(t.Context(), m, path)
	if err != nil {
		t.Fatal(err)
	}
	if want := frames * audio.SampleRate / perSecond; math.Abs(float64(len(pcm)-want)) > 32 {
		t.Errorf("got %d samples, want %d", len(pcm), want)
	}
}

func TestPurity_tellsTonesApart(t *testing.T) {
	t.Parallel()
	pcm := make([]int16, audio.SampleRate)
	for i := range pcm {
		pcm[i] = int16(8000 * math.Sin(2*math.Pi*toneHz*float64(i)/audio.SampleRate))
	}
	if got := purity(pcm, toneHz); got < 0.99 {
		t.Errorf("a clean tone has purity %.3f", got)
	}
	if got := purity(pcm, 2*toneHz); got > 0.01 {
		t.Errorf("another tone has purity %.3f", got)
	}
}

// TestDecode_playerTime: a track that starts two seconds into the film came out
// two seconds early, and every cue was wrong by as much. The same goes for a gap
// in the middle.
func TestDecode_playerTime(t *testing.T) {
	t.Parallel()
	m := open(t, Options{})
	late := []string{
		"-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=5",
		"-itsoffset", "2", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=3",
	}
	gap := []string{"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=6", "-af", "aselect='not(between(t,1,2.999))'"}
	tests := []struct {
		name  string
		args  []string
		onset time.Duration // of the tone that lasts to the end
		total time.Duration
	}{
		{"late.mp4", append(late, "-c:a", "aac"), 2 * time.Second, 5 * time.Second},
		{"late.mkv", append(late, "-c:a", "flac"), 2 * time.Second, 5 * time.Second},
		{"late.ts", append(late, "-c:v", "mpeg2video", "-r", "25", "-c:a", "mp2"), 2 * time.Second, 5 * time.Second},
		{"gap.mkv", append(gap, "-c:a", "pcm_s16le"), 3 * time.Second, 6 * time.Second},
		{"shifted.ts", sine("-c:a", "mp2", "-output_ts_offset", "1000"), 0, 3 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pcm, err := samples(t.Context(), m, generate(t, tt.name, tt.args...))
			if err != nil {
				t.Fatal(err)
			}
			if off := (audio.Samples(len(pcm)).Duration() - tt.total).Abs(); off > 100*time.Millisecond {
				t.Errorf("the sound is %v long, want %v", audio.Samples(len(pcm)).Duration(), tt.total)
			}
			if off := (lastOnset(pcm) - tt.onset).Abs(); off > 60*time.Millisecond {
				t.Errorf("the tone starts at %v, want %v", lastOnset(pcm), tt.onset)
			}
		})
	}
}

// lastOnset returns where the sound that lasts to the end begins: after the last
// 20 ms of silence that are not the encoder's own padding.
func lastOnset(pcm []int16) time.Duration {
	const window = audio.SampleRate / 50
	for end := len(pcm) - audio.SampleRate/4; end > window; end -= window {
		quiet := !slices.ContainsFunc(pcm[end-window:end], func(s int16) bool { return s > 300 || s < -300 })
		if quiet {
			return audio.Samples(end).Duration()
		}
	}
	return 0
}

// TestStream_missing cuts recordings off after more than half of their bytes. Where
// the file says how long it was, that is noticed; where ffmpeg guesses, as for MP3
// without a header, no guess is taken for a promise.
func TestStream_missing(t *testing.T) {
	t.Parallel()
	m := open(t, Options{})
	sound := func(args ...string) []string {
		return append([]string{"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=20"}, args...)
	}
	film := func(args ...string) []string {
		return append([]string{"-f", "lavfi", "-i", "testsrc=size=64x48:rate=5:duration=20"}, sound(args...)...)
	}
	brief := func(args ...string) []string { // the picture goes on for longer
		return film(append([]string{"-af", "atrim=0:5"}, args...)...)
	}
	tests := []struct {
		name     string
		args     []string
		promised time.Duration // by the file; 0: nothing is
	}{
		{"header.mp3", sound("-c:a", "libmp3lame", "-q:a", "7"), 20 * time.Second},
		{"no header.mp3", sound("-c:a", "libmp3lame", "-q:a", "7", "-write_xing", "0"), 0},
		{"a.m4a", sound("-c:a", "aac", "-movflags", "+faststart"), 20 * time.Second},
		{"a.flac", sound("-c:a", "flac"), 20 * time.Second},
		{"a.aiff", sound(), 20 * time.Second},
		{"a.webm", sound("-c:a", "libopus"), 20 * time.Second},
		{"video.mkv", film("-c:a", "aac"), 20 * time.Second},
		{"video.mp4", film("-c:a", "aac", "-movflags", "+faststart"), 20 * time.Second},
		{"brief.mkv", brief("-c:a", "aac"), 5 * time.Second},
		{"brief.mp4", brief("-c:a", "aac", "-movflags", "+faststart"), 5 * time.Second},
		{"brief.flv", brief("-c:v", "flv1", "-c:a", "aac"), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := generate(t, tt.name, tt.args...)
			if missing, _ := missing(t, m, path); missing != 0 {
				t.Errorf("%v of a whole file are missing", missing)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path, info.Size()*6/10); err != nil {
				t.Fatal(err)
			}
			missing, sound := missing(t, m, path)
			want := max(0, tt.promised-sound)
			if tt.promised > 5*time.Second && want < 5*time.Second {
				t.Errorf("%v of sound are left, too much", sound)
			}
			if (missing - want).Abs() > 200*time.Millisecond {
				t.Errorf("%v of sound and %v missing, want %v", sound, missing, want)
			}
		})
	}
}

// missing decodes a file and returns how much sound is not there, and how much is.
func missing(t *testing.T, m *Media, path string) (missing, sound time.Duration) {
	t.Helper()
	s, err := m.Decode(t.Context(), path, mono)
	if err != nil {
		t.Fatal(err)
	}
	pcm, err := drain(s)
	if err != nil {
		t.Fatal(err)
	}
	return s.Missing(), audio.Samples(len(pcm)).Duration()
}

// TestDecode_downmix: a voice on one of two channels must stay audible.
func TestDecode_downmix(t *testing.T) {
	t.Parallel()
	m := open(t, Options{})
	pcm, err := samples(t.Context(), m, generate(t, "left.wav", sine("-af", "pan=stereo|c0=c0|c1=0*c0")...))
	if err != nil {
		t.Fatal(err)
	}
	if peak := slices.Max(pcm); peak < 1000 {
		t.Errorf("the left channel is lost: peak %d", peak)
	}
}

// TestDecode_channels: those of a stereo track stay apart when they are asked for,
// and what has no two channels is mixed.
func TestDecode_channels(t *testing.T) {
	t.Parallel()
	m := open(t, Options{})
	left := sine("-af", "pan=stereo|c0=c0|c1=0*c0")
	surround := sine("-af", "pan=5.1|c0=c0|c1=0*c0|c2=0*c0|c3=0*c0|c4=0*c0|c5=0*c0")
	tests := []struct {
		name     string
		path     string
		asked    int
		channels int
	}{
		{"two of two", generate(t, "left.wav", left...), 2, 2},
		{"two of two, compressed", generate(t, "left.opus", append(left, "-b:a", "96k")...), 2, 2},
		{"one of two", generate(t, "left.wav", left...), 1, 1},
		{"two of one", generate(t, "mono.wav", sine()...), 2, 1},
		{"two of six", generate(t, "six.flac", surround...), 2, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := m.Decode(t.Context(), tt.path, tt.asked)
			if err != nil {
				t.Fatal(err)
			}
			pcm, err := drain(s)
			if err != nil || s.Channels() != tt.channels {
				t.Fatalf("%d channels, want %d (%v)", s.Channels(), tt.channels, err)
			}
			length := audio.Samples(len(pcm) / tt.channels).Duration()
			if off := (length - toneSeconds*time.Second).Abs(); off > 50*time.Millisecond {
				t.Errorf("%v of sound", length)
			}
			if s.Missing() != 0 {
				t.Errorf("%v is missing", s.Missing())
			}
			if tt.channels == 2 {
				checkLeft(t, pcm)
			}
		})
	}
}

// checkLeft wants the tone in the first of two channels, and silence in the other.
func checkLeft(t *testing.T, pcm []int16) {
	t.Helper()
	var left, right []int16
	for pair := range slices.Chunk(pcm, 2) {
		left, right = append(left, pair[0]), append(right, pair[1])
	}
	if p := purity(left, toneHz); p < 0.9 {
		t.Errorf("the left channel is %.2f of a tone", p)
	}
	if peak := slices.Max(right); peak > 200 {
		t.Errorf("the right channel is not silent: %d", peak)
	}
}

func TestProbe_tracks(t *testing.T) {
	t.Parallel()
	m := open(t, Options{})
	cover := []string{
		"-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=0.1", "-f", "lavfi", "-i", "sine=duration=3",
		"-c:v", "png", "-c:a", "libmp3lame", "-id3v2_version", "3",
	}
	two := picture("-map", "0:v", "-map", "1:a", "-map", "1:a", "-c:a", "aac", "-ac:a:1", "2")
	tests := []struct {
		name  string
		args  []string
		video bool
		audio int
	}{
		{"cover.mp3", cover, false, 1},
		{"two.mkv", two, true, 2},
		{"sound.wav", sine(), false, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := m.Probe(t.Context(), generate(t, tt.name, tt.args...))
			if err != nil {
				t.Fatal(err)
			}
			if p.HasVideo != tt.video || p.Audio != tt.audio {
				t.Errorf("got %+v, want video %v and %d audio tracks", p, tt.video, tt.audio)
			}
		})
	}
}

// FuzzParseProbe: a file writes part of what ffprobe answers.
func FuzzParseProbe(f *testing.F) {
	for _, seed := range []string{
		`{"format":{"format_name":"wav","duration":"3.000000","start_time":"-0.023"},"streams":[{"codec_type":"audio","codec_name":"pcm_s16le","sample_rate":"48000","channels":2}]}`,
		`{"format":{"duration":"1e400","start_time":"NaN"},"streams":[{"codec_type":"audio","sample_rate":"-1","channels":-3}]}`,
		`{"format":{"duration":"-Inf"},"streams":[{"codec_type":"video","disposition":{"attached_pic":1}}]}`,
		`{"format":{"duration":"9223372036.854775807"}}`, `{"streams":[{}]}`, `[]`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		p, err := parseProbe(answer)
		if err != nil {
			return
		}
		if p.Duration < 0 || p.SampleRate < 0 || p.Channels < 0 || p.Audio < 0 || (p.Audio == 0 && p.Codec != "") {
			t.Errorf("impossible: %+v", p)
		}
	})
}

// BenchmarkDecode reads ten minutes of sound, as prepare does.
func BenchmarkDecode(b *testing.B) {
	const minutes = 10
	m := open(b, Options{})
	path := generate(b, "long.mp3", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=600", "-ac", "2", "-c:a", "libmp3lame")
	for b.Loop() {
		s, err := m.Decode(b.Context(), path, mono)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, s); err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*minutes*60/b.Elapsed().Seconds(), "x-realtime")
}

// TestWavTone keeps the canary honest: its header says what follows.
func TestWavTone(t *testing.T) {
	t.Parallel()
	wav := wavTone(100)
	if got := binary.LittleEndian.Uint32(wav[40:]); got != 200 || len(wav) != 244 {
		t.Errorf("the header says %d bytes in a file of %d", got, len(wav))
	}
}
