package rule

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxID  = 64  // bytes of a rule's id and of a model's
	maxRef = 256 // bytes of a principal's name: 64 characters of any script
)

// String is the principal as rules spell it: "role:nurse", or "*".
func (p Principal) String() string {
	if p.Kind == KindAny {
		return "*"
	}
	return p.Kind + ":" + p.Ref
}

// known says whether the principal is of a kind that rules name, and has a name if its kind does.
func (p Principal) known() bool {
	kinds := []string{KindAny, KindRole, KindUser, KindKey, KindGroup}
	return slices.Contains(kinds, p.Kind) && (p.Kind == KindAny) == (p.Ref == "")
}

// ParsePrincipal reads "*" or KIND:NAME. The name is kept byte for byte: it neither folds nor trims, so that a look-alike
// names somebody else or nobody. It refuses unknown kinds, invisible and control characters, space at the ends and '*' in
// names, which are never patterns.
func ParsePrincipal(text string) (Principal, error) {
	if text == "*" {
		return Principal{Kind: KindAny}, nil
	}
	kind, ref, found := strings.Cut(text, ":")
	if !found || !slices.Contains([]string{KindRole, KindUser, KindKey, KindGroup}, kind) {
		return Principal{}, invalid("must be role:, user:, key: or group: with a name, or *")
	}
	switch {
	case ref == "" || len(ref) > maxRef:
		return Principal{}, invalid("a name has 1 to %d bytes", maxRef)
	case !utf8.ValidString(ref) || strings.ContainsFunc(ref, func(r rune) bool { return !unicode.IsPrint(r) }):
		return Principal{}, invalid("a name has no invisible characters")
	case strings.TrimSpace(ref) != ref:
		return Principal{}, invalid("a name has no space at its ends")
	case strings.Contains(ref, "*"):
		return Principal{}, invalid("a name is no pattern: only models have them")
	}
	return Principal{kind, ref}, nil
}

func (v *value) principal(at string) (Principal, error) {
	w, err := v.word(at)
	if err != nil {
		return Principal{}, err
	}
	p, err := ParsePrincipal(w)
	return p, v.placed(at, err)
}

// checked reads a text that check takes.
func (v *value) checked(at string, check func(string) error) (string, error) {
	w, err := v.word(at)
	if err != nil {
		return "", err
	}
	if err := check(w); err != nil {
		return "", v.placed(at, err)
	}
	return w, nil
}

func (v *value) owner(at string) (string, error) { return v.checked(at, checkOwner) }
func (v *value) id(at string) (string, error)    { return v.checked(at, checkID) }
func (v *value) model(at string) (string, error) { return v.checked(at, checkModel) }
func (v *value) note(at string) (string, error)  { return v.checked(at, checkNote) }

func checkOwner(w string) error {
	if w == "" {
		return nil
	}
	p, err := ParsePrincipal(w)
	if err == nil && p.Kind != KindUser {
		err = invalid("must be user: with a name")
	}
	return err
}

// checkID refuses what is no rule's id: it stands in headers, file names and audit rows, so it is plain ASCII.
func checkID(w string) error {
	if !within(w, "._-") || strings.ContainsRune("._-", rune(w[0])) {
		return invalid("must be 1 to %d of letters, digits, '.', '_' and '-' (ASCII), beginning with a letter or digit", maxID)
	}
	return nil
}

// checkModel refuses what is no model's id or pattern. Ids of models are lower-case ASCII, so no other text could ever fit one.
func checkModel(w string) error {
	if !within(w, "._-*") || strings.ContainsFunc(w, func(r rune) bool { return r >= 'A' && r <= 'Z' }) {
		return invalid("must be 1 to %d of lower-case letters, digits, '.', '_', '-' (ASCII) and '*'", maxID)
	}
	return nil
}

// within says whether w is of ASCII letters, digits and marks, and neither empty nor too long.
func within(w, marks string) bool {
	return w != "" && len(w) <= maxID && !strings.ContainsFunc(w, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && !strings.ContainsRune(marks, r)
	})
}

func (v *value) operation(at string) (Operation, error) {
	w, err := v.oneOf(at, string(View), string(Infer), string(Train), string(Download), string(Every))
	return Operation(w), err
}

// checkNote refuses what is no text for people. Characters that turn the direction of a line could make a page show another
// rule.
func checkNote(w string) error {
	bad := func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' || r == '\ufeff'
	}
	if !utf8.ValidString(w) || strings.ContainsRune(w, utf8.RuneError) || utf8.RuneCountInString(w) > maxNote || strings.ContainsFunc(w, bad) {
		return invalid("at most %d characters, none of them for control or direction", maxNote)
	}
	return nil
}
