package tokenizer

// nextSmol is next for the smollm pre-tokenizer: numbers are cut out first, each a pre-token, and what stands between them is split
// as for GPT-2, as if it were a text of its own:
//
//	\p{N} first, then 's|'t|'re|'ve|'m|'ll|'d | ?\p{L}+ | ?[^\s\p{L}\p{N}]+ | \s+(?!\S) | \s+
func (t *Tokenizer) nextSmol(s string, i int) int {
	c, n := t.at(s, i)
	if c == number {
		return i + n
	}
	if s[i] == '\'' {
		if k := lowerContraction(s[i+1:]); k > 0 {
			return i + 1 + k
		}
	}
	if s[i] == ' ' {
		if following, m := t.at(s, i+n); m > 0 && (following == letter || following == other) {
			return t.run(s, i+n+m, following)
		}
	}
	if c == letter || c == other {
		return t.run(s, i+n, c)
	}
	end, last := i, i
	for c, n = t.at(s, i); n > 0 && (c == space || c == newline); c, n = t.at(s, end) {
		last, end = end, end+n
	}
	// Before what is neither a number nor the end, the last blank goes to what follows.
	if n > 0 && c != number && last > i {
		return last
	}
	return end
}

// lowerContraction answers the length of s, t, re, ve, m, ll or d at the start of s.
func lowerContraction(s string) int {
	if s == "" {
		return 0
	}
	switch s[0] {
	case 's', 't', 'm', 'd':
		return 1
	}
	if len(s) > 1 && (s[:2] == "re" || s[:2] == "ve" || s[:2] == "ll") {
		return 2
	}
	return 0
}
