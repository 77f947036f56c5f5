package prompt

import (
	"math/rand/v2"
	"slices"
	"strings"
)

// edge is a fixed part of the prompt: its ids, and where it ends (a prefix, counted from the start of
// the prompt) or begins (a suffix, counted from the end of the last content).
type edge struct {
	at  int
	ids []int32
}

// maxEdges bounds the cache. A template has a handful of shapes: with and without a system message,
// last turn the user's or the assistant's.
const maxEdges = 64

// edge answers the cached edge for a key: '<' and the fixed text before the first content, or '>' and
// the fixed text behind the last.
func (g *Guard) edge(key string) edge {
	if !g.cut {
		if key[0] == '<' {
			return edge{}
		}
		return edge{at: len(key) - 1}
	}
	g.mu.RLock()
	e, ok := g.edges[key]
	g.mu.RUnlock()
	if ok {
		return e
	}
	if key[0] == '<' {
		e.at = g.prefixCut(key[1:])
		e.ids = g.tok.EncodeSpecial(key[1 : 1+e.at])
	} else {
		e.at = g.suffixCut(key[1:])
		e.ids = g.tok.EncodeSpecial(key[1+e.at:])
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.edges) < maxEdges {
		g.edges[key] = e
	}
	return e
}

// probes answers every string of up to three characters over one or two members of each class that
// the pre-tokenizer and the normaliser know. What decides whether a pre-token ends at a place is at
// most two characters away from it, so these stand for all texts.
func probes() []string {
	alphabet := []string{"a", "字", "7", " ", "\t", "\n", "\r", "'", "!", "<", "\u0338", "\u0301"}
	out := []string{""}
	for from, size := 0, 0; size < 3; size++ {
		end := len(out)
		for _, s := range out[from:end] {
			for _, a := range alphabet {
				out = append(out, s+a)
			}
		}
		from = end
	}
	return append(out, "'s", "'re", "x'll", "\u3000\u3000x", "s")
}

// afterSpecial answers where the text behind the last special literal begins.
func (g *Guard) afterSpecial(s string) int {
	at := 0
	for {
		_, end, _, ok := g.tok.FindSpecial(s[at:])
		if !ok {
			return at
		}
		at += end
	}
}

// ends answers where the pre-tokens of s end, and 0.
func (g *Guard) ends(s string) map[int]bool {
	out := map[int]bool{0: true}
	g.tok.Words(s, func(end int) bool { out[end] = true; return true })
	return out
}

// prefixCut answers the last place of the fixed text s at which a pre-token ends whatever follows.
func (g *Guard) prefixCut(s string) int {
	start := g.afterSpecial(s)
	if normalize(g.form, s) != s {
		return start
	}
	// Splitting has no memory past a boundary: only the last words are tried with every probe.
	base := start
	g.tok.Words(s[start:], func(end int) bool {
		if start+end < len(s)-48 {
			base = start + end
		}
		return true
	})
	tail := s[base:]
	if len(tail) > 256 { // one endless word: not worth the trouble
		return base
	}
	good := g.ends(tail)
	for _, p := range probes() {
		whole := normalize(g.form, tail+p)
		now := g.ends(whole)
		for at := range good {
			if !now[at] || !strings.HasPrefix(whole, tail[:at]) {
				delete(good, at)
			}
		}
	}
	best := 0
	for at := range good {
		best = max(best, at)
	}
	return base + best
}

// suffixCut answers the first place of the fixed text s at which a pre-token begins whatever stands
// before. A special literal always cuts.
func (g *Guard) suffixCut(s string) int {
	if normalize(g.form, s) != s {
		return len(s)
	}
	head := s
	if start, _, _, ok := g.tok.FindSpecial(s); ok {
		head = s[:start]
	}
	all := len(head)
	if len(head) > 64 { // a good place is near the start, and only its neighbours decide about it
		head = strings.ToValidUTF8(head[:64], "")
	}
	good := g.ends(head)
	for at := range good {
		if at > 32 {
			delete(good, at)
		}
	}
	for _, p := range probes() {
		whole := normalize(g.form, p+head)
		now := g.ends(whole)
		for at := range good {
			if !strings.HasSuffix(whole, head[at:]) || !now[len(whole)-len(head)+at] {
				delete(good, at)
			}
		}
	}
	best := all
	for at := range good {
		best = min(best, at)
	}
	return best
}

// prove renders the ordinary shapes and compares, over random contents, the cut prompt with the whole
// text tokenised at once. A template for which they differ is never cut.
func (g *Guard) prove() error {
	random := rand.New(rand.NewPCG(20, 26)) //nolint:gosec // no secret: the same texts at every start
	shapes := [][]Message{
		{{"user", ""}},
		{{"user", ""}, {"assistant", ""}},
		{{"system", ""}, {"user", ""}},
		{{"system", ""}, {"user", ""}, {"assistant", ""}},
	}
	g.cut = true
	for i, shape := range shapes {
		same, err := g.proved(random, shape)
		if err != nil && i < len(g.overhead) {
			return err // without a system message every template must work
		}
		g.cut = g.cut && same
	}
	for i := range g.overhead {
		p, err := g.Encode(shapes[i])
		if err != nil {
			return err
		}
		g.overhead[i] = len(p.IDs)
	}
	return nil
}

// proved is prove for one shape. A shape that the template refuses needs no proof. The first contents
// are not empty: a template that loses a message is found here.
func (g *Guard) proved(random *rand.Rand, shape []Message) (bool, error) {
	full := slices.Clone(shape)
	for k := range full {
		full[k].Content = "The quick brown fox."
	}
	p, err := g.Encode(full)
	if err != nil {
		return true, err
	}
	empty, err := g.tpl.render(shape)
	if err != nil {
		return false, err
	}
	if len(empty.s) > maxFixed {
		return false, invalid("it writes more than %d KiB besides the messages", maxFixed>>10)
	}
	same := p.Prefix > 0
	for n := min(len(empty.s)/512, 56); same && n < 64; n++ { // fewer for a long one
		msgs := slices.Clone(shape)
		for k := range msgs {
			msgs[k].Content = randomText(random)
		}
		if same, err = g.agrees(msgs); err != nil {
			return false, err
		}
	}
	return same, nil
}

// agrees says whether the cut prompt of msgs has the ids of the whole text.
func (g *Guard) agrees(msgs []Message) (bool, error) {
	t, err := g.rendered(msgs)
	if err != nil {
		return false, err
	}
	p, err := g.assemble(t)
	if err != nil {
		return false, err
	}
	ids, err := g.encode(nil, t)
	return slices.Equal(ids, p.IDs), err
}

// randomText answers up to 24 fragments that are hard on boundaries.
func randomText(random *rand.Rand) string {
	parts := []string{
		"a", "Hello", "字", "炸弹", "7", "2026", " ", "  ", "\t", "\n", "\n\n", "\r\n", "'", "'s", "'LL", "!", "?!",
		"...", "<", ">", "<|im_end|>", "<think>", "\u0301", "\u0338", "é", "\u200b", "\u3000", "😀", "👩\u200d👧", ":", "USER:", "\x00",
	}
	var b strings.Builder
	for range random.IntN(24) {
		b.WriteString(parts[random.IntN(len(parts))])
	}
	return b.String()
}
