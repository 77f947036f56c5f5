package proof

import (
	"crypto/ed25519"
	"encoding/base64"
	"io"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"guardhouse/internal/fault"
)

// Signer is a private key. It prints as its name.
type Signer struct {
	signer   note.Signer
	verifier string
}

// NewSigner makes a key for an installation from random bytes, and answers the text by which ParseSigner knows it again: that
// text is the secret.
func NewSigner(random io.Reader, install string) (Signer, string, error) {
	if !isID(install) {
		return Signer{}, "", fault.New(fault.Internal, "the installation has no id that a signer's name could hold")
	}
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return Signer{}, "", fault.Wrap(err, fault.Internal, "no random bytes for a key")
	}
	secret := secretText(install, seed)
	s, err := ParseSigner(secret)
	return s, secret, err
}

// secretText writes a seed as note.NewSigner reads it, under the name that its public key gives it.
func secretText(install string, seed []byte) string {
	name, rest, _ := strings.Cut(verifierText(install, ed25519.NewKeyFromSeed(seed)), "+")
	hash, _, _ := strings.Cut(rest, "+")
	return "PRIVATE+KEY+" + name + "+" + hash + "+" + base64.StdEncoding.EncodeToString(append([]byte{1}, seed...)) + "\n"
}

func verifierText(install string, private ed25519.PrivateKey) string {
	public := private[ed25519.SeedSize:] // the second half of a private key is its public one
	text, err := note.NewEd25519VerifierKey(product+install+"/"+idOf(public), ed25519.PublicKey(public))
	if err != nil {
		return "" // a key of another length, which ed25519 does not make
	}
	return text
}

// ParseSigner reads what NewSigner answered. It refuses anything else.
func ParseSigner(secret string) (Signer, error) {
	refused := fault.New(fault.Invalid, "The key of the audit log is not in the form in which it was written.")
	text := strings.TrimSuffix(secret, "\n")
	s, err := note.NewSigner(text)
	if err != nil {
		return Signer{}, refused
	}
	parts := strings.SplitN(text, "+", 5)
	raw, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	install, _ := splitName(s.Name())
	if err != nil || len(raw) != 1+ed25519.SeedSize || install == "" || secretText(install, raw[1:]) != text+"\n" {
		return Signer{}, refused
	}
	return Signer{s, verifierText(install, ed25519.NewKeyFromSeed(raw[1:]))}, nil
}

// ID answers the key's id.
func (s Signer) ID() string {
	_, id := splitName(s.signer.Name())
	return id
}

// Install answers whose key it is.
func (s Signer) Install() string {
	install, _ := splitName(s.signer.Name())
	return install
}

// Verifier answers the public key.
func (s Signer) Verifier() string { return s.verifier }

// String answers the key's name and nothing secret.
func (s Signer) String() string { return s.signer.Name() }

// GoString is String, so that no way of printing shows the key.
func (s Signer) GoString() string { return s.String() }

// Sign answers a note. It refuses a text that is not in the form of its kind or is another installation's, and a key's text:
// that is SignKey's.
func (s Signer) Sign(text []byte) ([]byte, error) {
	kind := KindOf(text)
	if kind == "" || kind == KindKey {
		return nil, formError("it is of no kind that is signed")
	}
	install, err := parseText(kind, string(text))
	if err != nil {
		return nil, err
	}
	if install != s.Install() {
		return nil, formError("it is another installation's")
	}
	return sign(text, s.signer)
}

// SignKey answers the note that introduces k, signed by s, which is k, and by before, the key that it follows; nil where it
// follows none. It refuses a pair that the note does not speak of.
func (s Signer) SignKey(k Key, before *Signer) ([]byte, error) {
	text, err := k.Text()
	if err != nil {
		return nil, err
	}
	if k.Verifier != s.verifier || (before == nil) != (k.Previous == "") || before != nil && before.ID() != k.Previous {
		return nil, formError("it speaks of other keys than those that sign it")
	}
	if before == nil {
		return sign(text, s.signer)
	}
	return sign(text, s.signer, before.signer)
}

func sign(text []byte, signers ...note.Signer) ([]byte, error) {
	signed, err := note.Sign(&note.Note{Text: string(text)}, signers...)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the note can't be signed")
	}
	return signed, nil
}
