package proof

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"guardhouse/internal/fault"
)

// product begins the name of every signer.
const product = "guardhouse/"

// maxKeys bounds what one set holds: a key a week for twenty years.
const maxKeys = 1024

// maxKeyText is a set of maxKeys lines with some room for comments.
const maxKeyText = 512 << 10

// Key says which key signs for an installation since when. Previous is the id of the key before it, "" for the first and for
// one that was made because the one before was lost.
type Key struct {
	Install, ID string
	Verifier    string // the verifier key, as note.NewVerifier reads it
	At          time.Time
	Previous    string
}

// none stands in a key's note for no previous key.
const none = "none"

// Text answers the text of the key's note. It refuses values that the note cannot hold.
func (k Key) Text() ([]byte, error) {
	previous := k.Previous
	if previous == "" {
		previous = none
	}
	text := render(KindKey, Fields{{"install", k.Install}, {"key", k.Verifier}, when("at", k.At), {"previous", previous}})
	_, err := parseKey(string(text))
	return text, err
}

func parseKey(text string) (Key, error) {
	fields, err := parseLines(text, KindKey)
	if err != nil {
		return Key{}, err
	}
	r := &reader{fields: fields}
	k := Key{Install: r.id("install"), Verifier: r.text("key"), At: r.time("at"), Previous: r.id("previous")}
	if err := r.end(); err != nil {
		return Key{}, err
	}
	if k.Previous == none {
		k.Previous = ""
	}
	v, err := verifier(k.Verifier)
	if err != nil {
		return Key{}, err
	}
	install, id := splitName(v.Name())
	if install != k.Install {
		return Key{}, formError("its key is another installation's")
	}
	k.ID = id
	return k, nil
}

// verifier reads a verifier key whose id is what its public key makes of it, so that nobody gives his own key a known id.
func verifier(text string) (note.Verifier, error) {
	v, err := note.NewVerifier(text)
	if err != nil {
		return nil, fault.Wrap(errors.Join(ErrForm, err), fault.Invalid, "This is no public key of an audit log.")
	}
	parts := strings.SplitN(text, "+", 3)
	raw, err := base64.StdEncoding.Strict().DecodeString(parts[2])
	if _, id := splitName(v.Name()); err != nil || len(raw) != 33 || id != idOf(raw[1:]) || strings.ToLower(parts[1]) != parts[1] {
		return nil, fault.Wrap(ErrForm, fault.Invalid, "This is no public key of an audit log: its name is not its own.")
	}
	return v, nil
}

// idOf names a key by itself.
func idOf(public []byte) string {
	sum := sha256.Sum256(public)
	return "ak" + hex.EncodeToString(sum[:8])
}

// Keys is a set of public keys that somebody trusts. The zero value is empty; a copy shares nothing with its original.
type Keys struct{ byName map[string]note.Verifier }

// ParseKeys reads public keys, one a line, as `guardhouse audit key` prints them; empty lines and lines that begin with # are
// left out, and so is a mark of UTF-8 before all. It refuses a text in UTF-16, one without a key, and any line that is none.
func ParseKeys(text []byte) (Keys, error) {
	if len(text) > maxKeyText {
		return Keys{}, fault.Wrap(ErrForm, fault.Invalid, "The file of public keys is too long.")
	}
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return Keys{}, fault.Wrap(ErrForm, fault.Invalid, "The file of public keys is in UTF-16: save it as UTF-8.")
	}
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	keys := Keys{byName: map[string]note.Verifier{}}
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		v, err := verifier(string(line))
		if err != nil {
			return Keys{}, err
		}
		if err := keys.add(v); err != nil {
			return Keys{}, err
		}
	}
	if len(keys.byName) == 0 {
		return Keys{}, fault.Wrap(ErrForm, fault.Invalid, "There is no public key of an audit log here.")
	}
	return keys, nil
}

