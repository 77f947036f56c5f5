package password

import (
	_ "embed"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// minBits: fewer than a thousand million guesses are two weeks for one who has stolen the hashes and tries a thousand a
// second, which a hash of 64 MiB allows on one large machine.
const minBits = 30

// What a guesser pays for one part of a password, in bits. They are rough on purpose: only what is clearly in the first
// 2^minBits of any guesser's list has to come out below it.
const (
	bitsName   = 2.0  // a name of the user's own, or the server's
	bitsWord   = 10.0 // one of the thousand and more words of common.txt
	bitsLeet   = 2.0  // digits and signs in place of letters
	bitsBack   = 1.0  // all from back to front
	bitsRun    = 7.0  // a walk over the keyboard, along the alphabet or the digits, or one key many times
	bitsNext   = 4.0  // the next walk beside it
	bitsCopies = 3.0  // the whole again
	bitsYear   = 6.0
	bitsDate   = 14.0 // a day of the last hundred years
	bitsDigit  = 3.3
	bitsLetter = 4.7
	bitsMark   = 2.0 // what people put between and behind words
	bitsSign   = 5.0
	bitsRune   = 9.0 // a letter outside ASCII
)

const shortestRun = 3

// common.txt: sorted, one word a line, lower case, of three bytes and more.
//
//go:embed common.txt
var commonWords string

// fold makes a password or name comparable: width and case are the first things that guessers vary.
func fold(s string) string { return strings.ToLower(norm.NFKC.String(s)) }

// guessBits answers how much a guesser has to try who puts together common words, the names in own, dates, walks over the
// keyboard and repetitions: the cheapest way to cover the whole password.
func guessBits(password string, own []string) float64 {
	p := fold(password)
	if unit := period(p); unit < len(p) {
		return guessBits(p[:unit], own) + bitsCopies
	}
	back := newGuess(reversed(p), own)
	return min(newGuess(p, own).cheapest(), back.cheapest()+bitsBack)
}

// guess holds a password in the spellings that words are looked for in, all of one length.
type guess struct {
	plain string
	leet  [2]string // 1 and ! read as l, and as i
	own   []string
	rows  []string
}

func newGuess(p string, own []string) *guess {
	return &guess{plain: p, leet: [2]string{unleet(p, 'l'), unleet(p, 'i')}, own: own, rows: rows()}
}

// unleet reads digits and signs as the letters they stand for.
func unleet(p string, one byte) string {
	b := []byte(p)
	for i, c := range b {
		switch c {
		case '0':
			b[i] = 'o'
		case '1', '!', '|':
			b[i] = one
		case '3':
			b[i] = 'e'
		case '4', '@':
			b[i] = 'a'
		case '5', '$':
			b[i] = 's'
		case '7', '+':
			b[i] = 't'
		case '8':
			b[i] = 'b'
		case '9':
			b[i] = 'g'
		}
	}
	return string(b)
}

// cheapest is a walk from the front: best[i] is the least that covers the first i bytes, beside[i] the least of those that
// end in a run of keys.
func (g *guess) cheapest() float64 {
	const never = 1e9
	n := len(g.plain)
	best, beside := make([]float64, n+1), make([]float64, n+1)
	for i := range best {
		best[i], beside[i] = never, never
	}
	best[0] = 0
	for i := range n {
		if best[i] >= never {
			continue // inside a character
		}
		reach := func(end int, bits float64) { best[end] = min(best[end], best[i]+bits) }
		g.words(i, reach)
		g.digits(i, reach)
		g.runs(i, func(end int) {
			bits := min(best[i]+bitsRun, beside[i]+bitsNext)
			best[end], beside[end] = min(best[end], bits), min(beside[end], bits)
		})
		size, bits := g.single(i)
		reach(i+size, bits)
	}
	return best[n]
}

// words reports the ends of all words that begin at i.
func (g *guess) words(i int, reach func(end int, bits float64)) {
	for _, name := range g.own {
		switch {
		case strings.HasPrefix(g.plain[i:], name):
			reach(i+len(name), bitsName)
		case strings.HasPrefix(g.leet[0][i:], name), strings.HasPrefix(g.leet[1][i:], name):
			reach(i+len(name), bitsName+bitsLeet)
		}
	}
	commonAt(g.plain[i:], func(n int) { reach(i+n, bitsWord) })
	for _, spelling := range g.leet {
		if spelling[i:] != g.plain[i:] {
			commonAt(spelling[i:], func(n int) { reach(i+n, bitsWord+bitsLeet) })
		}
	}
}

// commonAt reports the lengths of all common words that p begins with. It searches the sorted list without taking it apart.
func commonAt(p string, found func(n int)) {
	const prefix = 3 // no word is shorter
	if len(p) < prefix {
		return
	}
	for list := commonWords[commonFrom(p[:prefix]):]; list != ""; {
		word, rest, _ := strings.Cut(list, "\n")
		if !strings.HasPrefix(word, p[:prefix]) {
			return
		}
		if strings.HasPrefix(p, word) {
			found(len(word))
		}
		list = rest
	}
}

// commonFrom answers where the first word stands that is not below the given one.
func commonFrom(word string) int {
	lo, hi := 0, len(commonWords)
	for lo < hi {
		mid := lo + (hi-lo)/2
		start := lo + strings.LastIndexByte(commonWords[lo:mid], '\n') + 1
		end := start + strings.IndexByte(commonWords[start:], '\n')
		if commonWords[start:end] < word {
			lo = end + 1
		} else {
			hi = start
		}
	}
	return lo
}

// digits reports years and dates.
func (g *guess) digits(i int, reach func(end int, bits float64)) {
	d := g.plain[i:]
	n := 0
	for n < len(d) && '0' <= d[n] && d[n] <= '9' {
		n++
	}
	const year, short, long = 4, 6, 8
	if n >= year && isYear(d[:year]) {
		reach(i+year, bitsYear)
	}
	if n >= short && (isDay(d[2:4], d[4:6]) || isDay(d[:2], d[2:4])) { // yymmdd, ddmmyy, mmddyy
		reach(i+short, bitsDate)
	}
	if n >= long && (isYear(d[:4]) && isDay(d[4:6], d[6:8]) || isYear(d[4:8]) && isDay(d[:2], d[2:4])) {
		reach(i+long, bitsDate)
	}
}

func isYear(s string) bool { return s[:2] == "19" || s[:2] == "20" }

// isDay takes day and month in either order.
func isDay(a, b string) bool {
	in := func(s, most string) bool { return s >= "01" && s <= most }
	return in(a, "12") && in(b, "31") || in(a, "31") && in(b, "12")
}

// single is what one character costs that belongs to nothing.
func (g *guess) single(i int) (size int, bits float64) {
	switch c := g.plain[i]; {
	case '0' <= c && c <= '9':
		return 1, bitsDigit
	case 'a' <= c && c <= 'z':
		return 1, bitsLetter
	case strings.IndexByte(" .-_!@#*", c) >= 0:
		return 1, bitsMark
	case c < utf8.RuneSelf:
		return 1, bitsSign
	}
	_, size = utf8.DecodeRuneInString(g.plain[i:])
	return size, bitsRune
}

// period answers the length of the shortest unit that the whole is made of, the last copy cut short or not.
func period(p string) int {
	// fail[i] is the longest border of the first i bytes (Knuth, Morris, Pratt).
	fail := make([]int, len(p)+1)
	k := 0
	for i := 1; i < len(p); i++ {
		for k > 0 && p[i] != p[k] {
			k = fail[k]
		}
		if p[i] == p[k] {
			k++
		}
		fail[i+1] = k
	}
	if unit := len(p) - fail[len(p)]; unit <= len(p)/2 { //nolint:mnd // two copies make a repetition
		return unit
	}
	return len(p)
}
