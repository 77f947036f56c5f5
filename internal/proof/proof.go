// Package proof owns the signed notes by which somebody outside proves what the audit log says: their form, their signatures
// and the keys. It is pure: no file, no database, no clock. Everything that it reads may come from whoever wants to deceive.
package proof

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"guardhouse/internal/fault"
)

// The kinds of notes: each is the first line of its text.
const (
	KindCheckpoint = "guardhouse/checkpoint/v1"
	KindKey        = "guardhouse/key/v1"
	KindTombstone  = "guardhouse/tombstone/v1"
	KindManifest   = "guardhouse/export/v1"
	KindEvidence   = "guardhouse/evidence/v1"
)

// Zero stands where there is no hash: before the first row, and before the first checkpoint.
const Zero = "0000000000000000000000000000000000000000000000000000000000000000"

// Bounds on hostile notes. A list of files is the one that may be long: 8,000 lines of at most 128 bytes.
const (
	maxNote     = 64 << 10
	maxEvidence = 1 << 20
	maxLine     = 16 << 10
	maxSigs     = 2 // its own, and of a new key the old one's
)

// What can be wrong with a note; errors.Is tells.
var (
	ErrForm       = errors.New("not in the form of its kind")
	ErrSignature  = errors.New("the signature is wrong")
	ErrUnknownKey = errors.New("signed by no known key")
)

func formError(why string) error {
	return fault.Wrap(ErrForm, fault.Invalid, "The signed note is not in its form: "+why+".")
}

// Hash answers the lower-case hexadecimal SHA-256 of a note's bytes: what the next checkpoint names.
func Hash(note []byte) string {
	sum := sha256.Sum256(note)
	return hex.EncodeToString(sum[:])
}

// Open answers what a note of the given kind says and the id of the key that signed it. It refuses (errors.Is) a note that
// is not byte for byte what Sign makes of that kind or names another installation than its key (ErrForm), one with a wrong
// signature (ErrSignature), and one that none of keys signed (ErrUnknownKey).
func Open(signed []byte, kind string, keys Keys) (Fields, string, error) {
	text, signers, err := open(signed, kind, keys)
	if err != nil {
		return nil, "", err
	}
	if len(signers) != 1 {
		return nil, "", formError("it has more than one signature")
	}
	fields, err := parseLines(text, kind)
	if err != nil {
		return nil, "", err
	}
	install, id := splitName(signers[0].Name)
	if fields.Get("install") != install {
		return nil, "", formError("it was signed for another installation")
	}
	return fields, id, nil
}

// KindOf answers the first line of a note or of its text, "" where that is no kind of ours. It proves nothing.
func KindOf(text []byte) string {
	line, _, _ := bytes.Cut(text[:min(len(text), 64)], []byte("\n"))
	switch kind := string(line); kind {
	case KindCheckpoint, KindKey, KindTombstone, KindManifest, KindEvidence:
		return kind
	}
	return ""
}

func boundOf(kind string) int {
	if kind == KindEvidence {
		return maxEvidence
	}
	return maxNote
}

// open checks signatures and that the bytes have no second spelling; all of the signatures must be known ones.
func open(signed []byte, kind string, keys note.Verifiers) (text string, signers []note.Signature, err error) {
	if len(signed) > boundOf(kind) {
		return "", nil, formError("it is too long")
	}
	if KindOf(signed) != kind {
		return "", nil, formError("it is of another kind")
	}
	n, err := note.Open(signed, keys)
	var unverified *note.UnverifiedNoteError
	var wrong *note.InvalidSignatureError
	switch {
	case errors.As(err, &unverified):
		return "", nil, fault.Wrap(ErrUnknownKey, fault.Invalid, "The note is signed by no known key.")
	case errors.As(err, &wrong):
		return "", nil, fault.Wrap(ErrSignature, fault.Invalid, "The note's signature is wrong: it was changed, or is another key's.")
	case err != nil:
		return "", nil, fault.Wrap(errors.Join(ErrForm, err), fault.Invalid, "This is no signed note.")
	case len(n.UnverifiedSigs) > 0:
		return "", nil, fault.Wrap(ErrUnknownKey, fault.Invalid, "The note has a signature of a key that is not known.")
	case len(n.Sigs) > maxSigs:
		return "", nil, formError("it has too many signatures")
	}
	if !bytes.Equal(spell(n), signed) {
		return "", nil, formError("it can be written in another way")
	}
	return n.Text, n.Sigs, nil
}

// spell writes a note in its only form. Base64 has spellings that decode to the same bytes, and a checkpoint is named by the
// hash of its own.
func spell(n *note.Note) []byte {
	var b bytes.Buffer
	b.WriteString(n.Text + "\n")
	for _, s := range n.Sigs {
		raw, err := base64.StdEncoding.DecodeString(s.Base64)
		if err != nil {
			return nil
		}
		b.WriteString("\u2014 " + s.Name + " " + base64.StdEncoding.EncodeToString(raw) + "\n")
	}
	return b.Bytes()
}

// splitName takes guardhouse/INSTALL/KEYID apart; it answers empty strings for any other name.
func splitName(name string) (install, id string) {
	rest, ok := strings.CutPrefix(name, product)
	if !ok {
		return "", ""
	}
	install, id, ok = strings.Cut(rest, "/")
	if !ok || !isID(install) || !isID(id) {
		return "", ""
	}
	return install, id
}
