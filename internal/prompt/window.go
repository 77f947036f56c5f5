package prompt

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"guardhouse/internal/fault"
)

// Count answers the tokens of text alone, normalised as Encode does it.
func (g *Guard) Count(s string) int { return g.tok.Count(g.Normalize(s)) }

// unit is the smallest part that windows are made of: a pre-token, or a part of a long one.
type unit struct{ end, tokens int }

// Split answers text, normalised, in windows of at most maxTokens tokens each, counted as Count does.
// Together they hold every byte; each repeats about overlap tokens of the one before. Cuts stand where
// the tokenizer would cut anyway, and between characters as a reader sees them where that is possible.
func (g *Guard) Split(s string, maxTokens, overlap int) []string {
	s = g.Normalize(s)
	spans := g.spans(s, maxTokens, overlap)
	out := make([]string, len(spans))
	for i, w := range spans {
		out[i] = s[w.from:w.to]
	}
	return out
}

// span is the place of a window.
type span struct{ from, to int }

// spans is Split for text that is normalised. Each begins at or before the end of the one before and
// ends behind it; the last ends with s.
func (g *Guard) spans(s string, maxTokens, overlap int) []span {
	maxTokens = max(maxTokens, 8)
	overlap = min(max(overlap, 0), maxTokens/2)
	if len(s) <= maxTokens || g.tok.Count(s) <= maxTokens { // a token has at least one byte
		return []span{{0, len(s)}}
	}
	units := g.units(s, maxTokens)
	var out []span
	for first, from, done := 0, 0, 0; done < len(s); {
		last := g.fill(s, units, first, from, maxTokens)
		end := units[last].end
		if end <= done { // the overlap left no room for more: go on without it
			first, from = last+1, end
			continue
		}
		out, done = append(out, span{from, end}), end
		first, from = back(units, first, last, overlap)
	}
	return out
}

// fill answers the last unit that still fits into a window which begins with unit first at from. At
// least one unit always goes in: a unit has at most maxTokens bytes.
func (g *Guard) fill(s string, units []unit, first, from, maxTokens int) int {
	last, sum := first, units[first].tokens
	for last+1 < len(units) && sum+units[last+1].tokens <= maxTokens {
		last++
		sum += units[last].tokens
	}
	// The window's own encoding may differ by a token or two from the sum where a word was cut.
	for last > first && g.Count(s[from:units[last].end]) > maxTokens {
		last--
	}
	return last
}

// back answers where the next window begins: at most overlap tokens before the end of unit last, and
// always behind the beginning of the window before.
func back(units []unit, first, last, overlap int) (next, from int) {
	next = last + 1
	for sum := 0; next > first+1 && sum+units[next-1].tokens <= overlap; next-- {
		sum += units[next-1].tokens
	}
	return next, units[next-1].end
}

// units cuts s into pre-tokens, and longer ones into parts of about maxTokens/2 bytes. None has more
// than maxTokens bytes, so none has more than maxTokens tokens.
func (g *Guard) units(s string, maxTokens int) []unit {
	var out []unit
	done, part := 0, max(maxTokens/2, 4)
	add := func(end int) {
		out = append(out, unit{end, g.tok.Count(s[done:end])})
		done = end
	}
	g.tok.Words(s, func(end int) bool {
		if end-done < part && !breakable(s, end) {
			return true // a mark or joiner follows: keep it with what it belongs to
		}
		for end-done > part {
			add(cutNear(s, done+part, min(done+maxTokens-4, end)))
		}
		if end > done {
			add(end)
		}
		return true
	})
	if done < len(s) {
		add(len(s))
	}
	return out
}

// cutNear answers the first good cut in s[at:limit], else the first between two code points.
func cutNear(s string, at, limit int) int {
	for i := at; i < limit; i++ {
		if utf8.RuneStart(s[i]) && breakable(s, i) {
			return i
		}
	}
	for at < len(s) && !utf8.RuneStart(s[at]) {
		at++
	}
	return at
}

// breakable says whether s[at:] begins a character as a reader sees it: no mark, joiner or modifier
// stands at the cut.
func breakable(s string, at int) bool {
	if at <= 0 || at >= len(s) {
		return true
	}
	before, _ := utf8.DecodeLastRuneInString(s[:at])
	after, _ := utf8.DecodeRuneInString(s[at:])
	switch {
	case before == 0x200D || after == 0x200D:
		return false
	case unicode.Is(unicode.M, after) || (after >= 0x1F3FB && after <= 0x1F3FF):
		return false
	case before == '\r' && after == '\n':
		return false
	case regional(before) && regional(after):
		return false
	}
	return true
}

