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
	const root, server, volume, other = 0, 990, 2000, 1000
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
		"a group of the server writes": {0o664, root, volume, ""},
		"another group writes":         {0o664, root, other, "group 1000, which the server is not in, may write it: chmod g-w"},
		"another group, of the server": {0o660, server, other, "chmod g-w"},
		"another group reads":          {0o644, root, other, ""},
		"everybody writes":             {0o646, root, root, "chmod o-w"},
		"somebody else's":              {0o400, other, root, "it belongs to account 1000 and the server is account 990: chown it to root or to 990"},
		"everybody's folder":           {fs.ModeDir | 0o777, root, root, "chmod o-w"},
		"a group's folder":             {fs.ModeDir | 0o775, root, other, "chmod g-w"},
		"a folder as /tmp":             {fs.ModeDir | fs.ModeSticky | 0o777, root, other, ""},
		"somebody's folder as /tmp":    {fs.ModeDir | fs.ModeSticky | 0o777, other, other, "chown"},
		"somebody else's and open":     {0o666, other, other, "chown"},
	} {
		got := policy.Writers(c.mode, c.uid, c.gid, server, server, volume)
		if c.want == "" {
			require.Empty(t, got, name)
		} else {
			require.Contains(t, got, c.want, name)
		}
	}
}

// A path is as safe as the weakest folder that it leads through, also at the end of a link.
func TestTheWayToAFileOfRules(t *testing.T) {
	top := t.TempDir()
	at := func(names ...string) string { return filepath.Join(append([]string{top}, names...)...) }
	folder := func(mode fs.FileMode, names ...string) {
		require.NoError(t, os.MkdirAll(at(names...), 0o755))
		require.NoError(t, os.Chmod(at(names...), mode))
	}
	link := func(target string, names ...string) { require.NoError(t, os.Symlink(target, at(names...))) }
	folder(0o755, "safe")
	folder(0o777, "open", "below")
	folder(0o777, "open")
	write(t, at("safe", "p.yaml"), head)
	write(t, at("open", "below", "p.yaml"), head)
	link(at("safe"), "open", "current")
	link(at("open", "current", "p.yaml"), "safe", "through.yaml")
	link("../open/../safe/p.yaml", "safe", "around.yaml")
	link("p.yaml", "safe", "beside.yaml")

	folder(0o777, "volume")
	folder(0o755, "volume", "..2026_1")
	write(t, at("volume", "..2026_1", "p.yaml"), head)
	write(t, at("volume", "plain.yaml"), head)
	link("..2026_1", "volume", "..data")
	link("..data/p.yaml", "volume", "p.yaml")

	never := func(string) bool { return false }
	always := func(string) bool { return true }
	for name, c := range map[string]struct {
		path     string
		readOnly func(string) bool
		want     string
	}{
		"safe":                       {at("safe", "p.yaml"), never, ""},
		"beside it":                  {at("safe", "beside.yaml"), never, ""},
		"below an open folder":       {at("open", "below", "p.yaml"), never, "open\""},
		"a link in an open folder":   {at("open", "current", "p.yaml"), never, "open\""},
		"a link through one":         {at("safe", "through.yaml"), never, "open\""},
		"into one and out again":     {at("safe", "around.yaml"), never, "open\""},
		"read-only for us alone":     {at("open", "below", "p.yaml"), always, "open\""},
		"a volume":                   {at("volume", "p.yaml"), always, ""},
		"a volume that we can write": {at("volume", "p.yaml"), never, "volume\""},
		"beside a volume's link":     {at("volume", "plain.yaml"), always, "volume\""},
		"not there":                  {at("safe", "none.yaml"), never, "it is not there"},
	} {
		err := policy.Reach(c.path, c.readOnly)
		if c.want == "" {
			require.NoError(t, err, name)
		} else {
			require.ErrorContains(t, err, c.want, name)
		}
	}
	if os.Geteuid() != 0 {
		return // nobody else gives away what is his
	}
	require.NoError(t, os.Lchown(at("safe", "beside.yaml"), 4242, 4242))
	require.ErrorContains(t, policy.Reach(at("safe", "beside.yaml"), never), "beside.yaml\" belongs to account 4242")
	require.NoError(t, os.Chown(at("open"), 4242, 4242))
	require.ErrorContains(t, policy.Reach(at("safe", "around.yaml"), never), "open\" belongs to account 4242")
}

// Whoever may write the folder puts another file in its place, also at the end of a link.
func TestAFolderThatEverybodyMayWrite(t *testing.T) {
	f := newFiled(t, head+ruleA)
	dir, far := filepath.Dir(f.path), t.TempDir()
	refuse := func() {
		t.Helper()
		require.Contains(t, f.looks(t).Problem, "may write the folder")
		require.Equal(t, []string{"a"}, ids(f.guard.Rules()))
	}
	require.NoError(t, os.Chmod(dir, 0o777))
	write(t, f.path, head+ruleB)
	refuse()
	require.ErrorContains(t, policy.CheckFile(f.path, dir), "may write the folder")
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

// Who looks after the server's file is not the server: root judges for whoever owns the data, the server itself for what it is.
func TestForWhomAFileIsJudged(t *testing.T) {
	data, us := t.TempDir(), uint32(os.Geteuid())
	if us != 0 {
		uid, gids := policy.Serving("/")
		require.Equal(t, us, uid, "a folder of root's that we can open is no sign of a server of root's")
		require.Contains(t, gids, uint32(os.Getegid()))
		return
	}
	require.NoError(t, os.Chown(data, 4242, 4343))
	uid, gids := policy.Serving(data)
	require.Equal(t, uint32(4242), uid)
	require.Equal(t, []uint32{4343}, gids)
	uid, _ = policy.Serving(filepath.Join(data, "nowhere"))
	require.Equal(t, us, uid)
}
