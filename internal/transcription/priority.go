package transcription

import (
	"github.com/turboscribe/turboscribe/internal/auth"
	"github.com/turboscribe/turboscribe/internal/fault"
)

// Priority says what goes first. All work of a priority is begun before any of the next;
// within one, owners take turns.
type Priority int

// The priorities.
const (
	High   Priority = -1 // needs a permission
	Normal Priority = 0
	Low    Priority = 1
)

// priorities are the names of all, in order.
var priorities = []string{"high", "normal", "low"}

// String returns the name.
func (p Priority) String() string { return priorities[p-High] }

// ParsePriority returns the priority of that name, Normal for none.
func ParsePriority(name string) (Priority, error) {
	if name == "" {
		return Normal, nil
	}
	for i, known := range priorities {
		if name == known {
			return High + Priority(i), nil
		}
	}
	return Normal, fault.New(fault.Invalid, "There is no priority %q. Choose high, normal or low.", name).
		WithCode("invalid_priority").With("field", "priority").With("allowed", priorities)
}

// mayAsk returns a Forbidden fault when o asks for what is for others.
func mayAsk(who auth.Actor, o Options) error {
	if o.Priority == High && !who.Can(auth.Prioritize) {
		return fault.New(fault.Forbidden, "Your account may not use the priority high. Choose normal or low.").
			WithCode("priority_not_allowed").With("field", "priority").With("permission", string(auth.Prioritize))
	}
	return nil
}
