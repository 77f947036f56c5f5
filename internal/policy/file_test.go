package policy_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/policy"
	"guardhouse/internal/rule"
)

// filed is a house whose rules come from a file, under a clock that the test turns.
type filed struct {
	*house
	path string
	now  atomic.Int64 // nanoseconds
	saw  policy.Sight
}

const (
	head = "version: 1\nrules:"
	end  = "\n...\n"
)

func newFiled(t testing.TB, text string) *filed {
	t.Helper()
	f := &filed{path: filepath.Join(t.TempDir(), "acl.yaml")}
	write(t, f.path, text)
	f.house = newHouse(t)
	f.person(t, "rita", "reviewer")
	f.open(t)
	require.NoError(t, f.Start(t.Context()))
	return f
}

// open makes the service anew, as a restart does.
func (f *filed) open(t testing.TB) {
	t.Helper()
	f.house = openHouse(t, f.db, policy.Options{File: f.path, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Unix(1_800_000_000, f.now.Load()) }})
	f.Wait(func(ctx context.Context, d time.Duration) error {
		f.pass(d)
		return ctx.Err()
	})
}

func (f *filed) pass(d time.Duration) { f.now.Add(int64(d)) }

// write puts a whole file there, raw what may be none.
func write(t testing.TB, path, text string) {
	t.Helper()
	raw(t, path, text+end)
}

func raw(t testing.TB, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// looks lets the watcher look for as long as it takes to believe what it sees.
func (f *filed) looks(t testing.TB) policy.FileState {
	t.Helper()
	f.look(t)
	f.pass(policy.StillOpen)
	return f.look(t)
}

func (f *filed) look(t testing.TB) policy.FileState {
	t.Helper()
	f.saw = f.Poll(t.Context(), f.saw)
	return f.FileState()
}

func TestRulesComeFromTheFile(t *testing.T) {
	f := newFiled(t, head+ruleA)
	require.Equal(t, []string{"a"}, ids(f.guard.Rules()), "and no others: there are never two truths")
	require.Equal(t, "file", f.guard.Rules()[0].Origin)
	row := f.house.last(t)
	require.Equal(t, "acl.file", row.Actor.Name)
	require.Equal(t, audit.Allow, row.Decision)
	v, err := f.Model(t.Context(), cli, "m1")
	require.NoError(t, err)
	require.True(t, v.FromFile)
	st := f.FileState()
	require.True(t, st.Valid)
	require.Len(t, st.SHA256, 64)
	require.Equal(t, row.Details["sha256"], st.SHA256)

	write(t, f.path, head+ruleA+ruleC)
	f.look(t)
	f.pass(policy.StillEnded - 1)
	f.look(t)
	require.Len(t, f.guard.Rules(), 1, "what was just written may still be being written")
	f.pass(1)
	f.look(t)
	require.Equal(t, []string{"a", "c"}, ids(f.guard.Rules()))

	apptest.RequireRows(t, f.db, 0, func() { f.looks(t) })
	write(t, f.path, "# a word\n"+head+ruleA+ruleC)
	version := f.guard.PolicyVersion()
	require.True(t, f.looks(t).Valid)
	require.Equal(t, version, f.guard.PolicyVersion(), "the same rules are the same version")

	for name, do := range map[string]func() error{
		"model":  func() error { _, err := f.PutModel(t.Context(), cli, "m1", nil, policy.Write{}); return err },
		"rule":   func() error { return f.Delete(t.Context(), cli, "a", policy.Write{}) },
		"policy": func() error { _, err := f.PutPolicy(t.Context(), cli, rule.File{}, policy.Write{}); return err },
		"undo":   func() error { _, err := f.Undo(t.Context(), cli, version, policy.Write{}); return err },
		"try": func() error {
			_, err := f.PutPolicy(t.Context(), cli, rule.File{}, policy.Write{DryRun: true})
			return err
		},
		"gate": func() error {
			pass, err := f.guard.Enter(t.Context(), cli, access.Op{Action: access.ACLManage})
			require.NoError(t, err)
			_, err = f.guard.PutRules(t.Context(), pass, 0, func([]rule.Rule) ([]rule.Rule, error) { return nil, nil })
			pass.Close(&err)
			return err
		},
		"another process without the setting": func() error {
			_, err := openHouse(t, f.db, policy.Options{}).PutModel(t.Context(), cli, "m1", nil, policy.Write{})
			return err
		},
	} {
		require.Equal(t, fault.Conflict, fault.CodeOf(do()), name)
	}
	require.Len(t, f.guard.Rules(), 2)
}

func TestABadFileKeepsThePolicy(t *testing.T) {
	f := newFiled(t, head+ruleA)
	good := f.whole(t)
	for name, text := range map[string]string{
		"half-written":     "version: 1\nrul",
		"no rules":         "version: 1\n",
		"empty":            "",
		"cut in a rule":    head + ruleA[:40],
		"no YAML":          head + "\n\t- {",
		"unknown field":    head + "\n  - {id: x, effect: deny, principals: [\"*\"], models: [m1], operations: [infer], colour: red}",
		"unknown rate":     head + "\n  - {id: x, effect: allow, principals: [\"*\"], models: [m1], operations: [infer], conditions: {rate_limit: often}}",
		"alias bomb":       "a: &a [x,x]\nb: &b [*a,*a]\nversion: 1\nrules: []",
		"many values":      head + " [" + strings.Repeat("{},", 500_000) + "]",
		"large":            head + ruleA + "\n#" + strings.Repeat("x", rule.MaxFile),
		"unknown user":     head + "\n  - {id: x, effect: deny, principals: [\"user:nobody\"], models: [m1], operations: [infer]}",
		"look-alike":       head + "\n  - {id: x, effect: deny, principals: [\"user:rіta\"], models: [m1], operations: [infer]}", // threat Z7
		"not UTF-8":        head + ruleA + "\n# \xff",
		"too many ranges":  head + "\n  - {id: x, effect: deny, principals: [\"*\"], models: [m1], operations: [infer], conditions: {ip_ranges: [" + strings.Repeat("10.0.0.1,", 1001) + "]}}",
		"more than it may": head + many(10_001),
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			put := write
			if name == "empty" {
				put = raw
			}
			put(t, f.path, text)
			var st policy.FileState
			apptest.RequireRows(t, f.db, 1, func() { st = f.looks(t) })
			require.False(t, st.Valid)
			require.NotEmpty(t, st.Problem)
			row := f.house.last(t)
			require.Equal(t, audit.Error, row.Decision)
			require.Equal(t, "acl_file_invalid", row.Reason)
			require.Equal(t, st.Problem, row.Details["problem"])
			require.Equal(t, good, f.whole(t))
			apptest.RequireRows(t, f.db, 0, func() { f.pass(time.Minute); f.looks(t) })
			require.Less(t, time.Since(began), 20*time.Second, "refused fast")
		})
	}
	require.NoError(t, os.Remove(f.path))
	apptest.RequireRows(t, f.db, 1, func() { require.Contains(t, f.looks(t).Problem, "not there") })
	require.Equal(t, good, f.whole(t))
	write(t, f.path, head+ruleA)
	require.True(t, f.looks(t).Valid)
	require.Empty(t, f.FileState().Problem)
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "\n  - {id: r%d, effect: deny, principals: [\"*\"], models: [m1], operations: [infer]}", i)
	}
	return b.String()
}

