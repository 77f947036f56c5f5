package proof_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/proof"
)

func TestNotesOfAFile(t *testing.T) {
	s := newSigner(t, install)
	text, err := checkpoint().Text()
	require.NoError(t, err)
	one, err := s.Sign(text)
	require.NoError(t, err)
	two, err := s.SignKey(proof.Key{Install: install, Verifier: s.Verifier(), At: at()}, nil)
	require.NoError(t, err)
	torn := one[:len(one)-30]
	split := func(data string) (out []string) {
		for _, n := range slices.Collect(proof.Notes([]byte(data))) {
			out = append(out, string(n))
		}
		return out
	}
	require.Equal(t, []string{string(one), string(two)}, split(string(one)+"\n"+string(two)+"\n"))
	require.Equal(t, []string{string(one), string(one)}, split(string(one)+string(one)))
	require.Equal(t, []string{"rest of a note\n", string(torn) + "\n", string(two)}, split("rest of a note\n"+string(torn)+"\n\n"+string(two)))
	require.Empty(t, split("\n\n"))
	require.Equal(t, []string{string(one), "\nguardhouse/check\n", string(two)}, split(string(one)+"\nguardhouse/check\n\n"+string(two)), "what was torn at its beginning harms no other")
	fields, ok := proof.Peek(one)
	require.True(t, ok)
	require.Equal(t, "2", fields.Get("number"))
	for _, bad := range []string{"", string(torn), string(text), "x" + string(one)} {
		_, ok := proof.Peek([]byte(bad))
		require.False(t, ok, "%q", bad)
	}
}

func TestTornKeysAreMended(t *testing.T) {
	one, two := newSigner(t, install).Verifier(), newSigner(t, install).Verifier()
	for text, want := range map[string]string{
		"# first\n" + one + "\n": "# first\n" + one + "\n",
		one:                      one,
		one + "\n" + two[:30]:    one + "\n",
		one + "\n# second\n" + two[:70] + "\n\n" + two + "\n": one + "\n# second\n\n" + two + "\n",
		one + "\nno key\n": one + "\nno key\n",
		"":                 "",
	} {
		require.Equal(t, want, string(proof.Mended([]byte(text))))
	}
}

func TestTheNoteOfAKnownKeyHasOneForm(t *testing.T) {
	first, second := newSigner(t, install), newSigner(t, install)
	note, err := second.SignKey(proof.Key{Install: install, Verifier: second.Verifier(), At: at(), Previous: first.ID()}, &first)
	require.NoError(t, err)
	for _, list := range []string{second.Verifier(), first.Verifier() + "\n" + second.Verifier()} {
		keys, err := proof.ParseKeys([]byte(list))
		require.NoError(t, err)
		_, err = keys.Learn(note)
		require.NoError(t, err)
		lines := strings.SplitAfter(string(note), "\n")
		for name, bad := range map[string]string{
			"without the key before it": strings.Join(lines[:len(lines)-2], ""),
			"the same signature twice":  string(note) + lines[len(lines)-2],
			"in another order":          strings.Join(lines[:len(lines)-3], "") + lines[len(lines)-2] + lines[len(lines)-3],
		} {
			_, err = keys.Learn([]byte(bad))
			require.ErrorIs(t, err, proof.ErrSignature, name)
		}
	}
}
