package names

import (
	"slices"
	"unicode"
)

// A name is written in one script, or in those that are written together. Scripts that only books on history use, and
// letters of phonetics, draw Latin letters that no skeleton knows: a name has none of them (threat Z7).

// scripts are those that names are written in today (Unicode Annex 31, table 5).
func scripts() []*unicode.RangeTable {
	return append(minglingScripts(),
		unicode.Arabic, unicode.Bengali, unicode.Devanagari, unicode.Ethiopic, unicode.Georgian, unicode.Gujarati, unicode.Gurmukhi,
		unicode.Kannada, unicode.Khmer, unicode.Lao, unicode.Malayalam, unicode.Myanmar, unicode.Oriya, unicode.Sinhala, unicode.Tamil,
		unicode.Telugu, unicode.Thaana, unicode.Thai, unicode.Tibetan)
}

// minglingScripts may stand together in one name: East Asian ones do, and of the others the skeleton knows the letters that
// are read as one another.
func minglingScripts() []*unicode.RangeTable {
	return []*unicode.RangeTable{
		unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Armenian, unicode.Hebrew,
		unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo,
	}
}

// longVowel is the Japanese length mark, which belongs to two scripts.
const longVowel = 'ー'

// scriptOf answers the place of the letter's script in scripts(), -1 for a letter that no name has.
func scriptOf(r rune) int {
	if r == longVowel {
		return slices.Index(scripts(), unicode.Katakana)
	}
	if isPhonetic(r) {
		return -1
	}
	return slices.IndexFunc(scripts(), func(t *unicode.RangeTable) bool { return unicode.Is(t, r) })
}

// isPhonetic finds small capitals, turned letters and the like. Those of IPA that are letters of living languages stay.
func isPhonetic(r rune) bool {
	switch {
	case r >= 0x1D00 && r <= 0x1DBF, r >= 0xA720 && r <= 0xA7FF, r >= 0xAB30 && r <= 0xAB6F: // whole blocks of them
		return true
	case r > 0xFFFF && unicode.Is(unicode.Latin, r):
		return true
	}
	return slices.Contains([]rune("ʙɢʛʜɪᵻʟɴɶʀʁʏ"), r)
}

// isOneHand says that the letters of the name are of scripts that one person writes in one word.
func isOneHand(name string) bool {
	mingling, alone := false, -1
	for _, r := range name {
		if !unicode.IsLetter(r) {
			continue
		}
		s := scriptOf(r)
		switch {
		case s < 0:
			return false
		case s < len(minglingScripts()):
			mingling = true
		case alone >= 0 && s != alone:
			return false
		default:
			alone = s
		}
	}
	return !mingling || alone < 0
}