func TestWhatIsNoFileIsNotRead(t *testing.T) {
	f := newFiled(t, head+ruleA)
	good := f.whole(t)
	for name, put := range map[string]func(path string) error{
		"pipe":      func(path string) error { return unix.Mkfifo(path, 0o600) },
		"folder":    func(path string) error { return os.Mkdir(path, 0o700) },
		"loop":      func(path string) error { return os.Symlink(path, path) },
		"all write": func(path string) error { write(t, path, head+ruleB); return os.Chmod(path, 0o666) },
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.Remove(f.path))
			require.NoError(t, put(f.path))
			require.False(t, f.looks(t).Valid)
			require.Equal(t, good, f.whole(t))
		})
	}
}

func TestAFileIsReplacedInEveryWay(t *testing.T) {
	f := newFiled(t, head+ruleA)
	dir := filepath.Dir(f.path)
	next := filepath.Join(dir, "next.yaml")
	write(t, next, head+ruleB)
	require.NoError(t, os.Rename(next, f.path))
	f.looks(t)
	require.Equal(t, []string{"b"}, ids(f.guard.Rules()), "atomic replace")

	// As a ConfigMap is mounted: the file is a link through a folder that is swapped.
	for i, text := range []string{ruleA, ruleC} {
		folder := filepath.Join(dir, fmt.Sprintf("..2026_%d", i))
		require.NoError(t, os.Mkdir(folder, 0o700))
		write(t, filepath.Join(folder, "acl.yaml"), head+text)
	}
	data := filepath.Join(dir, "..data")
	require.NoError(t, os.Symlink("..2026_0", data))
	require.NoError(t, os.Remove(f.path))
	require.NoError(t, os.Symlink(filepath.Join("..data", "acl.yaml"), f.path))
	f.looks(t)
	require.Equal(t, []string{"a"}, ids(f.guard.Rules()))
	require.NoError(t, os.Symlink("..2026_1", data+"_tmp"))
	require.NoError(t, os.Rename(data+"_tmp", data))
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "..2026_0")))
	f.looks(t)
	require.Equal(t, []string{"c"}, ids(f.guard.Rules()), "the link leads elsewhere")

	// The same size and the same time of change: only the inode's own clock moved.
	info, err := os.Stat(f.path)
	require.NoError(t, err)
	write(t, f.path, head+strings.Replace(ruleC, "id: c", "id: d", 1))
	require.NoError(t, os.Chtimes(f.path, info.ModTime(), info.ModTime()))
	f.looks(t)
	require.Equal(t, []string{"d"}, ids(f.guard.Rules()))
}