// regional says whether r is half of a flag. A run of flags may be cut one off; that is no harm.
func regional(r rune) bool { return r >= 0x1F1E6 && r <= 0x1F1FF }

// Windows answers conversations of at most limit ids each, which together hold every byte of msgs
// and of which the last ends as msgs does. A conversation that fits is answered as it is. Messages are
// cut as Split does with overlap tokens in common; earlier turns go with later ones as far as they
// fit, as context, and else are judged in windows of their own: nothing is dropped. It refuses what
// Encode refuses, and a limit in which the template itself leaves no room.
func (g *Guard) Windows(msgs []Message, limit, overlap int) ([][]Message, error) {
	p, err := g.Encode(msgs)
	if err != nil {
		return nil, err
	}
	if len(p.IDs) <= limit {
		return [][]Message{msgs}, nil
	}
	overlap = max(overlap, 0)
	room := limit - max(g.overhead[0], g.overhead[1]) - overlap - 16
	if room < 32 {
		return nil, fault.New(fault.Invalid, "the model's context has no room beside its chat template").WithField("model")
	}
	parts := g.parts(msgs, room, overlap)
	var out [][]Message
	for end := len(parts); end > 0; {
		from, window, err := g.pack(parts, end, limit, overlap)
		if err != nil {
			return nil, err
		}
		out = append(out, window)
		end = from
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out, nil
}

// parts answers the messages in pieces that fit a window each. A system message that is judged on its
// own is judged as the user's.
func (g *Guard) parts(msgs []Message, room, overlap int) []Message {
	var out []Message
	for _, m := range msgs {
		role := m.Role
		if role == "system" {
			role = "user"
		}
		for _, s := range g.Split(m.Content, room, overlap) {
			if strings.TrimFunc(s, blank) != "" || len(msgs) == 1 {
				out = append(out, Message{role, s})
			}
		}
	}
	if len(out) == 0 || out[len(out)-1].Role != msgs[len(msgs)-1].Role {
		out = append(out, Message{msgs[len(msgs)-1].Role, msgs[len(msgs)-1].Content})
	}
	return out
}

// pack answers the longest run of parts that ends before end and fits, as a conversation, and where
// it begins. One that would begin with the assistant gets the last words of the user before it.
func (g *Guard) pack(parts []Message, end, limit, overlap int) (int, []Message, error) {
	var best []Message
	from := end
	for size := 1; size <= end; size *= 2 {
		window, ok, err := g.window(parts, end-size, end, limit, overlap)
		if err != nil {
			return 0, nil, err
		}
		if !ok {
			break
		}
		best, from = window, end-size
	}
	if best == nil {
		return 0, nil, fault.New(fault.Invalid, "the model's context has no room beside its chat template").WithField("model")
	}
	for from > 0 { // one by one between the last size that fits and its double
		window, ok, err := g.window(parts, from-1, end, limit, overlap)
		if err != nil {
			return 0, nil, err
		}
		if !ok {
			break
		}
		best, from = window, from-1
	}
	return from, best, nil
}

// window answers parts[from:end] as a conversation and whether it fits.
func (g *Guard) window(parts []Message, from, end, limit, overlap int) ([]Message, bool, error) {
	var msgs []Message
	if parts[from].Role == "assistant" {
		msgs = append(msgs, Message{"user", g.lastWords(parts[:from], overlap)})
	}
	msgs = append(msgs, parts[from:end]...)
	p, err := g.Encode(msgs)
	return msgs, err == nil && len(p.IDs) <= limit, err
}

// lastWords answers at most n tokens of the end of the last user's part.
func (g *Guard) lastWords(parts []Message, n int) string {
	for i := len(parts) - 1; i >= 0; i-- {
		if parts[i].Role != "user" {
			continue
		}
		if g.Count(parts[i].Content) <= n {
			return parts[i].Content
		}
		if n < 8 {
			return ""
		}
		all := g.Split(parts[i].Content, n, 0)
		return all[len(all)-1]
	}
	return ""
}
