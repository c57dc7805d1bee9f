package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/turboscribe/turboscribe/internal/fault"
)

// maxDepth is how deep objects and lists may lie in each other: three are enough for
// everything this API takes.
const maxDepth = 16

// strict refuses JSON that two readers may understand differently: the decoder takes the
// last of two fields of one name, and no notice of the case of their letters, where a proxy
// in front of it may look at the first. Deep nesting is refused as well. The value must be
// whole and valid.
func strict(raw []byte) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	var open []*jsonObject // one for each object or list that is not closed; nil for a list
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'):
			open = append(open, &jsonObject{seen: map[string]bool{}})
		case json.Delim('['):
			open = append(open, nil)
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
			continue
		}
		if len(open) > maxDepth {
			return fault.New(fault.Invalid, "The body is nested deeper than %d levels.", maxDepth).WithCode("malformed_json").With("limit", maxDepth)
		}
		if err := within(open, token); err != nil {
			return err
		}
	}
}

// jsonObject is an object that is being read.
type jsonObject struct {
	seen  map[string]bool
	value bool // a name was read, and its value comes next
}

// within takes note of a token in the innermost object.
func within(open []*jsonObject, token json.Token) error {
	if token == json.Delim('{') || token == json.Delim('[') {
		open = open[:len(open)-1] // it is a value of the one around it
	}
	if len(open) == 0 || open[len(open)-1] == nil {
		return nil
	}
	o := open[len(open)-1]
	if o.value = !o.value; !o.value {
		return nil
	}
	name, _ := token.(string)
	folded := strings.ToLower(strings.ToUpper(name)) // as the decoder does, which takes ſ for s
	if o.seen[folded] {
		return fault.New(fault.Invalid, "The field %q comes twice.", name).WithCode("malformed_json").With("field", name)
	}
	o.seen[folded] = true
	return nil
}
