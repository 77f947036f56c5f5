package evidence

import (
	"encoding/json"
	"io"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

// pageItems is how many people, keys or versions one read answers.
const pageItems = 200

// reader is who reads for a pack that was let in: a part of the server, which may see what it is to write down.
func reader() access.Principal { return access.Server("evidence") }

// object writes one JSON object whose members are lists, item by item, so that no list is ever whole in memory.
type object struct {
	w     io.Writer
	begun bool
	err   error
}

func (o *object) put(text string) {
	if o.err == nil {
		_, o.err = io.WriteString(o.w, text)
	}
}

// value writes one member.
func (o *object) value(name string, v any) {
	o.name(name)
	o.json(v)
}

func (o *object) name(name string) {
	if o.begun {
		o.put(",\n")
	} else {
		o.put("{\n")
	}
	o.begun = true
	o.json(name)
	o.put(": ")
}

func (o *object) json(v any) {
	if o.err != nil {
		return
	}
	text, err := encoded(v)
	if err != nil {
		o.err = err
		return
	}
	o.put(string(text))
}

// list writes a member that is a list: each answers its items in pages, until there is no next.
func list[T any](o *object, name string, page func(cursor string) (items []T, next string, err error)) {
	o.name(name)
	o.put("[")
	for first, cursor := true, ""; o.err == nil; {
		items, next, err := page(cursor)
		if err != nil {
			o.err = err
			return
		}
		for _, it := range items {
			if !first {
				o.put(",")
			}
			o.put("\n  ")
			o.json(it)
			first = false
		}
		if cursor = next; next == "" {
			break
		}
	}
	o.put("\n]")
}

// end closes the object and answers the first error.
func (o *object) end() error {
	o.put("\n}\n")
	return o.err
}

// encoded answers v as one line of JSON that reads as it is written.
func encoded(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "a part of an evidence pack cannot be encoded")
	}
	return text, nil
}

// moment answers a time as packs have it, nil for none.
func moment(t *time.Time) *string {
	if t == nil || t.IsZero() {
		return nil
	}
	text := t.UTC().Format("2006-01-02T15:04:05.000Z")
	return &text
}

// orEmpty makes JSON say [] and not null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