func TestAFileWaitsForThoseWhomItNames(t *testing.T) {
	f := newFiled(t, head+ruleA)
	write(t, f.path, head+"\n  - {id: b, effect: deny, principals: [\"user:bo\"], models: [m1], operations: [infer]}")
	require.Contains(t, f.looks(t).Problem, "rules[0].principals[0]")
	f.person(t, "bo", "nurse")
	f.looks(t)
	require.Equal(t, []string{"a"}, ids(f.guard.Rules()))
	f.pass(6 * time.Second)
	require.True(t, f.looks(t).Valid)
	require.Equal(t, []string{"b"}, ids(f.guard.Rules()))
}

func TestAFileOverridesTheDefault(t *testing.T) {
	f := newFiled(t, "version: 1\ndefault: allow\nrules: []")
	rita := access.Principal{Kind: access.KindUser, UserID: "usr_rita", Name: "rita", Role: "reviewer"}
	require.True(t, f.may(t, rita, "m1"))
	w, err := f.Policy(t.Context(), cli)
	require.NoError(t, err)
	require.Equal(t, "allow", w.Default)
	write(t, f.path, "version: 1\nrules: []")
	f.looks(t)
	require.False(t, f.may(t, rita, "m1"))
	write(t, f.path, "version: 1\ndefault: allow\nrules: []")
	f.looks(t)
	require.NoError(t, openHouse(t, f.db, policy.Options{}).Start(t.Context()))
	require.NoError(t, f.guard.Reload(t.Context()))
	require.False(t, f.may(t, rita, "m1"), "without the file its default is gone")
}

func TestStarting(t *testing.T) {
	f := newFiled(t, head+ruleA)
	f.open(t)
	apptest.RequireRows(t, f.db, 0, func() { require.NoError(t, f.Start(t.Context())) })
	require.True(t, f.FileState().Valid, "a restart with the same file is no change")

	write(t, f.path, "version: 1\nrul")
	f.open(t)
	require.NoError(t, f.Start(t.Context()), "the last good policy from this file is there")
	require.False(t, f.FileState().Valid)
	require.Equal(t, []string{"a"}, ids(f.guard.Rules()))

	other := filepath.Join(filepath.Dir(f.path), "other.yaml")
	write(t, other, "version: 1\nrul")
	f.path = other
	f.open(t)
	require.ErrorContains(t, f.Start(t.Context()), "acl.file "+other, "nothing from this one ever was")

	plain := openHouse(t, f.db, policy.Options{})
	apptest.RequireRows(t, f.db, 1, func() { require.NoError(t, plain.Start(t.Context())) })
	require.NoError(t, plain.Delete(t.Context(), cli, "a", policy.Write{}), "the rules are the administrators' again")
	apptest.RequireRows(t, f.db, 0, func() { require.NoError(t, plain.Start(t.Context())) })
}

func TestAFileIsInForceWithinASecond(t *testing.T) {
	f := newFiled(t, head+ruleA)
	f.house = openHouse(t, f.db, policy.Options{File: f.path, Log: slog.New(slog.DiscardHandler)}) // under the clock that everybody has
	require.NoError(t, f.Start(t.Context()))
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { f.Watch(ctx) })
	defer func() { stop(); work.Wait() }()
	write(t, f.path, head+ruleB)
	require.Eventually(t, func() bool { return f.guard.Rules()[0].ID == "b" }, 20*time.Second, 5*time.Millisecond) // a second on a machine that has time
	require.True(t, f.FileState().Valid)
}
