package password

import "strings"

// rows are the ways a finger walks: along the alphabet and the digits, the rows of the keyboard with and without shift, and
// its slanting columns. Each is walked in both directions.
func rows() []string {
	return []string{
		"abcdefghijklmnopqrstuvwxyz", "0123456789", "1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./", "~!@#$%^&*()_+", "qwertzuiop", "yxcvbnm", "azertyuiop",
		"qsdfghjklm", "wxcvbn", "1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "8ik,", "9ol.", "0p;/", "!qaz", "@wsx", "#edc", "$rfv", "%tgb", "^yhn", "&ujm",
		"147", "258", "369", "741", "852", "963", "159", "357", "qwertyuiopasdfghjklzxcvbnm",
	}
}

// runs reports the ends of the runs that begin at i: of one character, and of keys that lie in a row.
func (g *guess) runs(i int, reach func(end int)) {
	p := g.plain[i:]
	longest := 1
	for longest < len(p) && p[longest] == p[0] {
		longest++
	}
	for _, row := range g.rows {
		longest = max(longest, walk(p, row, 1), walk(p, row, -1))
	}
	// A shorter run may leave the first letter of a word alone.
	for n := shortestRun; n <= longest; n++ {
		reach(i + n)
	}
}

// walk answers how far p follows row.
func walk(p, row string, step int) int {
	at := strings.IndexByte(row, p[0])
	if at < 0 {
		return 0
	}
	n := 1
	for n < len(p) {
		at += step
		if at < 0 || at >= len(row) || row[at] != p[n] {
			break
		}
		n++
	}
	return n
}

// IsRun finds one walk along the alphabet, the digits or a keyboard row, in either direction: "123456789012".
func IsRun(p string) bool {
	for _, row := range rows() {
		if len(p) > 0 && (walks(p, row, 1) || walks(p, row, -1)) {
			return true
		}
	}
	return false
}

// walks is walk to the end of p, where the end of the row goes on at its beginning.
func walks(p, row string, step int) bool {
	at := strings.IndexByte(row, p[0])
	for i := 1; at >= 0 && i < len(p); i++ {
		if at = (at + step + len(row)) % len(row); row[at] != p[i] {
			return false
		}
	}
	return at >= 0
}
