package auth

import (
	_ "embed"
	"strings"
	"unicode/utf8"

	"guardhouse/internal/fault"
)

const (
	minPassword = 12
	maxPassword = 1024
)

// Entries shorter than minPassword would never be reached, so the list has none.
//
//go:embed common.txt
var commonPasswords string

// checkPassword refuses what the rules forbid: a length outside 12 to 1,024 bytes, the user name itself, and passwords
// that every guesser tries first.
func checkPassword(username, password string) error {
	refuse := func(message string) error { return fault.New(fault.Invalid, message).WithField("password") }
	switch {
	case len(password) < minPassword:
		return refuse("The password must have at least 12 bytes.")
	case len(password) > maxPassword:
		return refuse("The password must have at most 1,024 bytes.")
	case !utf8.ValidString(password):
		return refuse("The password must be valid UTF-8 text.")
	case isName(username, password):
		return refuse("The password must not be the user name.")
	case isCommon(password):
		return refuse("The password is one that everybody guesses first. Take a longer sentence of your own.")
	}
	return nil
}

// isName reports whether password is the name, whatever its case, width or look-alike letters, or the name repeated.
func isName(username, password string) bool {
	name, pass := skeleton(username), skeleton(password)
	return name != "" && strings.ReplaceAll(pass, name, "") == ""
}

func isCommon(password string) bool {
	p := strings.ToLower(password)
	if hasPeriod(p) || isRun(p) {
		return true
	}
	for line := range strings.Lines(commonPasswords) {
		if p == strings.TrimSuffix(line, "\n") {
			return true
		}
	}
	return false
}

// hasPeriod finds a unit of at most four bytes repeated to the end: "aaaaaaaaaaaa", "abcabcabcabc".
func hasPeriod(p string) bool {
	const longestUnit = 4
	for unit := 1; unit <= longestUnit; unit++ {
		i := unit
		for i < len(p) && p[i] == p[i-unit] {
			i++
		}
		if i >= len(p) {
			return true
		}
	}
	return false
}

// isRun finds one walk along the alphabet, the digits or a keyboard row, in either direction: "123456789012".
func isRun(p string) bool {
	for _, row := range []string{"01234567890", "abcdefghijklmnopqrstuvwxyza", "qwertyuiopasdfghjklzxcvbnmq"} {
		if walks(p, row, 1) || walks(p, row, -1) {
			return true
		}
	}
	return false
}

func walks(p, row string, step int) bool {
	for i := 1; i < len(p); i++ {
		a, b := p[i-1], p[i]
		if step < 0 {
			a, b = b, a
		}
		if !strings.Contains(row, string([]byte{a, b})) {
			return false
		}
	}
	return true
}
