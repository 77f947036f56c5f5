// Package password holds the rules for passwords, what guessing one costs, and the hashes that are stored in place of
// them. It is pure: it knows no user but by the names it is handed, and no database.
package password

import (
	"strings"
	"unicode/utf8"

	"guardhouse/internal/auth/names"
	"guardhouse/internal/fault"
)

const (
	minBytes = 12
	// MaxBytes bounds a password before it is looked at.
	MaxBytes = 1024
)

// Check refuses what the rules forbid: a length outside 12 to 1,024 bytes, the user's own names, and passwords
// that take a guesser who knows these names fewer than 2^minBits tries. own are names that belong to the user or his
// server, beside the user name: they make a password no better.
func Check(username, password string, own ...string) error {
	refuse := func(message string) error { return fault.New(fault.Invalid, message).WithField("password") }
	switch {
	case len(password) < minBytes:
		return refuse("The password must have at least 12 bytes.")
	case len(password) > MaxBytes:
		return refuse("The password must have at most 1,024 bytes.")
	case !utf8.ValidString(password):
		return refuse("The password must be valid UTF-8 text.")
	case isName(username, password):
		return refuse("The password must not be the user name.")
	}
	for _, name := range own {
		if isName(name, password) {
			return refuse("The password must not be a name that everybody knows.")
		}
	}
	if guessBits(password, nameParts(username, own)) < minBits {
		return refuse("The password is put together from what everybody guesses first: well-known words, names, dates and runs of keys. Take a longer sentence of your own.")
	}
	return nil
}

// isName reports whether password is the name, whatever its case, width, spaces, look-alike letters or direction, or the
// name repeated.
func isName(username, password string) bool {
	name, pass := squeezed(username), squeezed(password)
	if name == "" {
		return false
	}
	return strings.ReplaceAll(pass, name, "") == "" || strings.ReplaceAll(reversed(pass), name, "") == ""
}

// squeezed is the skeleton without what stands between words.
func squeezed(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" ._-@", r) {
			return -1
		}
		return r
	}, names.Skeleton(s))
}

func reversed(s string) string {
	runes := []rune(s)
	for i, j := 0, len(runes)-1; i < j; i, j = i+1, j-1 {
		runes[i], runes[j] = runes[j], runes[i]
	}
	return string(runes)
}

// nameParts answers the words of the names, folded as guessBits folds a password.
func nameParts(username string, own []string) []string {
	var parts []string
	for _, name := range append([]string{username}, own...) {
		folded := fold(name)
		parts = append(parts, folded)
		parts = append(parts, strings.FieldsFunc(folded, func(r rune) bool { return strings.ContainsRune(" ._-@", r) })...)
	}
	const shortest = 2
	kept := parts[:0]
	for _, p := range parts {
		if utf8.RuneCountInString(p) >= shortest {
			kept = append(kept, p)
		}
	}
	return kept
}
