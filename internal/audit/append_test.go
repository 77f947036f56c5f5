package audit_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

func newLog(t testing.TB) (*db.DB, *audit.Log) {
	t.Helper()
	d := apptest.OpenDB(t)
	return d, audit.New(d, contentKey)
}

func TestAppendChains(t *testing.T) {
	_, log := newLog(t)
	seq, hash, _, err := log.Head(t.Context())
	require.NoError(t, err)
	require.Zero(t, seq)
	require.Equal(t, audit.Genesis, hash)
	first, err := log.Record(entry("rita"))
	require.NoError(t, err)
	second, err := log.Record(entry("rita"))
	require.NoError(t, err)
	require.Equal(t, audit.Genesis, first.PrevHash)
	require.Equal(t, first.Hash, second.PrevHash)
	require.EqualValues(t, 2, second.Seq)
	seq, hash, at, err := log.Head(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 2, seq)
	require.Equal(t, second.Hash, hash)
	require.Equal(t, second.At, at)
	got, err := log.Get(t.Context(), second.ID)
	require.NoError(t, err)
	require.Equal(t, second, got, "what is read is what was answered")
	_, err = log.Get(t.Context(), "evt_nobody")
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	requireWhole(t, log)
}

func TestGroupedAppendsSurviveARolledBackMember(t *testing.T) {
	d, log := newLog(t)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			err := d.Write(func(tx *db.Tx) error {
				_, err := log.Append(tx, entry(fmt.Sprint(i)))
				if err == nil && i%3 == 0 {
					err = errors.New("the domain row was refused")
				}
				return err
			})
			if (i%3 == 0) != (err != nil) {
				t.Errorf("member %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 133, requireWhole(t, log).Rows)
}

// threat T4
func TestEqualContentsHaveUnequalHashes(t *testing.T) {
	_, log := newLog(t)
	a, err := log.Record(entry("rita"))
	require.NoError(t, err)
	b, err := log.Record(entry("rita"))
	require.NoError(t, err)
	require.Len(t, a.ContentHash, 64)
	require.NotEqual(t, a.ContentHash, b.ContentHash)
	e := entry("rita")
	e.Content = nil
	c, err := log.Record(e)
	require.NoError(t, err)
	require.Empty(t, c.ContentHash)
	// Where one content ends and the next begins is part of it.
	e.ID, e.Content = "evt_same", [][]byte{[]byte("ab"), []byte("c")}
	one, err := log.Record(e)
	require.NoError(t, err)
	d2 := apptest.OpenDB(t)
	e.Content = [][]byte{[]byte("a"), []byte("bc")}
	two, err := audit.New(d2, contentKey).Record(e)
	require.NoError(t, err)
	require.NotEqual(t, one.ContentHash, two.ContentHash)
}

func TestContentHashVectorOfTheDocument(t *testing.T) {
	data, err := os.ReadFile(page)
	require.NoError(t, err)
	_, tail, ok := strings.Cut(string(data), "<!-- content vector -->")
	require.True(t, ok)
	var v struct {
		Key      string   `json:"key_hex"`
		ID       string   `json:"id"`
		Contents []string `json:"contents"`
		Hash     string   `json:"content_hash"`
	}
	require.NoError(t, json.Unmarshal([]byte(fenced(tail)[0]), &v))
	key, err := hex.DecodeString(v.Key)
	require.NoError(t, err)
	e := entry("rita")
	e.ID, e.Content = v.ID, nil
	for _, c := range v.Contents {
		e.Content = append(e.Content, []byte(c))
	}
	ev, err := audit.New(apptest.OpenDB(t), key).Record(e)
	require.NoError(t, err)
	require.Equal(t, v.Hash, ev.ContentHash)
}

func TestRefusedEntries(t *testing.T) {
	cases := map[string]func(*audit.Entry){
		"fraction in details":      func(e *audit.Entry) { e.Details = map[string]any{"score": 0.5} },
		"too big a number":         func(e *audit.Entry) { e.Details = map[string]any{"n": int64(1) << 53} },
		"a channel":                func(e *audit.Entry) { e.Details = map[string]any{"c": make(chan int)} },
		"details beyond measure":   func(e *audit.Entry) { e.Details = map[string]any{"t": strings.Repeat("x", 1<<17)} },
		"an unknown decision":      func(e *audit.Entry) { e.Decision = "maybe" },
		"no decision":              func(e *audit.Entry) { e.Decision = "" },
		"an unknown kind of actor": func(e *audit.Entry) { e.Actor.Type = "robot" },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			_, log := newLog(t)
			e := entry("rita")
			change(&e)
			_, err := log.Record(e)
			require.Error(t, err)
			require.Zero(t, requireWhole(t, log).Rows)
		})
	}
}

// threat U2
func TestStrangersCannotBloatARow(t *testing.T) {
	d, log := newLog(t)
	e := entry("rita")
	long := strings.Repeat("长", 1<<16) + "\xff\x00"
	e.UserAgent, e.Purpose, e.Resource, e.Model, e.Reason, e.IP, e.Actor.Name = long, long, long, long, long, long, long
	e.Roles = make([]string, 10_000)
	ev, err := log.Record(e)
	require.NoError(t, err)
	require.Less(t, len(audit.Canonical(ev)), 8<<10)
	requireWhole(t, log)
	e = entry("rita")
	e.UserAgent = "a\x00b\xffc"
	ev, err = log.Record(e)
	require.NoError(t, err)
	require.Equal(t, "a\ufffdb\ufffdc", ev.UserAgent)
	require.NotNil(t, d)
	requireWhole(t, log)
}

