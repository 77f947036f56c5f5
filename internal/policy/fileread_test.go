package policy_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/policy"
)

// Whoever may write the file writes the rules.
func TestWhoMayWriteAFileOfRules(t *testing.T) {
	const root, server, other = 0, 990, 1000
	for name, c := range map[string]struct {
		mode     fs.FileMode
		uid, gid uint32
		want     string
	}{
		"root's alone":                 {0o600, root, root, ""},
		"root's, read by the server":   {0o640, root, server, ""},
		"root's, read by everybody":    {0o444, root, root, ""},
		"root's group writes":          {0o664, root, root, ""},
		"the server's group writes":    {0o664, root, server, ""},
		"the server's own":             {0o664, server, server, ""},
		"another group writes":         {0o664, root, other, "chmod g-w"},
		"another group, of the server": {0o660, server, other, "chmod g-w"},
		"another group reads":          {0o644, root, other, ""},
		"everybody writes":             {0o646, root, root, "chmod o-w"},
		"somebody else's":              {0o400, other, root, "chown"},
		"somebody else's and open":     {0o666, other, other, "chown"},
	} {
		got := policy.Writers(c.mode, c.uid, c.gid, server, server)
		if c.want == "" {
			require.Empty(t, got, name)
		} else {
			require.Contains(t, got, c.want, name)
		}
	}
}

// Whoever may write the folder puts another file in its place, also at the end of a link.
func TestAFolderThatEverybodyMayWrite(t *testing.T) {
	f := newFiled(t, head+ruleA)
	dir, far := filepath.Dir(f.path), t.TempDir()
	refuse := func() {
		t.Helper()
		require.Contains(t, f.looks(t).Problem, "chmod o-w its folder")
		require.Equal(t, []string{"a"}, ids(f.guard.Rules()))
	}
	require.NoError(t, os.Chmod(dir, 0o777))
	write(t, f.path, head+ruleB)
	refuse()
	require.ErrorContains(t, policy.CheckFile(f.path, dir), "chmod o-w its folder")
	require.NoError(t, os.Chmod(dir, 0o777|fs.ModeSticky)) // as /tmp is
	write(t, f.path, head+ruleA)
	require.True(t, f.looks(t).Valid)
	require.NoError(t, policy.CheckFile(f.path, dir))

	write(t, filepath.Join(far, "acl.yaml"), head+ruleB)
	require.NoError(t, os.Chmod(far, 0o777))
	require.NoError(t, os.Remove(f.path))
	require.NoError(t, os.Symlink(filepath.Join(far, "acl.yaml"), f.path))
	refuse()
	require.NoError(t, os.Chmod(far, 0o755))
	f.pass(policy.StillOpen * 4) // nothing of the file shows that its folder was changed
	require.True(t, f.looks(t).Valid)
	require.Equal(t, []string{"b"}, ids(f.guard.Rules()))
}
