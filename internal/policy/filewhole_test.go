package policy_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/policy"
)

// mixed are rules of all kinds, as an administrator's export has them.
func mixed(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "\n  - {id: r%02d, effect: %s, principals: [%q], models: [m%d], operations: [view, infer], mode: %s",
			i, []string{"allow", "deny"}[i%3/2], []string{"*", "role:nurse", "user:rita"}[i%3], i%5, []string{"enforce", "report-only"}[i%4/3])
		if i%2 == 0 {
			fmt.Fprintf(&b, ", conditions: {ip_ranges: [10.0.%d.0/24, 192.0.2.0/24], valid_until: 2030-12-31T23:59:59Z, purpose: required}", i)
		}
		if i%5 == 0 {
			b.WriteString(", note: \"of the wards\\nand more\", owner: \"user:rita\"")
		}
		b.WriteString("}")
	}
	return b.String()
}

// An export that was cut at the end of a line is YAML that says something else, and most of the time opens something.
func TestNoPartOfAnExportIsTaken(t *testing.T) {
	f := newFiled(t, head+mixed(20))
	export := f.whole(t)
	raw(t, f.path, export)
	require.True(t, f.looks(t).Valid)
	lines := strings.SplitAfter(export, "\n")
	require.Equal(t, "...\n", lines[len(lines)-2])
	require.Greater(t, len(lines), 150)
	version := f.guard.PolicyVersion()
	for n := range len(lines) - 2 {
		raw(t, f.path, strings.Join(lines[:n], ""))
		require.False(t, f.looks(t).Valid, "%d lines", n)
		require.Equal(t, version, f.guard.PolicyVersion())
	}
	require.Contains(t, f.FileState().Problem, "it looks cut off")
	require.Equal(t, export, f.whole(t))
	raw(t, f.path, export)
	require.True(t, f.looks(t).Valid)
}

// A file that lost its mark is refused whatever happened to the server meanwhile, and whatever file it is.
func TestAFileKeepsItsEndMark(t *testing.T) {
	f := newFiled(t, head+ruleA)
	open := head + ruleA + ruleB + "\n"
	raw(t, f.path, open)
	for _, look := range []func() policy.FileState{
		func() policy.FileState { return f.looks(t) },
		func() policy.FileState {
			f.open(t)
			require.NoError(t, f.Start(t.Context()))
			return f.FileState()
		},
	} {
		st := look()
		require.False(t, st.Valid)
		require.Contains(t, st.Problem, "If it is whole, end it with that line")
		require.Equal(t, []string{"a"}, ids(f.guard.Rules()))
	}
	first := f.path
	f.path = filepath.Join(t.TempDir(), "other.yaml")
	raw(t, f.path, open)
	f.open(t)
	require.ErrorContains(t, f.Start(t.Context()), "it looks cut off")

	f.path = first
	raw(t, f.path, `{"version":1,"rules":[]}`)
	f.open(t)
	require.NoError(t, f.Start(t.Context()))
	require.True(t, f.FileState().Valid, "JSON that is cut is none")
	raw(t, f.path, open+"... \n# of the wards\n")
	require.True(t, f.looks(t).Valid)
	require.Equal(t, []string{"a", "b"}, ids(f.guard.Rules()))
}

// A release that knew of no mark left no word of it: the same file is in force all the same, and it needs one from then on.
func TestAFileOfAReleaseWithoutMarks(t *testing.T) {
	f := newFiled(t, head+ruleOwned[:strings.Index(ruleOwned, "\"group:")]+"\"user:rita\"], models: [m2], operations: [infer]}")
	raw(t, f.path, `{"version":1,"rules":[{"id":"o","effect":"deny","principals":["user:rita"],"models":["m2"],"operations":["infer"]}]}`)
	require.True(t, f.looks(t).Valid, f.FileState().Problem)
	f.exec(t, `DELETE FROM meta WHERE key = 'acl.file_ended'`)
	f.exec(t, `DELETE FROM sessions`)
	f.exec(t, `UPDATE users SET id = 'usr_other', username = 'other', username_key = 'other' WHERE id = 'usr_rita'`)
	f.open(t)
	f.Wait(func(context.Context, time.Duration) error { panic("nobody waits for what is in force") })
	apptest.RequireRows(t, f.db, 0, func() { require.NoError(t, f.Start(t.Context())) })
	require.True(t, f.FileState().Valid, f.FileState().Problem)

	f.person(t, "rita", "reviewer")
	f.open(t)
	apptest.RequireRows(t, f.db, 1, func() { require.NoError(t, f.Start(t.Context())) })
	raw(t, f.path, head+" []\n")
	require.Contains(t, f.looks(t).Problem, "the last good one was whole by itself", "no mark, no line")
}

