package moderation

import (
	"strings"

	"guardhouse/internal/fault"
	"guardhouse/internal/prompt"
)

// window is one prompt that the model is asked about. judged is false for the rest of an earlier turn.
type window struct {
	prompt prompt.Prompt
	judged bool
}

// A conversation longer than the model's own window is cut so: the last message goes into windows that
// overlap by an eighth; each of them sees the end of the earlier turns, in at most half a window; and
// what they do not see of the earlier turns is judged in windows of its own, under its own role.
const (
	overlapPart = 8
	turnCost    = 8  // about what a template spends on one more turn
	minPiece    = 16 // a shorter end of a turn says nothing: leave it to its own window
)

// cut answers the windows of one conversation, of which full is the whole prompt. The conversation
// is refused as prompt.Guard refuses it.
func (l *loaded) cut(msgs []prompt.Message, full prompt.Prompt) ([]window, error) {
	if full.BodyIDs <= l.window {
		return []window{{full, true}}, nil
	}
	c := cutter{l: l, turns: make([]text, len(msgs))}
	for i, m := range msgs {
		c.turns[i] = l.split(m)
	}
	kept, rest, err := c.context()
	if err != nil {
		return nil, err
	}
	last := c.turns[len(msgs)-1]
	if err := c.chunks(kept, last, last.len(), true); err != nil {
		return nil, err
	}
	for _, r := range rest {
		if err := c.rest(r); err != nil {
			return nil, err
		}
	}
	return c.windows, nil
}

type cutter struct {
	l       *loaded
	turns   []text
	windows []window
}

// remainder is the part of an earlier turn, up to a token, that no window of the last message sees.
type remainder struct{ turn, to int }

// context chooses the end of the earlier turns. It is measured with the real template, and made smaller
// until it leaves half a window for the last message.
func (c *cutter) context() (kept []prompt.Message, rest []remainder, err error) {
	w := c.l.window
	for budget := w/2 - w/overlapPart; ; budget /= 2 {
		kept, rest = c.keep(budget)
		base, err := c.base(kept, c.turns[len(c.turns)-1].role)
		if err != nil {
			return nil, nil, err
		}
		if base <= w/2 || budget < minPiece {
			return kept, rest, nil
		}
	}
}

// keep takes whole turns from the end while they fit, then the end of one more.
func (c *cutter) keep(budget int) (kept []prompt.Message, rest []remainder) {
	i := len(c.turns) - 2
	for ; i >= 0 && c.turns[i].len()+turnCost <= budget; i-- {
		kept = append(kept, prompt.Message{Role: c.turns[i].role, Content: c.turns[i].s})
		budget -= c.turns[i].len() + turnCost
	}
	first := i + 1
	if i >= 0 {
		t, upto := c.turns[i], c.turns[i].len()
		if piece := budget - turnCost; piece >= minPiece {
			kept = append(kept, prompt.Message{Role: t.role, Content: t.slice(t.len()-piece, t.len())})
			upto = t.len() - piece + piece/overlapPart
			first = i
		}
		rest = append(rest, remainder{i, upto})
	}
	for i--; i >= 0; i-- {
		rest = append(rest, remainder{i, c.turns[i].len()})
	}
	if c.needsLead(kept) {
		kept = append(kept, c.lead(first))
	}
	reverse(kept)
	return kept, rest
}

// needsLead reports whether the kept turns, still in reverse order, begin with an assistant: templates
// drop such a turn without a trace, so prompt refuses it.
func (c *cutter) needsLead(kept []prompt.Message) bool {
	first := c.turns[len(c.turns)-1].role
	if len(kept) > 0 {
		first = kept[len(kept)-1].Role
	}
	return first == "assistant"
}

// lead answers the end of the nearest turn before i that is not the assistant's, as a user's.
func (c *cutter) lead(i int) prompt.Message {
	for i--; i >= 0; i-- {
		if t := c.turns[i]; t.role != "assistant" {
			piece := min(t.len(), max(1, c.l.window/overlapPart-turnCost))
			return prompt.Message{Role: "user", Content: t.slice(t.len()-piece, t.len())}
		}
	}
	return prompt.Message{Role: "user"}
}

func reverse(m []prompt.Message) {
	for i, j := 0, len(m)-1; i < j; i, j = i+1, j-1 {
		m[i], m[j] = m[j], m[i]
	}
}

// rest judges what is left of an earlier turn: a user's as a prompt, an assistant's as a response.
func (c *cutter) rest(r remainder) error {
	t := c.turns[r.turn]
	var lead []prompt.Message
	if t.role == "assistant" {
		lead = []prompt.Message{c.lead(r.turn)}
	} else {
		t.role = "user"
	}
	return c.chunks(lead, t, r.to, false)
}

// base answers how many tokens of a window the turns before the text take.
func (c *cutter) base(before []prompt.Message, role string) (int, error) {
	p, err := c.encode(before, prompt.Message{Role: role, Content: "."})
	return p.BodyIDs, err
}

func (c *cutter) encode(before []prompt.Message, m prompt.Message) (prompt.Prompt, error) {
	return c.l.guard.Prompt.Encode(append(before[:len(before):len(before)], m))
}

// chunks cuts the tokens of t before to into windows that overlap by an eighth. Pieces of white space
// alone are not asked about: there is nothing to judge in them.
func (c *cutter) chunks(before []prompt.Message, t text, to int, judged bool) error {
	base, err := c.base(before, t.role)
	if err != nil {
		return err
	}
	room := c.l.window - base
	if room < minPiece {
		return fault.New(fault.Internal, "the model's window has no room for the text")
	}
	for pos := 0; pos < to; {
		p, end, err := c.fit(before, t, pos, min(pos+room, to))
		if err != nil {
			return err
		}
		if strings.TrimSpace(t.slice(pos, end)) != "" {
			c.windows = append(c.windows, window{p, judged})
		}
		if end == to {
			return nil
		}
		pos = max(end-(end-pos)/overlapPart, pos+1)
	}
	return nil
}

// fit shortens the piece until its prompt fits: a cut may split a token into several.
func (c *cutter) fit(before []prompt.Message, t text, pos, end int) (prompt.Prompt, int, error) {
	for {
		p, err := c.encode(before, prompt.Message{Role: t.role, Content: t.slice(pos, end)})
		if err != nil || p.BodyIDs <= c.l.window {
			return p, end, err
		}
		next := end - (p.BodyIDs - c.l.window)
		if end-1 <= pos {
			return p, end, fault.New(fault.Internal, "one character is longer than the model's window")
		}
		end = max(next, pos+1)
	}
}