func (k *Keys) add(v note.Verifier) error {
	if len(k.byName) >= maxKeys {
		return fault.Wrap(ErrForm, fault.Invalid, "These are too many public keys.")
	}
	own := maps.Clone(k.byName)
	if own == nil {
		own = map[string]note.Verifier{}
	}
	own[v.Name()] = v
	k.byName = own
	return nil
}

// Verifier is part of note.Verifiers.
func (k Keys) Verifier(name string, hash uint32) (note.Verifier, error) {
	if v := k.byName[name]; v != nil && v.KeyHash() == hash {
		return v, nil
	}
	return nil, &note.UnknownVerifierError{Name: name, KeyHash: hash}
}

// Len answers how many keys there are.
func (k Keys) Len() int { return len(k.byName) }

// Has says whether the key with this id is among them.
func (k Keys) Has(id string) bool {
	for name := range k.byName {
		if _, own := splitName(name); own == id {
			return true
		}
	}
	return false
}

// Installs answers the installations that the keys belong to, sorted.
func (k Keys) Installs() []string {
	seen := map[string]bool{}
	for name := range k.byName {
		install, _ := splitName(name)
		seen[install] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// Learn adds the key that a note introduces, and answers it. It refuses (errors.Is) a note that the key itself did not sign
// (ErrSignature), and one that the key it names as previous, a known one of the same installation, did not sign too
// (ErrUnknownKey). A key that is known already is answered again.
func (k *Keys) Learn(signed []byte) (Key, error) {
	fresh, err := peekKey(signed)
	if err != nil {
		return Key{}, err
	}
	v, err := verifier(fresh.Verifier)
	if err != nil {
		return Key{}, err
	}
	if k.byName[v.Name()] != nil {
		return fresh, k.again(signed, fresh, v)
	}
	all := *k
	if err := all.add(v); err != nil {
		return Key{}, err
	}
	text, signers, err := open(signed, KindKey, all)
	if err != nil {
		return Key{}, err
	}
	if fresh, err = parseKey(text); err != nil {
		return Key{}, err
	}
	switch {
	case !slices.Equal(namesOf(signers), signersOf(fresh, v)):
		return Key{}, fault.Wrap(ErrSignature, fault.Invalid, "The key's note is not signed by itself and by the key before it.")
	case k.byName[product+fresh.Install+"/"+fresh.Previous] == nil:
		return Key{}, fault.Wrap(ErrUnknownKey, fault.Invalid, "No known key stands behind this one.")
	}
	*k = all
	return fresh, nil
}

// again checks the note of a key that is known. What is trusted needs nobody who stands behind it, but its note has one form:
// the signature of a key before it that is not known is there, and is not held against anything.
func (k Keys) again(signed []byte, fresh Key, v note.Verifier) error {
	n, err := note.Open(signed, k)
	if err != nil {
		return fault.Wrap(errors.Join(ErrSignature, err), fault.Invalid, "The key's note is not signed by itself.")
	}
	all := slices.Concat(n.Sigs, n.UnverifiedSigs)
	if len(n.Sigs) == 0 || !slices.Equal(namesOf(all), signersOf(fresh, v)) || !bytes.Equal(spell(&note.Note{Text: n.Text, Sigs: all}), signed) {
		return fault.Wrap(ErrSignature, fault.Invalid, "The key's note is not signed by itself and by the key before it, or can be written in another way.")
	}
	return nil
}

// signersOf answers who signs a key's note, in their order.
func signersOf(fresh Key, v note.Verifier) []string {
	if fresh.Previous == "" {
		return []string{v.Name()}
	}
	return []string{v.Name(), product + fresh.Install + "/" + fresh.Previous}
}

func namesOf(signers []note.Signature) []string {
	out := make([]string, len(signers))
	for i, s := range signers {
		out[i] = s.Name
	}
	return out
}

// peekKey reads what a note of a key says before anything about it is proved.
func peekKey(signed []byte) (Key, error) {
	end := bytes.LastIndex(signed, []byte("\n\n"))
	if len(signed) > maxNote || end < 0 {
		return Key{}, formError("it is no note of a key")
	}
	return parseKey(string(signed[:end+1]))
}
