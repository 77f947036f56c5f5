package names

// lookAlike answers the Latin letter or digit that r is read as. The input is folded: lower case, NFKC, no accents.
// Where a small letter is read as one Latin letter and its capital as another, the capital decides, because names of one
// script are compared without case; greekAmongLatin handles the small ones in mixed names.
func lookAlike(r rune) (rune, bool) {
	switch r {
	case 'o', '0', 'о', 'ο', 'σ', 'ø', 'օ', 'ס': // digit zero, Cyrillic, Greek, Armenian, Hebrew
		return 'o', true
	case 'l', 'i', '1', 'ı', 'і', 'ӏ', 'ι', 'ɩ', 'ł', 'ǀ', 'ו': // without case, small i is capital I
		return 'l', true
	case 'а', 'α', 'ɑ':
		return 'a', true
	case 'в', 'β', 'ь', 'ƅ', 'ß':
		return 'b', true
	case 'с', 'ϲ', 'ƈ':
		return 'c', true
	case 'ԁ', 'đ', 'ɗ':
		return 'd', true
	case 'е', 'є', 'ε', 'ҽ', 'ə':
		return 'e', true
	case 'ɡ', 'ց', 'ԍ':
		return 'g', true
	case 'һ', 'н', 'η', 'ħ', 'ի':
		return 'h', true
	case 'ј', 'ϳ':
		return 'j', true
	case 'к', 'κ', 'қ', 'ĸ':
		return 'k', true
	case 'м', 'μ':
		return 'm', true
	case 'п', 'ν', 'ո', 'ղ':
		return 'n', true
	case 'р', 'ρ', 'ҏ':
		return 'p', true
	case 'ԛ', 'զ':
		return 'q', true
	case 'г', 'ɼ':
		return 'r', true
	case 'ѕ', 'ƨ':
		return 's', true
	case 'т', 'τ', 'ŧ':
		return 't', true
	case 'ս', 'ʋ':
		return 'u', true
	case 'ѵ', 'ѷ':
		return 'v', true
	case 'ԝ', 'ѡ', 'ω', 'ш', 'ɯ':
		return 'w', true
	case 'х', 'χ', 'ҳ':
		return 'x', true
	case 'у', 'υ', 'γ', 'ү', 'ყ':
		return 'y', true
	case 'ζ', 'ƶ':
		return 'z', true
	case 'з', 'ӡ', 'ʒ':
		return '3', true
	case 'ч':
		return '4', true
	case 'б':
		return '6', true
	}
	return r, false
}

// greekAmongLatin reads the small Greek letters whose capitals look otherwise, as the eye does in a Latin name.
func greekAmongLatin(r rune) rune {
	switch r {
	case 'ν':
		return 'v'
	case 'η':
		return 'n'
	case 'υ', 'μ':
		return 'u'
	}
	return r
}
