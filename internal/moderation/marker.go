package moderation

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"guardhouse/internal/prompt"
)

// markers are the delimiters of the Qwen3Guard templates, folded: lower case, without any space. The
// templates have no escape for them, so content that holds one could pretend to be the template's own
// end (threat T2).
func markers() []string {
	return []string{
		"<beginconversation>", "<endconversation>", "<beginsafetypolicy>", "<endsafetypolicy>",
		"<beginunsafecontentcategories>", "<endunsafecontentcategories>",
	}
}

// marked reports whether the messages hold a full marker, in any case, with any white space, width or
// invisible character inside, whatever the model. They are read as one text: a template may put nothing but
// white space between two of them, so that a marker cut in two becomes whole in the prompt.
func marked(msgs []prompt.Message) bool {
	contents := make([]string, 0, len(msgs))
	for _, m := range msgs {
		contents = append(contents, m.Content)
	}
	return holdsMarker(strings.Join(contents, "\n\n"))
}

// holdsMarker tries a match at every opening bracket. A match ends at the next bracket at the latest,
// so that the work is linear in the text.
func holdsMarker(text string) bool {
	for {
		i := strings.IndexAny(text, "<＜﹤")
		if i < 0 {
			return false
		}
		_, n := utf8.DecodeRuneInString(text[i:])
		text = text[i+n:]
		if startsMarker(text) {
			return true
		}
	}
}

// startsMarker matches what follows an opening bracket.
func startsMarker(text string) bool {
	open := markers()
	at := 1
	for _, r := range text {
		for _, f := range fold(r) {
			kept := open[:0]
			for _, m := range open {
				if m[at] != f {
					continue
				}
				if at == len(m)-1 {
					return true
				}
				kept = append(kept, m)
			}
			if len(kept) == 0 {
				return false
			}
			open = kept
			at++
		}
	}
	return false
}

// fold answers the ASCII that a reader, or a tokenizer after normalising, may see in r: compatibility
// forms become plain, accents, white space, controls and invisible characters nothing, the rest 0xFF.
func fold(r rune) []byte {
	if r > ' ' && r < utf8.RuneSelf-1 {
		return []byte{byte(unicode.ToLower(r))}
	}
	if invisible(r) {
		return nil
	}
	var out []byte
	for _, d := range norm.NFKD.String(string(r)) {
		switch {
		case invisible(d):
		case d < utf8.RuneSelf:
			out = append(out, byte(unicode.ToLower(d)))
		default:
			out = append(out, 0xFF)
		}
	}
	return out
}

func invisible(r rune) bool {
	return unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Mn, unicode.Me,
		unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}