func TestClockStepsBack(t *testing.T) {
	clock := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	path := apptest.DBPath(t)
	d := apptest.OpenDBAt(t, path, func() time.Time { return clock })
	log := audit.New(d, contentKey)
	first, err := log.Record(entry("rita"))
	require.NoError(t, err)
	clock = clock.Add(-900 * time.Millisecond)
	second, err := log.Record(entry("rita"))
	require.NoError(t, err)
	require.Equal(t, first.At, second.At, "a small correction is no finding")
	requireWhole(t, log)
	clock = clock.Add(-time.Hour)
	_, err = log.Record(entry("rita"))
	require.NoError(t, err)
	r, err := log.Verify(t.Context())
	require.NoError(t, err)
	require.Equal(t, audit.ClockBack, r.Finding)
	require.EqualValues(t, 3, r.At)
}

// details that the canonical form can hold, nested up to three deep.
func detailsGen() *rapid.Generator[map[string]any] {
	leaf := rapid.OneOf(
		rapid.Map(rapid.String(), func(s string) any { return s }),
		rapid.Map(rapid.Int64Range(-(1<<53-1), 1<<53-1), func(n int64) any { return n }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Just[any](nil),
	)
	list := rapid.Map(rapid.SliceOfN(leaf, 0, 3), func(l []any) any { return l })
	inner := rapid.Map(rapid.MapOfN(rapid.String(), rapid.OneOf(leaf, list), 0, 3), func(m map[string]any) any { return m })
	return rapid.MapOfN(rapid.String(), rapid.OneOf(leaf, list, inner), 0, 5)
}

func TestAnyEventIsProvedFromItsJSONAlone(t *testing.T) {
	_, log := newLog(t)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		ev, err := log.Record(audit.Entry{
			Actor: audit.Actor{Type: "user", ID: text.Draw(t, "id"), Name: text.Draw(t, "name")}, Action: text.Draw(t, "action"),
			Decision: audit.Deny, Reason: text.Draw(t, "reason"), UserAgent: text.Draw(t, "agent"),
			Roles: rapid.SliceOfN(text, 0, 3).Draw(t, "roles"), Details: detailsGen().Draw(t, "details"),
			Duration:      time.Duration(rapid.Int64Range(-5, 1<<62).Draw(t, "duration")),
			PolicyVersion: rapid.Int64Range(0, 1<<53-1).Draw(t, "version"),
		})
		if err != nil {
			t.Fatal(err)
		}
		sent, err := json.Marshal(ev)
		if err != nil {
			t.Fatal(err)
		}
		var back audit.Event
		if err := json.Unmarshal(sent, &back); err != nil {
			t.Fatal(err)
		}
		if back.ComputeHash() != ev.Hash || back.Hash != ev.Hash {
			t.Fatalf("%s", sent)
		}
	})
	requireWhole(t, log)
}

// The verifier that docs/audit.md prints is run as it stands there, on rows with everything in them.
func TestVerifierOfTheDocument(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not there: the verifier in docs/audit.md was not run")
	}
	data, err := os.ReadFile(page)
	require.NoError(t, err)
	_, tail, ok := strings.Cut(string(data), "whole verifier of an export")
	require.True(t, ok)
	script := fenced(tail)[0]
	_, log := newLog(t)
	for i := range 300 {
		e := entry(fmt.Sprint("rita ", i))
		e.UserAgent = "\u2028 <&> \x01\x1f\x7f \" \\ / \t\n 😀 " + string(rune(i))
		e.Duration = time.Duration(i*i*i) * time.Microsecond
		e.Details = map[string]any{"n": i - 150, "list": []any{nil, true, "é"}, "é": 1, "Z": 2, "a": map[string]any{"b": -1 << 50}}
		_, err := log.Record(e)
		require.NoError(t, err)
	}
	p, err := log.List(t.Context(), audit.Filter{Limit: 500})
	require.NoError(t, err)
	var export strings.Builder
	for i := range p.Items {
		line, err := json.Marshal(p.Items[len(p.Items)-1-i])
		require.NoError(t, err)
		export.Write(append(line, '\n'))
	}
	run := func(input string) (string, error) {
		cmd := exec.CommandContext(t.Context(), python, "-c", script)
		cmd.Stdin = strings.NewReader(input)
		out, err := cmd.CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	out, err := run(export.String())
	require.NoError(t, err, out)
	require.Equal(t, "300 "+p.Items[0].Hash, out)
	out, err = run(strings.Replace(export.String(), "rita 77", "rosa 77", 1))
	require.Error(t, err)
	require.Equal(t, "row 78 is wrong", out)
	lines := strings.SplitAfter(export.String(), "\n")
	out, err = run(strings.Join(append(lines[:9:9], lines[10:]...), ""))
	require.Error(t, err)
	require.Equal(t, "row 10 is missing", out)
}
