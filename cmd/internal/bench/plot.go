package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// series is a line in a plot.
type series struct {
	name   string
	points plotter.XYs
}

// plots writes both plots into a directory.
func (r *report) plots(dir string) error {
	var speed, ideal plotter.XYs
	for _, n := range r.slotCounts() {
		v := medianOf(r.ofSlots(n), func(f figure) float64 { return f.Speed })
		speed = append(speed, plotter.XY{X: float64(n), Y: v})
	}
	for _, p := range speed {
		ideal = append(ideal, plotter.XY{X: p.X, Y: speed[0].Y / speed[0].X * min(p.X, float64(r.Machine.Cores))})
	}
	err := drawPlot(filepath.Join(dir, "slots.svg"), "slots, one thread each", "seconds of sound per second",
		series{"measured", speed}, series{fmt.Sprintf("ideal, %d cores", r.Machine.Cores), ideal})
	if err != nil {
		return err
	}
	var lines []series
	for _, name := range []string{sequential, engine, service} {
		s := series{name: name}
		for _, minutes := range r.lengths() {
			figures := r.find(name, comparison{r.headline.model, minutes})
			if len(figures) == 0 {
				continue
			}
			wall := medianOf(figures, func(f figure) float64 { return f.Wall })
			s.points = append(s.points, plotter.XY{X: float64(minutes), Y: wall})
		}
		lines = append(lines, s)
	}
	return drawPlot(filepath.Join(dir, "length.svg"), "length of the recording, minutes", "wall time, seconds", lines...)
}

// drawPlot writes an SVG with the lines, both axes from 0.
func drawPlot(path, x, y string, lines ...series) error {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = x, y
	p.X.Min, p.Y.Min = 0, 0
	p.Legend.Top, p.Legend.Left = true, true
	p.Add(plotter.NewGrid())
	for i, l := range lines {
		line, points, err := plotter.NewLinePoints(l.points)
		if err != nil {
			return fmt.Errorf("plot %s: %w", l.name, err)
		}
		line.Color, line.Width, line.Dashes = plotutil.Color(i), vg.Points(1.5), plotutil.Dashes(i)
		points.Color, points.Shape = plotutil.Color(i), plotutil.Shape(i)
		p.Add(line, points)
		p.Legend.Add(l.name, line, points)
	}
	p.X.Min, p.Y.Min = 0, 0
	canvas := vgsvg.New(16*vg.Centimeter, 10*vg.Centimeter)
	p.Draw(draw.New(canvas))
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = canvas.WriteTo(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
