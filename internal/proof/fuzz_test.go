package proof_test

import (
	"testing"

	"guardhouse/internal/proof"
)

// Whatever a note says, reading it ends in what it says or in a refusal, and what is read is written back byte for byte.
func FuzzNotes(f *testing.F) {
	s := newSigner(f, install)
	keys := keysOf(f, s)
	for _, k := range kinds(keys) {
		text, err := k.text()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, k := range kinds(keys) {
			if back, err := k.read(text); err == nil {
				t.Fatalf("a note without our signature was read: %q", back)
			}
		}
		signed, err := s.Sign(text)
		if err != nil {
			return
		}
		back, err := kinds(keys)[proof.KindOf(signed)].read(signed)
		if err != nil || string(back) != string(text) {
			t.Fatalf("%q came back as %q: %v", text, back, err)
		}
	})
}

func FuzzKeys(f *testing.F) {
	s := newSigner(f, install)
	note, err := s.SignKey(proof.Key{Install: install, Verifier: s.Verifier(), At: at()}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(s.Verifier()))
	f.Add(note)
	f.Add([]byte("# nothing\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if keys, err := proof.ParseKeys(text); err == nil && (keys.Len() == 0 || len(keys.Installs()) == 0) {
			t.Fatal("keys without a key")
		}
		keys := keysOf(t, newSigner(t, install))
		if k, err := keys.Learn(text); err == nil {
			t.Fatalf("a key that nobody vouches for was learnt: %v", k)
		}
		if signer, err := proof.ParseSigner(string(text)); err == nil && signer.ID() == "" {
			t.Fatal("a key without a name")
		}
	})
}