func openFiled(t testing.TB, text string) *filed {
	t.Helper()
	f := &filed{path: filepath.Join(t.TempDir(), "acl.yaml")}
	raw(t, f.path, text)
	f.house = newHouse(t)
	f.person(t, "rita", "reviewer")
	f.open(t)
	return f
}

// Without a mark nobody knows whether more comes, so the file has to stand still for longer.
func TestAFileWithoutAnEndMark(t *testing.T) {
	f := openFiled(t, head+ruleA+"\n")
	require.NoError(t, f.Start(t.Context()))
	require.Equal(t, time.Duration(f.now.Load()), policy.StillOpen, "the start waits as well")

	raw(t, f.path, head+ruleA+ruleB+"\n")
	apptest.RequireRows(t, f.db, 0, func() {
		f.look(t)
		f.pass(policy.StillOpen - 1)
		require.True(t, f.look(t).Valid)
	})
	require.Equal(t, []string{"a"}, ids(f.guard.Rules()))
	f.pass(1)
	require.True(t, f.look(t).Valid)
	require.Equal(t, []string{"a", "b"}, ids(f.guard.Rules()))

	raw(t, f.path, head+"\n  - {id: x, effect: allow, principals: [\"*\"], models: [m1], operations: [infer]}")
	require.Contains(t, f.looks(t).Problem, "its last line has no end")
	require.Equal(t, []string{"a", "b"}, ids(f.guard.Rules()))

	write(t, f.path, head+ruleA)
	f.look(t)
	f.pass(policy.StillEnded)
	require.True(t, f.look(t).Valid, "with a mark nobody waits")
	raw(t, f.path, head+"\n")
	require.False(t, f.looks(t).Valid)
	raw(t, f.path, head+" []\n")
	require.Contains(t, f.looks(t).Problem, "it looks cut off", "and from then on it needs one")

	plain := openHouse(t, f.db, policy.Options{})
	require.NoError(t, plain.Start(t.Context()))
	f.open(t)
	require.NoError(t, f.Start(t.Context()), "the administrators had the rules in between")
	require.Empty(t, f.guard.Rules())
}

// What is written while the server starts is not taken, and taken when it stands still.
func TestAFileThatIsBeingWrittenAtTheStart(t *testing.T) {
	f := openFiled(t, head+ruleA+end)
	more := func(context.Context, time.Duration) error {
		f.pass(policy.StillEnded)
		return os.WriteFile(f.path, []byte(head+ruleA+ruleB+end), 0o600)
	}
	f.Wait(more)
	require.ErrorContains(t, f.Start(t.Context()), "it is being written")
	f.open(t)
	require.NoError(t, f.Start(t.Context()))
	require.Equal(t, []string{"a", "b"}, ids(f.guard.Rules()))
	apptest.RequireRows(t, f.db, 0, func() {
		f.open(t)
		f.Wait(func(context.Context, time.Duration) error { panic("nobody waits for what is in force") })
		require.NoError(t, f.Start(t.Context()))
	})

	write(t, f.path, head+ruleC)
	f.open(t)
	f.Wait(more)
	require.NoError(t, f.Start(t.Context()))
	require.False(t, f.FileState().Valid)
	require.Equal(t, []string{"a", "b"}, ids(f.guard.Rules()))
	require.True(t, f.looks(t).Valid, "the file that was written is the one in force")

	write(t, f.path, head+ruleC)
	f.open(t)
	f.Wait(func(context.Context, time.Duration) error { return context.Canceled })
	apptest.RequireRows(t, f.db, 0, func() { require.NoError(t, f.Start(t.Context())) })
	source, err := f.guard.PolicySource(t.Context())
	require.NoError(t, err)
	require.Equal(t, access.FileSource{Path: f.path, SHA256: source.SHA256, Ended: true}, source)
}
