package whisper

import (
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/turboscribe/turboscribe/internal/fault"
	"github.com/turboscribe/turboscribe/internal/transcription"
)

// catalog is a directory of model files. It is looked at anew each time, so that
// a model is there as soon as its file is; the files themselves are looked into
// when they have changed.
type catalog struct {
	dir    string
	slots  int   // that a model is decoded on
	dtw    bool  // with words timed by dynamic time warping
	budget int64 // for one model with its slots, in bytes; 0: no bound

	summing sync.Mutex

	mu   sync.Mutex
	seen map[string]glance // by file
}

// glance is what was found in a file as it was at that time.
type glance struct {
	size     int64
	modified time.Time
	cost     int64  // of the model when it is loaded, in bytes
	print    string // fingerprint, once somebody has asked for it
	sum      string // checksum, likewise
	err      error  // why it cannot be used
}

func newCatalog(o Options) *catalog {
	return &catalog{dir: o.ModelDir, slots: o.Slots, dtw: o.DTW, budget: max(0, o.Memory), seen: map[string]glance{}}
}

func (c *catalog) path(m transcription.Model) string { return filepath.Join(c.dir, m.File) }

// look returns what is known of a model's file, false when there is none.
func (c *catalog) look(m transcription.Model) (g glance, there bool) {
	f, err := os.Stat(c.path(m))
	if err != nil || !f.Mode().IsRegular() {
		return glance{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	g, found := c.seen[m.File]
	if !found || g.size != f.Size() || !g.modified.Equal(f.ModTime()) {
		g = glance{size: f.Size(), modified: f.ModTime()}
		g.cost, g.err = c.examine(m, f.Size())
		c.seen[m.File] = g
	}
	return g, true
}

func (c *catalog) examine(m transcription.Model, size int64) (cost int64, err error) {
	h, err := inspect(c.path(m), m)
	if err != nil {
		return 0, err
	}
	slot := stateSize(h)
	if c.dtw {
		slot += dtwSize(h)
	}
	cost = size + int64(c.slots)*slot
	if c.budget > 0 && cost > c.budget {
		return cost, tooLarge(m, cost, c.budget, c.slots)
	}
	return cost, nil
}

// print returns the fingerprint of a model's file, which is taken once for a file.
func (c *catalog) print(m transcription.Model) (string, error) {
	return c.once(m, func(g *glance) *string { return &g.print }, fingerprint)
}

// sum returns the checksum of a model's file. All of it is read, once for a file: those
// who come meanwhile wait.
func (c *catalog) sum(m transcription.Model) (string, error) {
	c.summing.Lock()
	defer c.summing.Unlock()
	return c.once(m, func(g *glance) *string { return &g.sum }, checksum)
}

// once returns what is told of a model's file, which is found out when it is not known.
func (c *catalog) once(m transcription.Model, of func(*glance) *string, find func(path string) (string, error)) (string, error) {
	g, there := c.look(m)
	if !there {
		return "", transcription.NotInstalled(m.Name, c.installed())
	}
	if g.err != nil || *of(&g) != "" {
		return *of(&g), g.err
	}
	found, err := find(c.path(m))
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if seen := c.seen[m.File]; seen.modified.Equal(g.modified) {
		*of(&seen) = found
		c.seen[m.File] = seen
	}
	return found, nil
}

// installed returns the names of the models that can be used.
func (c *catalog) installed() (names []string) {
	for _, m := range transcription.Models() {
		if g, there := c.look(m); there && g.err == nil {
			names = append(names, m.Name)
		}
	}
	return names
}

// sizes returns the sizes of the files of the models that can be used, by model.
func (c *catalog) sizes() map[string]int64 {
	sizes := map[string]int64{}
	for _, m := range transcription.Models() {
		if g, there := c.look(m); there && g.err == nil {
			sizes[m.Name] = g.size
		}
	}
	return sizes
}

// refused returns why the files that are there cannot be used, by model.
func (c *catalog) refused() map[string]error {
	why := map[string]error{}
	for _, m := range transcription.Models() {
		if g, _ := c.look(m); g.err != nil {
			why[m.Name] = g.err
		}
	}
	return why
}

// choose returns the model that does what o asks for.
func (c *catalog) choose(o transcription.Options) (transcription.Model, error) {
	if m, err := transcription.FindModel(o.Model); err == nil {
		if g, _ := c.look(m); g.err != nil {
			return m, g.err
		}
	}
	installed := c.installed()
	if len(installed) > 0 {
		return transcription.ChooseModel(o, installed)
	}
	for _, err := range c.refused() {
		return transcription.Model{}, err
	}
	return transcription.Model{}, fault.New(fault.Unavailable,
		"No speech model is installed in %s. Put one there, for example with: turboscribe models pull base.en", c.dir).WithCode("no_model")
}
