package rule

import "slices"

// What File.YAML writes of a rule at most, field by field: its name with indent and line end, and the brackets that stand there
// whatever it says. The base is id, effect, principals, models, operations, conditions and mode.
const (
	fileBytes, fileValues   = 64, 8   // version, default, rules and the end
	baseBytes, baseValues   = 192, 24 // 7 lines: 148 bytes and 20 values
	fieldBytes, fieldValues = 24, 4   // "      ip_ranges: []\n"
	wordBytes, wordValues   = 4, 2    // `'', ` around a word in a list
	// A name of a person or a group has 64 characters, each of which is written as \U0001F600 at worst.
	nameBytes = 64 * 10
)

// gone stands before the id of who has no name any more.
const gone = "deleted:"

// Fits says whether File.YAML takes the rules, with the ids that are stored and with names in their place, without writing
// anything: it counts what the text takes at most, so where it says no the text may fit still. name answers the name of a person or a
// group, "" where there is none; without it every name counts as the longest that there may be.
func Fits(rules []Rule, name func(Principal) string) bool {
	if len(rules) > MaxRules {
		return false
	}
	bytes, count := Size(rules, name)
	return bytes <= MaxFile && count <= maxNodes
}

// Size is what File.YAML writes of the rules at most, in bytes and in values. name is as for Fits.
func Size(rules []Rule, name func(Principal) string) (bytes, count int) {
	bytes, count = fileBytes, fileValues
	for i := range rules {
		b, n := rules[i].atMost(name)
		bytes, count = bytes+b, count+n
	}
	return bytes, count
}

// atMost is what the rule's text takes at most, in bytes and in values.
func (r *Rule) atMost(name func(Principal) string) (bytes, count int) {
	w := r.written()
	bytes, count = baseBytes+len(w.ID), baseValues
	for _, p := range r.Principals {
		bytes += wordBytes + p.atMost(name)
	}
	words := slices.Concat(w.Models, w.Operations, w.Conditions.IPRanges)
	for _, word := range words {
		bytes += wordBytes + len(word)
	}
	count += (len(r.Principals)+len(words))*wordValues + len(w.Conditions.IPRanges)*len("::")
	for _, text := range []string{w.Note, w.Conditions.RateLimit, w.Conditions.Hours, w.Conditions.From, w.Conditions.Until, w.Conditions.Purpose} {
		if text != "" {
			bytes, count = bytes+fieldBytes+wordBytes+escaped(text), count+fieldValues+values([]byte(text))
		}
	}
	if p, err := ParsePrincipal(w.Owner); err == nil {
		bytes, count = bytes+fieldBytes+p.atMost(name), count+fieldValues
	}
	if len(w.Conditions.IPRanges) > 0 {
		bytes, count = bytes+fieldBytes, count+fieldValues
	}
	return bytes, count
}

// atMost is what the principal takes at most.
func (p Principal) atMost(name func(Principal) string) int {
	n := len(p.Kind) + 1 + max(len(gone)+len(p.Ref), escaped(p.Ref))
	switch {
	case p.Kind != KindUser && p.Kind != KindGroup:
		return n
	case name == nil:
		return n + nameBytes
	}
	return max(n, len(p.Kind)+1+escaped(name(p)))
}

// escaped is how many bytes a text takes at most: a line has its indent, a quote is doubled, and what the writer of YAML holds
// for unprintable stands there in hexadecimal.
func escaped(text string) int {
	n := 0
	for _, r := range text {
		switch {
		case r == '\n':
			n += len("\n        ")
		case r == '\t', r == '"', r == '\'', r == '\\':
			n += 2
		case r < 0x80:
			n++
		case r < 0xfffe:
			n += 3
		default:
			n += len(`\U0001F600`)
		}
	}
	return n
}
