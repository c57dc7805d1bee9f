package audio

import "math"

// FrameSize is the number of samples in a frame, 10 ms, the grain of speech
// detection.
const FrameSize Samples = SampleRate / 100

// Levels are in dB relative to full scale.
const (
	quietest      = -100       // of a frame: digital silence
	lowestFloor   = -80        // below this all silence is alike
	highestFloor  = -36        // above this it is no background: rather decode noise than lose words
	smallestRise  = 6          // a frame of speech is at least so far above the floor
	dynamicShare  = 0.3        // … and so much of the way from the floor to the loud frames
	primeFrames   = 500        // heard before the first frame is judged: 5 s
	growth        = 1.00023107 // of the weights by frame: half of a level is forgotten in 3000, 30 s
	refreshFrames = 50         // the threshold is worked out anew twice a second
)

// Frame is the verdict on FrameSize samples.
type Frame struct {
	Level  float32 // dB relative to full scale
	Voiced bool    // louder than the background
}

// Detector tells speech from background by level. The background's level is
// estimated as it goes, as the 10th percentile of the last half minute, so that
// neither a noisy line nor a quiet voice needs a setting.
//
// The first frames are held back until Detector has heard 5 s, or Flush is
// called; after that a frame comes out for every frame that goes in.
type Detector struct {
	rest      []int16 // less than a frame
	held      []float32
	primed    bool
	levels    [1 - quietest]float64 // weights by whole dB
	weight    float64               // of the next frame, grows in place of letting the old ones shrink
	seen      int
	threshold float32
}

// NewDetector returns a detector at the beginning of a recording.
func NewDetector() *Detector { return &Detector{weight: 1} }

// Write takes samples and returns the frames that are decided by now.
func (d *Detector) Write(pcm []int16) []Frame {
	var levels []float32
	if len(d.rest) > 0 {
		need := min(int(FrameSize)-len(d.rest), len(pcm))
		d.rest = append(d.rest, pcm[:need]...)
		pcm = pcm[need:]
		if len(d.rest) < int(FrameSize) {
			return nil
		}
		levels = append(levels, level(d.rest))
		d.rest = d.rest[:0]
	}
	for len(pcm) >= int(FrameSize) {
		levels = append(levels, level(pcm[:FrameSize]))
		pcm = pcm[FrameSize:]
	}
	d.rest = append(d.rest, pcm...)
	return d.judge(levels)
}

// Flush ends the recording and returns the remaining frames. The last may stand
// for fewer samples than FrameSize.
func (d *Detector) Flush() []Frame {
	var levels []float32
	if len(d.rest) > 0 {
		levels = append(levels, level(d.rest))
		d.rest = nil
	}
	frames := d.judge(levels)
	if !d.primed {
		frames = append(frames, d.prime()...)
	}
	return frames
}

func (d *Detector) judge(levels []float32) []Frame {
	if !d.primed {
		d.held = append(d.held, levels...)
		if len(d.held) < primeFrames {
			return nil
		}
		return d.prime()
	}
	frames := make([]Frame, len(levels))
	for i, l := range levels {
		d.count(l)
		frames[i] = Frame{Level: l, Voiced: l > d.threshold}
	}
	return frames
}

// prime learns from all held frames before it judges the first of them.
func (d *Detector) prime() []Frame {
	d.primed = true
	for _, l := range d.held {
		d.count(l)
	}
	d.adapt()
	frames := make([]Frame, len(d.held))
	for i, l := range d.held {
		frames[i] = Frame{Level: l, Voiced: l > d.threshold}
	}
	d.held = nil
	return frames
}

func (d *Detector) count(l float32) {
	d.levels[int(-max(min(l, 0), quietest))] += d.weight
	d.weight *= growth
	d.seen++
	if d.seen%refreshFrames == 0 {
		d.adapt()
	}
}

// adapt works the threshold out anew, and keeps the weights in range.
func (d *Detector) adapt() {
	floor := min(max(d.percentile(0.1), lowestFloor), highestFloor)
	rise := max(smallestRise, dynamicShare*(d.percentile(0.9)-floor))
	d.threshold = float32(floor + rise)
	if d.weight > 1e12 {
		for i := range d.levels {
			d.levels[i] /= d.weight
		}
		d.weight = 1
	}
}

// percentile returns the level that share p of the remembered frames is below.
func (d *Detector) percentile(p float64) float64 {
	var total float64
	for _, w := range d.levels {
		total += w
	}
	var sum float64
	for i := len(d.levels) - 1; i >= 0; i-- {
		sum += d.levels[i]
		if sum >= p*total {
			return float64(-i)
		}
	}
	return 0
}

// level returns the mean power of a frame in dB relative to full scale.
func level(frame []int16) float32 {
	var sum float64
	for _, s := range frame {
		sum += float64(s) * float64(s)
	}
	power := sum / float64(len(frame)) / (1 << 30)
	return float32(max(quietest, 10*math.Log10(power+1e-12)))
}
