package rule

import (
	"slices"
	"strings"
)

// models finds the buckets that concern a model without trying every pattern: a pattern is looked for by what stands before
// its first star, else by what stands behind its last; only patterns with stars at both ends are tried one by one.
type models struct {
	exact    map[string]*bucket
	prefixed map[string][]*bucket
	suffixed map[string][]*bucket
	prefixes []int // lengths of the keys, ascending
	suffixes []int
	rest     []*bucket
}

func (s *Set) index() {
	byText := map[string]*bucket{}
	for i := range s.rules {
		r := &s.rules[i]
		faces := s.number(r.Principals)
		for _, m := range unique(r.Models) {
			b := byText[m]
			if b == nil {
				b = &bucket{pattern: m, by: map[int32]*[classes][]int32{}}
				byText[m] = b
			}
			b.add(int32(i), r, faces)
		}
	}
	s.models = models{exact: map[string]*bucket{}, prefixed: map[string][]*bucket{}, suffixed: map[string][]*bucket{}}
	for m, b := range byText {
		s.models.add(m, b)
	}
	s.models.prefixes, s.models.suffixes = lengths(s.models.prefixed), lengths(s.models.suffixed)
}

// number answers the principals' numbers in this set, giving new ones their own.
func (s *Set) number(principals []Principal) []int32 {
	out := make([]int32, 0, len(principals))
	for _, p := range unique(principals) {
		n, ok := s.faces[p]
		if !ok {
			n = int32(len(s.faces))
			s.faces[p] = n
		}
		out = append(out, n)
	}
	return out
}

// unique answers the list without what stands there again.
func unique[T comparable](in []T) []T {
	if len(in) < 2 {
		return in
	}
	seen := make(map[T]bool, len(in))
	out := make([]T, 0, len(in))
	for _, x := range in {
		if !seen[x] {
			out = append(out, x)
		}
		seen[x] = true
	}
	return out
}

func (b *bucket) add(i int32, r *compiled, faces []int32) {
	b.all = append(b.all, i)
	b.enforced = b.enforced || !r.ReportOnly
	c := r.class()
	for _, f := range faces {
		l := b.by[f]
		if l == nil {
			l = &[classes][]int32{}
			b.by[f] = l
		}
		l[c] = append(l[c], i)
	}
}

func (m *models) add(pattern string, b *bucket) {
	first, last := strings.IndexByte(pattern, '*'), strings.LastIndexByte(pattern, '*')
	switch {
	case first < 0:
		m.exact[pattern] = b
	case first > 0:
		m.prefixed[pattern[:first]] = append(m.prefixed[pattern[:first]], b)
	case last < len(pattern)-1:
		m.suffixed[pattern[last+1:]] = append(m.suffixed[pattern[last+1:]], b)
	default:
		m.rest = append(m.rest, b)
	}
}

func lengths(by map[string][]*bucket) []int {
	var out []int
	for k := range by {
		out = append(out, len(k))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// find appends the buckets whose id or pattern fits the model.
func (m *models) find(id string, to []*bucket) []*bucket {
	if b := m.exact[id]; b != nil {
		to = append(to, b)
	}
	for _, n := range m.prefixes {
		if n > len(id) {
			break
		}
		to = fitting(m.prefixed[id[:n]], id, to)
	}
	for _, n := range m.suffixes {
		if n > len(id) {
			break
		}
		to = fitting(m.suffixed[id[len(id)-n:]], id, to)
	}
	return fitting(m.rest, id, to)
}

func fitting(from []*bucket, id string, to []*bucket) []*bucket {
	for _, b := range from {
		if Match(b.pattern, id) {
			to = append(to, b)
		}
	}
	return to
}

// Match says whether a model id fits a pattern in which '*' stands for any run of characters. It takes linear time in the
// product of both lengths at worst and never backtracks further than the last star.
func Match(pattern, id string) bool {
	p, i, star, from := 0, 0, -1, 0
	for i < len(id) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && pattern[p] == id[i]:
			p++
			i++
		case star >= 0:
			from++
			p, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
