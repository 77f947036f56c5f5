package proof_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"guardhouse/internal/proof"
)

const install = "ins_01kaj0g0000000000000000001"

func newSigner(t testing.TB, install string) proof.Signer {
	t.Helper()
	s, secret, err := proof.NewSigner(rand.Reader, install)
	require.NoError(t, err)
	again, err := proof.ParseSigner(secret)
	require.NoError(t, err)
	require.Equal(t, s.Verifier(), again.Verifier())
	require.NotContains(t, fmt.Sprintf("%v %s %#v", s, s, s), strings.SplitN(secret, "+", 5)[4][:20], "a key must not print itself")
	return s
}

func keysOf(t testing.TB, signers ...proof.Signer) proof.Keys {
	t.Helper()
	text := "# the keys of a test\n\n"
	for _, s := range signers {
		text += s.Verifier() + "\r\n"
	}
	keys, err := proof.ParseKeys([]byte(text))
	require.NoError(t, err)
	require.Equal(t, len(signers), keys.Len())
	return keys
}

func sum(b byte) string { return strings.Repeat(fmt.Sprintf("%02x", b), 32) }

func at() time.Time { return time.Date(2026, 11, 22, 9, 0, 0, 7_000_000, time.UTC) }

func checkpoint() proof.Checkpoint {
	return proof.Checkpoint{Install: install, Number: 2, Seq: 1000, Hash: sum(1), At: at(), Cause: proof.CauseRows, Previous: sum(2)}
}

func tombstone() proof.Tombstone {
	return proof.Tombstone{
		Install: install, First: 1, Last: 9, Rows: 9, Previous: proof.Zero, Hash: sum(3), From: at().AddDate(-1, 0, 0), To: at().AddDate(0, -9, 0),
		At: at(), Rule: "180 days", Event: "evt_01KAJ0G0000000000000000001",
	}
}

func manifest() proof.Manifest {
	return proof.Manifest{
		Install: install, Format: "csv", Rows: 3, First: 7, Last: 9, Bytes: 4096, SHA256: sum(4), Contiguous: true, Previous: sum(5), Hash: sum(6),
		Filter: `{"actor":"李 \"rita\""}`, At: at(), By: "usr_1 (李)", HeadSeq: 12, HeadHash: sum(7),
	}
}

func evidence() proof.Evidence {
	return proof.Evidence{
		Install: install, Version: "1.2.0", At: at(), By: "system", To: at(), HeadSeq: 7, HeadHash: sum(6), Bytes: 345, SHA256: sum(7),
		Files: []proof.File{{sum(8), 0, "README.txt"}, {sum(9), 12, "audit/events.jsonl"}},
	}
}

// each kind as its text and what reads its note back as text.
func kinds(keys proof.Keys) map[string]struct {
	text func() ([]byte, error)
	read func([]byte) ([]byte, error)
} {
	type kind = struct {
		text func() ([]byte, error)
		read func([]byte) ([]byte, error)
	}
	return map[string]kind{
		proof.KindCheckpoint: {checkpoint().Text, func(n []byte) ([]byte, error) {
			c, _, err := proof.ParseCheckpoint(n, keys)
			return textOf(c.Text, err)
		}},
		proof.KindTombstone: {tombstone().Text, func(n []byte) ([]byte, error) {
			c, _, err := proof.ParseTombstone(n, keys)
			return textOf(c.Text, err)
		}},
		proof.KindManifest: {manifest().Text, func(n []byte) ([]byte, error) {
			c, _, err := proof.ParseManifest(n, keys)
			return textOf(c.Text, err)
		}},
		proof.KindEvidence: {evidence().Text, func(n []byte) ([]byte, error) {
			c, _, err := proof.ParseEvidence(n, keys)
			return textOf(c.Text, err)
		}},
	}
}

func textOf(text func() ([]byte, error), err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return text()
}

func TestEveryKindIsReadBack(t *testing.T) {
	s := newSigner(t, install)
	for kind, k := range kinds(keysOf(t, s)) {
		t.Run(kind, func(t *testing.T) {
			text, err := k.text()
			require.NoError(t, err)
			signed, err := s.Sign(text)
			require.NoError(t, err)
			require.Equal(t, kind, proof.KindOf(signed))
			back, err := k.read(signed)
			require.NoError(t, err)
			require.Equal(t, string(text), string(back))
			fields, id, err := proof.Open(signed, kind, keysOf(t, s))
			require.NoError(t, err)
			require.Equal(t, s.ID(), id)
			require.Equal(t, install, fields.Get("install"))
		})
	}
}

