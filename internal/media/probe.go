package media

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Probe is what a file says about itself. None of it can be trusted further than
// to refuse early and to show.
type Probe struct {
	Format     string        // ffmpeg's name of the container, like "mov,mp4,m4a,3gp,3g2,mj2"
	Duration   time.Duration // of all of it; 0 when unknown
	Promised   time.Duration // how much sound is in the first audio track; 0 when that is unknown or a guess
	Start      time.Duration // time stamp at which the container starts; may be negative
	AudioStart time.Duration // time stamp at which its first audio track starts
	Codec      string        // of the first audio track
	SampleRate int           // of the first audio track, in Hz
	Channels   int           // of the first audio track
	HasVideo   bool          // moving pictures, not a cover
	Audio      int           // audio tracks
}

// Probe reads what the file at path says about itself. Faults: Invalid with code
// no_audio or unreadable_media, Unsupported for other than recordings, TooLarge
// with code too_long, Unavailable.
func (m *Media) Probe(ctx context.Context, path string) (Probe, error) {
	path, size, err := locate(path)
	if err != nil {
		return Probe{}, err
	}
	args := append(readArgs("warning"), "-show_entries",
		"format=format_name,duration,start_time"+
			":stream=codec_type,codec_name,sample_rate,channels,start_time,duration:stream_tags=DURATION:stream_disposition=attached_pic",
		"-of", "json", "-i", "file:"+path)
	out, said, err := m.output(ctx, patience(size, m.maxDuration), m.ffprobe, args...)
	if err != nil {
		return Probe{}, err
	}
	p, err := parseProbe(out)
	if strings.Contains(said, guessed) {
		p.Promised = 0
	}
	switch {
	case err != nil:
		return Probe{}, err
	case p.Audio == 0:
		return Probe{}, noAudio(errors.New("ffprobe found no audio track"))
	case m.maxDuration > 0 && p.Duration > m.maxDuration+slack:
		return Probe{}, tooLong(m.maxDuration)
	}
	return p, nil
}

// guessed is what ffprobe says of a length that it works out of the size of the
// file, as for MP3 with neither a Xing nor a VBRI header.
const guessed = "Estimating duration from bitrate"

// parseProbe reads the answer of ffprobe. Numbers that cannot be are left out.
func parseProbe(answer []byte) (Probe, error) {
	var in struct {
		Format struct {
			Name     string `json:"format_name"`
			Duration string `json:"duration"`
			Start    string `json:"start_time"`
		} `json:"format"`
		Streams []struct {
			Type       string `json:"codec_type"`
			Codec      string `json:"codec_name"`
			SampleRate string `json:"sample_rate"`
			Channels   int    `json:"channels"`
			Start      string `json:"start_time"`
			Duration   string `json:"duration"`
			Tags       struct {
				Duration string `json:"DURATION"` // where Matroska has it
			} `json:"tags"`
			Disposition struct {
				AttachedPic int `json:"attached_pic"`
			} `json:"disposition"`
		} `json:"streams"`
	}
	if err := json.Unmarshal(answer, &in); err != nil {
		return Probe{}, fmt.Errorf("parse the answer of ffprobe: %w", err)
	}
	p := Probe{Format: in.Format.Name, Duration: max(0, seconds(in.Format.Duration)), Start: seconds(in.Format.Start)}
	for _, s := range in.Streams {
		switch {
		case s.Type == "video":
			p.HasVideo = p.HasVideo || s.Disposition.AttachedPic == 0
		case s.Type != "audio":
		case p.Audio == 0:
			p.Audio, p.AudioStart = 1, seconds(s.Start)
			p.Codec, p.SampleRate, p.Channels = s.Codec, count(s.SampleRate), max(0, s.Channels)
			p.Promised = min(p.Duration, max(seconds(s.Duration), clock(s.Tags.Duration)))
		default:
			p.Audio++
		}
	}
	if p.Promised == 0 && len(in.Streams) == 1 && p.Audio == 1 {
		p.Promised = p.Duration
	}
	return p, nil
}

// seconds reads a time in seconds, and 0 from anything that is none.
func seconds(s string) time.Duration {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(math.Abs(f) < math.MaxInt64/float64(time.Second)) {
		return 0
	}
	return time.Duration(f * float64(time.Second))
}

// clock reads a time written h:m:s, and 0 from anything that is none.
func clock(s string) time.Duration {
	parts := strings.Split(s, ":")
	if len(parts) != 3 {
		return 0
	}
	hours, minutes := min(count(parts[0]), 1<<16), min(count(parts[1]), 59)
	return max(0, time.Duration(hours)*time.Hour+time.Duration(minutes)*time.Minute+seconds(parts[2]))
}

// count reads a number of things, and 0 from anything that is none.
func count(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return max(0, n)
}
