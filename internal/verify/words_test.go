package verify_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
	"guardhouse/internal/verify"
)

// threat U1: an honest copy that is a moment older than the anchor is told from one that was put back by the two times, and nothing
// that the finding denies is said beside it.
func TestAnOldCopySaysBothTimes(t *testing.T) {
	g := newGround(t)
	r := g.altered(t, g.outside(), func(f *file) { f.cut(45) })
	require.Equal(t, audit.RestoredOld, r.Finding)
	require.Regexp(t, `the log ends at 45: .*; the newest row here is of 2026-11-\d\dT[0-9:.]+Z, what refers beyond it of 2026-11-\d\dT[0-9:.]+Z$`, r.Detail)
	require.NotContains(t, strings.Join(r.NotProvable, "\n"), "is newer", "the anchor is")
}

// threat U1: whoever unmounts the anchor does not make what is not compared look as if none had been set.
func TestAnAnchorOfTheSettingsThatIsMissingIsSaid(t *testing.T) {
	g := newGround(t)
	gone := filepath.Join(t.TempDir(), "gone")
	said := func(o verify.Options) string {
		r := g.altered(t, o, func(*file) {})
		require.True(t, r.OK(), r.Detail)
		return strings.Join(r.NotProvable, "\n")
	}
	require.Contains(t, said(verify.Options{Anchor: gone, Set: true}), "the anchor folder "+gone+" is missing")
	require.NotContains(t, said(verify.Options{Anchor: gone}), "missing", "the data folder's own, before the first checkpoint")
	require.NoError(t, os.Mkdir(gone, 0o700))
	require.Contains(t, said(verify.Options{Anchor: gone, Set: true}), "holds no copy of a checkpoint")
	require.NotContains(t, said(verify.Options{Anchor: g.anchor, Set: true}), "anchor folder holds no copy")
}

func TestEachFindingSaysWhatToDoNext(t *testing.T) {
	said := map[string]bool{}
	for _, finding := range []string{
		audit.Edited, audit.Deleted, audit.Inserted, audit.Reordered, audit.TailCut, audit.Rebuilt, audit.ClockBack, audit.RestoredOld,
	} {
		next := verify.Next(finding)
		require.NotEmpty(t, next, finding)
		require.NotContains(t, next, "\n")
		said[next] = true
	}
	require.Len(t, said, 7)
	require.Empty(t, verify.Next("another"))
}