// threat U1
func TestAnyChangedByteIsFound(t *testing.T) {
	s := newSigner(t, install)
	keys := keysOf(t, s)
	for kind, k := range kinds(keys) {
		t.Run(kind, func(t *testing.T) {
			text, err := k.text()
			require.NoError(t, err)
			signed, err := s.Sign(text)
			require.NoError(t, err)
			for i := range signed {
				for _, mask := range []byte{1, 2, 4, 0x20, 0x80} {
					changed := bytes.Clone(signed)
					changed[i] ^= mask
					_, err := k.read(changed)
					require.Error(t, err, "byte %d with %x", i, mask)
				}
				_, err := k.read(signed[:i])
				require.Error(t, err, "cut at %d", i)
			}
			for _, more := range []string{"\n", " ", "x", string(signed)} {
				_, err := k.read(append(bytes.Clone(signed), more...))
				require.Error(t, err)
			}
		})
	}
}

func TestANoteHasOneSpelling(t *testing.T) {
	s := newSigner(t, install)
	text, err := checkpoint().Text()
	require.NoError(t, err)
	signed, err := s.Sign(text)
	require.NoError(t, err)
	// 68 bytes of a signature leave four bits of its last character unused: sixteen spellings decode to the same bytes.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	at := bytes.LastIndexByte(signed, '=') - 1
	refused := 0
	for i := range len(alphabet) {
		other := bytes.Clone(signed)
		if other[at] == alphabet[i] {
			continue
		}
		other[at] = alphabet[i]
		_, _, err := proof.ParseCheckpoint(other, keysOf(t, s))
		require.Error(t, err)
		refused++
	}
	require.Equal(t, 63, refused)
	line := signed[bytes.LastIndex(signed[:len(signed)-1], []byte("\n"))+1:]
	_, _, err = proof.ParseCheckpoint(append(bytes.Clone(signed), line...), keysOf(t, s))
	require.ErrorIs(t, err, proof.ErrForm, "the same signature twice")
}

func TestWhoSignedCounts(t *testing.T) {
	s, stranger, elsewhere := newSigner(t, install), newSigner(t, install), newSigner(t, "ins_other")
	text, err := checkpoint().Text()
	require.NoError(t, err)
	signed, err := s.Sign(text)
	require.NoError(t, err)
	_, _, err = proof.ParseCheckpoint(signed, keysOf(t, stranger))
	require.ErrorIs(t, err, proof.ErrUnknownKey)
	_, _, err = proof.ParseCheckpoint(signed, proof.Keys{})
	require.ErrorIs(t, err, proof.ErrUnknownKey)
	_, _, err = proof.ParseTombstone(signed, keysOf(t, s))
	require.ErrorIs(t, err, proof.ErrForm)
	_, _, err = proof.ParseCheckpoint(bytes.Replace(signed, []byte("seq 1000"), []byte("seq 1001"), 1), keysOf(t, s))
	require.ErrorIs(t, err, proof.ErrSignature)
	_, err = elsewhere.Sign(text)
	require.ErrorIs(t, err, proof.ErrForm, "another installation's")
	both, err := s.Sign(text)
	require.NoError(t, err)
	other, err := stranger.Sign(text)
	require.NoError(t, err)
	line := other[bytes.LastIndex(other[:len(other)-1], []byte("\n"))+1:]
	_, _, err = proof.ParseCheckpoint(append(both, line...), keysOf(t, s, stranger))
	require.ErrorIs(t, err, proof.ErrForm, "two signatures")
	_, _, err = proof.ParseCheckpoint(append(both, line...), keysOf(t, s))
	require.ErrorIs(t, err, proof.ErrUnknownKey)
}

func TestWhatANoteCannotHold(t *testing.T) {
	c := checkpoint()
	c.Cause = "whim"
	first := checkpoint()
	first.Number = 1
	empty := checkpoint()
	empty.Seq = 0
	gap := tombstone()
	gap.Rows = 8
	by := manifest()
	by.By = "rita\nsha256 " + sum(0)
	beyond := manifest()
	beyond.HeadSeq = 8
	twice, climbing := evidence(), evidence()
	twice.Files = append(twice.Files, twice.Files[1])
	climbing.Files[1].Name = "../audit"
	for name, text := range map[string]func() ([]byte, error){
		"an unknown cause": c.Text, "a first with one before": first.Text, "a hash of no row": empty.Text, "a tombstone with a gap": gap.Text,
		"a line break": by.Text, "rows beyond the head": beyond.Text, "a file twice": twice.Text, "a name that climbs": climbing.Text,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := text()
			require.ErrorIs(t, err, proof.ErrForm)
		})
	}
	by.By = proof.Plain(by.By)
	_, err := by.Text()
	require.NoError(t, err)
	s := newSigner(t, install)
	_, err = s.Sign([]byte("hello\n"))
	require.ErrorIs(t, err, proof.ErrForm, "only what has a kind is signed")
}

func TestPlainFitsAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := manifest()
		m.By = proof.Plain(rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "by"))
		if _, err := m.Text(); err != nil {
			t.Fatalf("%q: %v", m.By, err)
		}
	})
}

func TestKeysAreLearntFromThoseBefore(t *testing.T) {
	first, second, third, lost := newSigner(t, install), newSigner(t, install), newSigner(t, install), newSigner(t, install)
	introduce := func(s proof.Signer, before *proof.Signer) []byte {
		k := proof.Key{Install: install, Verifier: s.Verifier(), At: at()}
		if before != nil {
			k.Previous = before.ID()
		}
		signed, err := s.SignKey(k, before)
		require.NoError(t, err)
		return signed
	}
	keys := keysOf(t, first)
	other := keys
	_, err := keys.Learn(introduce(third, &second))
	require.ErrorIs(t, err, proof.ErrUnknownKey, "nobody known stands behind it yet")
	k, err := keys.Learn(introduce(second, &first))
	require.NoError(t, err)
	require.Equal(t, proof.Key{Install: install, ID: second.ID(), Verifier: second.Verifier(), At: at(), Previous: first.ID()}, k)
	_, err = keys.Learn(introduce(third, &second))
	require.NoError(t, err)
	require.True(t, keys.Has(third.ID()))
	require.Equal(t, 1, other.Len(), "a copy shares nothing")
	_, err = keys.Learn(introduce(lost, nil))
	require.ErrorIs(t, err, proof.ErrUnknownKey, "a key that follows none is not believed")
	k, err = keys.Learn(introduce(first, nil))
	require.NoError(t, err, "one that is known is told again")
	require.Equal(t, first.ID(), k.ID)
	only := keysOf(t, third)
	_, err = only.Learn(introduce(third, &second))
	require.NoError(t, err, "who holds the newest key needs none before")
	// Signed by the old key alone, or by another than the one that is named.
	honest := introduce(lost, &third)
	lines := strings.SplitAfter(string(honest), "\n")
	_, err = keys.Learn([]byte(strings.Join(lines[:len(lines)-3], "") + lines[len(lines)-2]))
	require.ErrorIs(t, err, proof.ErrSignature)
	_, err = keys.Learn([]byte(strings.Replace(string(honest), "previous "+third.ID(), "previous "+second.ID(), 1)))
	require.ErrorIs(t, err, proof.ErrSignature)
	_, err = lost.SignKey(proof.Key{Install: install, Verifier: lost.Verifier(), At: at(), Previous: second.ID()}, &third)
	require.ErrorIs(t, err, proof.ErrForm)
}

func TestAKeyIsNamedByItself(t *testing.T) {
	mine, theirs := newSigner(t, install), newSigner(t, install)
	stolen := strings.Replace(theirs.Verifier(), theirs.ID(), mine.ID(), 1)
	for name, text := range map[string]string{
		"another's id": stolen, "no key": "hello", "empty": "", "only comments": "# a\n", "of another product": "example.com+c9c0e3d7+" + base64.StdEncoding.EncodeToString(make([]byte, 33)),
		"one of two broken": mine.Verifier() + "\nx", "without end": strings.Repeat("#", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := proof.ParseKeys([]byte(text))
			require.ErrorIs(t, err, proof.ErrForm)
		})
	}
	require.Equal(t, []string{install}, keysOf(t, mine, theirs).Installs())
}

func TestFollows(t *testing.T) {
	a := checkpoint()
	note := []byte("the note")
	b := a
	b.Number, b.Seq, b.Hash, b.Previous = 3, 1001, sum(9), proof.Hash(note)
	require.True(t, b.Follows(a, note))
	for name, change := range map[string]func(*proof.Checkpoint){
		"number":   func(c *proof.Checkpoint) { c.Number = 4 },
		"previous": func(c *proof.Checkpoint) { c.Previous = sum(1) },
		"seq":      func(c *proof.Checkpoint) { c.Seq = 999 },
		"install":  func(c *proof.Checkpoint) { c.Install = "x" },
		"hash":     func(c *proof.Checkpoint) { c.Seq = a.Seq },
	} {
		c := b
		change(&c)
		require.False(t, c.Follows(a, note), name)
	}
}
