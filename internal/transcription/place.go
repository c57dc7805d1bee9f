package transcription

import (
	"fmt"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// Place is how far somebody has followed a transcription. It is made of what the store
// knows, so that any replica can go on from it. The zero Place is before everything.
type Place struct {
	Run      int
	Change   int64 // the id of the last change of status
	Segments int   // how many of the run's
}

// String returns the place as clients keep it.
func (p Place) String() string { return fmt.Sprintf("%d-%d-%d", p.Run, p.Change, p.Segments) }

// ParsePlace reads what String has written; an empty text is the zero Place. Invalid
// invalid_place: it is something else.
func ParsePlace(text string) (p Place, err error) {
	if text == "" {
		return p, nil
	}
	_, err = fmt.Sscanf(text, "%d-%d-%d", &p.Run, &p.Change, &p.Segments)
	if err != nil || p.String() != text || p.Run < 1 || p.Change < 0 || p.Segments < 0 {
		return Place{}, unknownPlace()
	}
	return p, nil
}

func unknownPlace() error {
	return fault.New(fault.Invalid, "That is not the id of an event of this transcription. Leave it out to be told everything.").WithCode("invalid_place")
}

// within returns the place in a run: another one is followed from its beginning.
func (p Place) within(run int) Place {
	if p.Run != run {
		return Place{Run: run}
	}
	return p
}
