package prompt

// lookalike answers the small Latin letter that r looks like (a selection of UTS 39, confusables.txt), else r itself.
func lookalike(r rune) rune { //nolint:cyclop // a table
	switch r {
	case 'а', 'А', 'α', 'Α', 'ɑ', 'ᴀ':
		return 'a'
	case 'в', 'В', 'ь', 'β', 'Β', 'ʙ':
		return 'b'
	case 'с', 'С', 'ᴄ':
		return 'c'
	case 'ԁ', 'đ', 'Đ', 'ᴅ':
		return 'd'
	case 'е', 'Е', 'ε', 'Ε', 'ᴇ':
		return 'e'
	case 'ꜰ':
		return 'f'
	case 'ɡ', 'ɢ':
		return 'g'
	case 'һ', 'Һ', 'н', 'Н', 'Η', 'հ', 'ħ', 'Ħ', 'ʜ':
		return 'h'
	case 'і', 'І', 'ι', 'Ι', 'ı', 'ɪ':
		return 'i'
	case 'ј', 'Ј', 'ᴊ':
		return 'j'
	case 'к', 'К', 'κ', 'Κ', 'ᴋ':
		return 'k'
	case 'ӏ', 'Ӏ', 'ł', 'Ł', 'ǀ', 'ʟ':
		return 'l'
	case 'м', 'М', 'Μ', 'ᴍ':
		return 'm'
	case 'ո', 'η', 'Ν', 'ɴ':
		return 'n'
	case 'о', 'О', 'ο', 'Ο', 'օ', 'ø', 'Ø', 'ᴏ':
		return 'o'
	case 'р', 'Р', 'ρ', 'Ρ', 'ᴘ':
		return 'p'
	case 'ԛ':
		return 'q'
	case 'г', 'ʀ':
		return 'r'
	case 'ѕ', 'Ѕ', 'ꜱ':
		return 's'
	case 'т', 'Т', 'τ', 'Τ', 'ŧ', 'Ŧ', 'ᴛ':
		return 't'
	case 'υ', 'ս', 'μ', 'ᴜ':
		return 'u'
	case 'ν', 'ᴠ':
		return 'v'
	case 'ԝ', 'ω', 'ᴡ':
		return 'w'
	case 'х', 'Х', 'χ', 'Χ':
		return 'x'
	case 'у', 'У', 'ү', 'Ү', 'γ', 'Υ', 'ʏ':
		return 'y'
	case 'Ζ', 'ᴢ':
		return 'z'
	}
	return r
}
