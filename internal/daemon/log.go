package daemon

import (
	"fmt"
	"io"
	"time"

	"github.com/rs/zerolog"
)

// Logger returns a logger that writes one JSON object a line, each with time,
// level and process. The level is one of debug, info, warn and error.
func Logger(w io.Writer, level, process string) (zerolog.Logger, error) {
	levels := map[string]zerolog.Level{
		"debug": zerolog.DebugLevel,
		"info":  zerolog.InfoLevel,
		"warn":  zerolog.WarnLevel,
		"error": zerolog.ErrorLevel,
	}
	l, ok := levels[level]
	if !ok {
		return zerolog.Nop(), fmt.Errorf("the log level %q is none of debug, info, warn, error", level)
	}
	return zerolog.New(w).Level(l).Hook(stamp{}).With().Str("process", process).Logger(), nil
}

// stamp adds the time in milliseconds. zerolog's own timestamp has seconds, unless
// a variable of the whole process is changed.
type stamp struct{}

// Run implements zerolog.Hook.
func (stamp) Run(e *zerolog.Event, _ zerolog.Level, _ string) {
	e.Str("time", time.Now().UTC().Format("2006-01-02T15:04:05.000Z07:00"))
}
