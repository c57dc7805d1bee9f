package whisper

import (
	"bufio"
	"io"
	"strings"
	"sync"

	"github.com/rs/zerolog"
)

// logMark begins the lines the library logs; a digit with ggml's level follows.
// What has no mark was printed past the log: the last words of a failed
// assertion, for one.
const logMark = '\x01'

// levels maps ggml's log levels. Its chatter about buffers and sizes is for
// those who look for a fault.
var levels = map[byte]zerolog.Level{
	'1': zerolog.DebugLevel, '2': zerolog.DebugLevel, '3': zerolog.WarnLevel, '4': zerolog.ErrorLevel,
}

// parseLog returns the level and text of a line.
func parseLog(line string) (zerolog.Level, string) {
	if len(line) < 2 || line[0] != logMark {
		return zerolog.WarnLevel, strings.TrimSpace(line)
	}
	level, known := levels[line[1]]
	if !known {
		level = zerolog.DebugLevel
	}
	return level, strings.TrimSpace(line[2:])
}

// readLog hands the library's lines on until r ends.
func readLog(r io.Reader, log *zerolog.Logger, t *tail) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if level, text := parseLog(line); text != "" {
			log.WithLevel(level).Str("from", "whisper").Msg(text)
			t.add(text)
		}
		if err != nil {
			return
		}
	}
}

// tailLines is how many lines tell why a process has ended.
const tailLines = 5

// tail keeps the last lines.
type tail struct {
	mu   sync.Mutex
	kept []string
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, line)
	if len(t.kept) > tailLines {
		t.kept = t.kept[len(t.kept)-tailLines:]
	}
}

func (t *tail) lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.kept...)
}
