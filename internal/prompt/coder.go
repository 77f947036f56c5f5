package prompt

import (
	"golang.org/x/text/unicode/norm"

	"guardhouse/internal/fault"
	"guardhouse/internal/tokenizer"
)

// coder turns rendered text into ids.
type coder struct {
	tok   *tokenizer.Tokenizer
	form  norm.Form
	fixed bool // the text is not normalised any more
}

// encode appends the ids of t. Literals of special tokens count only where they stand wholly in text
// of the template: content is never parsed (threat T1). Between them, template text and content are
// normalised and tokenised as one string, as the reference does.
func (c coder) encode(dst []int32, t text) ([]int32, error) {
	done, gap := 0, 0
	for i := 0; i <= len(t.marks); i++ {
		end := len(t.s)
		if i < len(t.marks) {
			end = t.marks[i].from
		}
		for gap < end {
			start, stop, id, ok := c.tok.FindSpecial(t.s[gap:end])
			if !ok {
				break
			}
			var err error
			if dst, err = c.piece(dst, t.s[done:gap+start]); err != nil {
				return nil, err
			}
			dst, done = append(dst, id), gap+stop
			gap = done
		}
		if i < len(t.marks) {
			gap = max(gap, t.marks[i].to)
		}
	}
	return c.piece(dst, t.s[done:])
}

// piece appends the ids of ordinary text. The check costs nothing and guards what everything rests on.
func (c coder) piece(dst []int32, s string) ([]int32, error) {
	if !c.fixed {
		s = normalize(c.form, s)
	}
	from := len(dst)
	dst = c.tok.AppendEncode(dst, s)
	for _, id := range dst[from:] {
		if !c.tok.Ordinary(id) {
			return nil, fault.New(fault.Internal, "a text became a special token")
		}
	}
	return dst, nil
}
