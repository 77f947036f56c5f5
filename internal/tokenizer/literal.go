package tokenizer

import (
	"slices"
	"strings"
)

// literal is the text of a special token.
type literal struct {
	text   string
	id     int32
	within int32 // place in its list of the longest other literal that it begins with, none if there is none
}

// literals are the special tokens by their first byte, each list in the order of its texts. A file may hold hundreds of thousands
// that begin alike, so none is looked at that need not be.
type literals [256][]literal

func newLiterals(all []literal) (out literals) {
	slices.SortFunc(all, func(a, b literal) int { return strings.Compare(a.text, b.text) })
	for _, l := range all {
		list := out[l.text[0]]
		l.within = int32(len(list)) - 1
		for l.within >= 0 && !strings.HasPrefix(l.text, list[l.within].text) {
			l.within = list[l.within].within
		}
		out[l.text[0]] = append(list, l)
	}
	return out
}

// longest answers the longest literal that text begins with, nil if it begins with none.
func (l *literals) longest(text string) *literal {
	list := l[text[0]]
	if len(list) == 0 {
		return nil
	}
	behind, same := slices.BinarySearchFunc(list, text, func(l literal, text string) int { return strings.Compare(l.text, text) })
	if same {
		return &list[behind]
	}
	// What text begins with, the last literal before it in the order begins with, too.
	for at := int32(behind) - 1; at >= 0; at = list[at].within {
		if strings.HasPrefix(text, list[at].text) {
			return &list[at]
		}
	}
	return nil
}
