package audit

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// ngramASCII is how many characters of ASCII make one word of the index. Where one of two neighbours is none, as in Chinese,
// two make a word: names and words of two characters are found too.
const ngramASCII = 3

// maxWords bounds what one row puts into the index and what one search asks of it.
const maxWords = 2048

// ngrams answers the words that text is indexed under, each once. What is part of a text has words that the text has too; a
// text without any is shorter than a word. Capitals of ASCII count as small letters, as in LIKE.
func ngrams(text string) []string {
	runes := []rune(text)
	for i, r := range runes {
		if 'A' <= r && r <= 'Z' {
			runes[i] = r + 'a' - 'A'
		}
	}
	seen, out := map[string]bool{}, []string{}
	take := func(part []rune) {
		word := "n" + hex.EncodeToString([]byte(string(part)))
		if !seen[word] && len(out) < maxWords {
			seen[word] = true
			out = append(out, word)
		}
	}
	for i := range runes {
		switch {
		case i+1 < len(runes) && (runes[i] >= utf8.RuneSelf || runes[i+1] >= utf8.RuneSelf):
			take(runes[i : i+2])
		case i+ngramASCII <= len(runes) && runes[i+2] < utf8.RuneSelf:
			take(runes[i : i+ngramASCII])
		}
	}
	return out
}

// wholeWord is the word of an id, which is found whole alone.
func wholeWord(id string) string { return "i" + hex.EncodeToString([]byte(id)) }

// indexed answers the text that a row's words are in: those that name things, and whole ids.
func (t searchable) indexed() string {
	words := ngrams(t.text())
	for _, id := range []string{t.actorID, t.keyID} {
		if id != "" {
			words = append(words, wholeWord(id))
		}
	}
	return strings.Join(words, " ")
}

// searchable are a row's columns that Q looks at. None of them ever holds content.
type searchable struct {
	seq, at                                                                          int64
	decision, actorID, keyID                                                         string
	actorName, action, resource, model, reason, ruleID, purpose, operation, ipColumn string
}

// text is what textSQL makes of the same row.
func (t searchable) text() string {
	return strings.Join([]string{t.actorName, t.action, t.resource, t.model, t.reason, t.ruleID, t.purpose, t.operation, t.ipColumn}, " ")
}

// textSQL is the text that Q is looked for in.
const textSQL = `(actor_name || ' ' || action || ' ' || resource || ' ' || model || ' ' || reason || ' ' || rule_id || ' ' || purpose || ' ' || operation || ' ' || ip)`

// matchOf answers the question to the index, "" where the text is too short for it.
func matchOf(text string) string {
	words := ngrams(text)
	if len(words) == 0 {
		return ""
	}
	return "(" + strings.Join(words, " AND ") + ") OR " + wholeWord(text)
}
