package backup_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/backup"
	"guardhouse/internal/fault"
)

// FuzzArchive gives the reader any bytes for an archive: it answers or refuses, and takes no time or memory that the bytes do
// not pay for.
//
// threat S1
func FuzzArchive(f *testing.F) {
	plain, err := backup.Contents(smallList(), []byte("x"))
	require.NoError(f, err)
	for _, p := range [][]byte{nil, plain, bytes.Repeat(plain, 2000)} {
		archive, err := backup.Seal(backup.KeyOf(1), p)
		require.NoError(f, err)
		f.Add(archive)
		f.Add(archive[:len(archive)-1])
	}
	phrased, err := backup.Seal(backup.Cheap("a long passphrase"), plain)
	require.NoError(f, err)
	f.Add(phrased)
	f.Fuzz(func(t *testing.T, archive []byte) {
		a, err := backup.ReadAll(archive, backup.KeyOf(1))
		if err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err), "%v", err)
			return
		}
		require.NotEmpty(t, a.Files)
	})
}

var ours = regexp.MustCompile(`^(guardhouse\.db|secrets|tls|secrets/root\.key|secrets/jwt-[0-9a-z]{26}\.key|tls/ca\.key|tls/ca\.pem|tls/leaf\.key)$`)

// FuzzContents gives the reader any contents, encrypted as they must be: whatever they say, nothing appears but files of ours
// in the fresh folder, and nothing is left of what was refused.
//
// threat S1
func FuzzContents(f *testing.F) {
	for _, list := range []any{smallList(), "{}", "null", `{"version":1}`, manyFiles()} {
		plain, err := backup.Contents(list, []byte("x"))
		require.NoError(f, err)
		f.Add(plain)
	}
	plain, err := backup.Contents(manyFiles(), []byte("xrootpem"))
	require.NoError(f, err)
	f.Add(plain)
	f.Fuzz(func(t *testing.T, plain []byte) {
		archive, err := backup.Seal(backup.KeyOf(1), plain)
		require.NoError(t, err)
		above := t.TempDir()
		data := filepath.Join(above, "data")
		stage, err := backup.UnpackInto(data, archive, backup.KeyOf(1))
		if err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err), "%v", err)
			require.Len(t, tree(t, above), 1, "nothing is left")
			return
		}
		require.NoError(t, filepath.WalkDir(above, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || path == above || path == data || path == filepath.Dir(stage) || path == stage {
				return err
			}
			rel, err := filepath.Rel(stage, path)
			require.Regexp(t, ours, rel)
			return err
		}))
		require.NoError(t, os.RemoveAll(data))
	})
}

func smallList() backup.List {
	return backup.List{
		Version: 1, CreatedAt: "2026-11-21T14:30:12Z", SchemaVersion: 2, Head: backup.Head{Hash: zeroHash},
		Files: []backup.File{file("guardhouse.db", []byte("x"))}, Models: []backup.Model{},
	}
}

func manyFiles() backup.List {
	l := smallList()
	l.Files = append(l.Files, file("secrets/root.key", []byte("root")), file("tls/ca.pem", []byte("pem")))
	return l
}

const zeroHash = "0000000000000000000000000000000000000000000000000000000000000000"
