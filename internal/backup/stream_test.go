package backup_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"guardhouse/internal/backup"
	"guardhouse/internal/fault"
)

// fill answers n bytes that differ from place to place.
func fill(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 / 5)
	}
	return b
}

func TestStreamsComeBackAsTheyWere(t *testing.T) {
	for _, n := range []int{0, 1, backup.ChunkSize - 1, backup.ChunkSize, backup.ChunkSize + 1, 2 * backup.ChunkSize, 3*backup.ChunkSize + 5} {
		plain := fill(n)
		sealed, err := backup.Seal(backup.KeyOf(1), plain)
		require.NoError(t, err)
		got, err := backup.Unseal(sealed, backup.KeyOf(1))
		require.NoError(t, err, n)
		require.True(t, bytes.Equal(plain, got), n)
	}
}

// Whatever is done to the bytes of an archive, they are refused, and never more than the untouched front is given out.
func TestChangedStreamsAreRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plain := fill(rapid.IntRange(0, 4*backup.ChunkSize).Draw(t, "size"))
		sealed, err := backup.Seal(backup.KeyOf(1), plain)
		require.NoError(t, err)
		changed := bytes.Clone(sealed)
		at := rapid.IntRange(0, len(changed)-1).Draw(t, "at")
		switch rapid.SampledFrom([]string{"flip", "cut", "extend", "insert", "remove"}).Draw(t, "change") {
		case "flip":
			changed[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		case "cut":
			changed = changed[:at]
		case "extend":
			changed = append(changed, fill(rapid.IntRange(1, backup.SealedSize+1).Draw(t, "more"))...)
		case "insert":
			changed = append(changed[:at:at], append([]byte{0}, changed[at:]...)...)
		case "remove":
			changed = append(changed[:at:at], changed[at+1:]...)
		}
		got, err := backup.Unseal(changed, backup.KeyOf(1))
		require.Error(t, err)
		require.True(t, bytes.HasPrefix(plain, got), "only what was authenticated comes out")
	})
}

func TestKeysAreNotMixedUp(t *testing.T) {
	sealed, err := backup.Seal(backup.KeyOf(1), []byte("x"))
	require.NoError(t, err)
	phrased, err := backup.Seal(backup.Cheap("a long passphrase"), []byte("x"))
	require.NoError(t, err)
	cases := map[string]struct {
		archive []byte
		key     backup.Key
		says    string
	}{
		"another key file":          {sealed, backup.KeyOf(2), "another key file"},
		"a passphrase for a file":   {sealed, backup.Cheap("a long passphrase"), "--key-file"},
		"a file for a passphrase":   {phrased, backup.KeyOf(1), "--passphrase-stdin"},
		"another passphrase":        {phrased, backup.Cheap("another passphrase"), "wrong"},
		"no archive":                {append([]byte("PK\x03\x04"), fill(200)...), backup.KeyOf(1), "isn't a guardhouse backup"},
		"an archive of a newer one": {append(append([]byte("GHBACKUP"), 9), fill(200)...), backup.KeyOf(1), "newer binary"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := backup.Unseal(c.archive, c.key)
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
			require.ErrorContains(t, err, c.says)
		})
	}
}

// A header may not make us pay: four terabytes of memory, a thousand years of passes.
func TestCostsAreBoundedBeforeTheyArePaid(t *testing.T) {
	sealed, err := backup.Seal(backup.Cheap("a long passphrase"), []byte("x"))
	require.NoError(t, err)
	for name, change := range map[string]func([]byte){
		"memory": func(b []byte) { copy(b[12:], []byte{0xff, 0xff, 0xff, 0xff}) },
		"passes": func(b []byte) { copy(b[16:], []byte{0xff, 0xff, 0xff, 0xff}) },
		"none":   func(b []byte) { copy(b[16:], []byte{0, 0, 0, 0}) },
		"lanes":  func(b []byte) { b[10] = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			b := bytes.Clone(sealed)
			change(b)
			_, err := backup.Unseal(b, backup.Cheap("a long passphrase"))
			require.ErrorContains(t, err, "damaged")
		})
	}
}

func TestTwoArchivesOfOneKeyShareNothing(t *testing.T) {
	a, err := backup.Seal(backup.KeyOf(1), fill(100))
	require.NoError(t, err)
	b, err := backup.Seal(backup.KeyOf(1), fill(100))
	require.NoError(t, err)
	require.NotEqual(t, a[backup.HeaderSize:], b[backup.HeaderSize:])
	// The chunks of one under the header of the other.
	mixed := append(bytes.Clone(a[:backup.HeaderSize]), b[backup.HeaderSize:]...)
	_, err = backup.Unseal(mixed, backup.KeyOf(1))
	require.ErrorContains(t, err, "damaged")
}
