package verify_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
	"guardhouse/internal/proof"
	"guardhouse/internal/verify"
)

const dayFile = "2026-11-22.notes"

// copyOf answers a copy of the anchor folder with the notes that change makes of them.
func (g *ground) copyOf(t testing.TB, change func(notes string) string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(g.anchor)))
	text, err := os.ReadFile(filepath.Join(dir, dayFile))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, dayFile), []byte(change(string(text))), 0o600))
	return dir
}

// What a crash or a full disk has torn is no change, wherever the tear is.
func TestATornCopyIsNoChange(t *testing.T) {
	g := newGround(t)
	whole, err := os.ReadFile(filepath.Join(g.anchor, dayFile))
	require.NoError(t, err)
	at := strings.LastIndex(string(whole), proof.KindCheckpoint)
	note := string(whole[at:])
	for _, keep := range []int{9, 40, 200, strings.Index(note, "\u2014") + 1, len(note) - 60, len(note) - 2} {
		o := verify.Options{Anchor: g.copyOf(t, func(s string) string { return s[:at+keep] + "\n\n" + note }), Outside: true}
		r := g.altered(t, o, func(*file) {})
		require.Truef(t, r.OK(), "%d: %s", keep, r.Detail)
		require.EqualValues(t, 5, r.Copies)
		require.Len(t, r.NotProvable, 3, "%v", r.NotProvable)
	}
	o := verify.Options{Anchor: g.copyOf(t, func(s string) string { return s[:at+200] }), Outside: true}
	r := g.altered(t, o, func(*file) {})
	require.True(t, r.OK(), r.Detail)
	require.EqualValues(t, 4, r.Copies)
	require.Contains(t, strings.Join(r.NotProvable, "\n"), "was not written to its end")
	o.Anchor = g.copyOf(t, func(s string) string { return strings.Replace(s, "number 3", "number 4", 1) })
	require.Equal(t, audit.Edited, g.altered(t, o, func(*file) {}).Finding, "a change is one")
}

// threat U1: what people keep is read whatever they call it, with or without the keys beside it.
func TestWhatPeopleKeepIsCompared(t *testing.T) {
	g := newGround(t)
	rebuilt := func(f *file) { f.do("DELETE FROM audit_checkpoints"); f.rebuild() }
	whole, err := os.ReadFile(filepath.Join(g.anchor, dayFile))
	require.NoError(t, err)
	dir := t.TempDir()
	for note := range proof.Notes(whole) {
		if f, ok := proof.Peek(note); ok && proof.KindOf(note) == proof.KindCheckpoint {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "kept-"+f.Get("number")+".note"), note, 0o600))
		}
	}
	for _, o := range []verify.Options{{Anchor: dir, Outside: true}, {Anchor: dir, Outside: true, Keys: g.public()}} {
		r := g.altered(t, o, func(*file) {})
		require.True(t, r.OK(), r.Detail)
		require.EqualValues(t, 5, r.Copies)
		require.Equal(t, audit.Rebuilt, g.altered(t, o, rebuilt).Finding)
	}
	one := verify.Options{Anchor: filepath.Join(dir, "kept-3.note"), Outside: true}
	require.EqualValues(t, 1, g.altered(t, one, func(*file) {}).Copies)
	require.Equal(t, audit.Rebuilt, g.altered(t, one, rebuilt).Finding)
	none := g.altered(t, verify.Options{Anchor: t.TempDir(), Outside: true}, func(*file) {})
	require.Contains(t, strings.Join(none.NotProvable, "\n"), "nothing outside this database was compared")
}

// threat U1: a removal needs its row in the log, and a key ends where the next begins.
func TestWhatAnOldKeySignsIsNotBelieved(t *testing.T) {
	g := newGround(t)
	old, now := &ground{signing: signing{t: t, signers: g.signers[:1]}}, g
	bury := func(by *ground, first, last int64, event string) func(f *file) {
		return func(f *file) {
			a, b := f.event(first), f.event(last)
			s := proof.Tombstone{
				Install: install, First: first, Last: last, Rows: last - first + 1, Previous: a.PrevHash, Hash: b.Hash, From: a.At, To: b.At, At: b.At,
				Rule: "audit 180", Event: f.text("SELECT id FROM audit_events WHERE " + event),
			}
			f.do("INSERT INTO audit_tombstones VALUES (?,?,?,?,?,?,?,?,?,?,?)", s.First, s.Last, s.Rows, s.Previous, s.Hash, s.From.UnixMilli(),
				s.To.UnixMilli(), s.At.UnixMilli(), s.Rule, s.Event, string(by.sign(s.Text())))
			f.do("DELETE FROM audit_events WHERE seq BETWEEN ? AND ?", first, last)
		}
	}
	for name, c := range map[string]struct {
		change  func(f *file)
		finding string
	}{
		"for a row of something else":      {bury(now, 42, 44, "seq = 50"), audit.Edited},
		"for another removal":              {bury(now, 42, 44, "seq = 58"), audit.Edited},
		"for a removal before":             {bury(now, 42, 44, "seq = 26"), audit.Edited},
		"for a row that goes with it":      {bury(now, 9, 15, "seq = 12"), audit.Edited},
		"signed with a key that had ended": {bury(old, 9, 15, "seq = 58"), audit.Rebuilt},
		"as it should be":                  {bury(now, 9, 15, "seq = 58"), ""},
		"of rows after the end":            {func(f *file) { f.cut(35); f.do("DELETE FROM audit_events WHERE seq > 24") }, audit.TailCut},
		"a checkpoint under the old key": {func(f *file) {
			c, _, err := proof.ParseCheckpoint([]byte(f.text("SELECT note FROM audit_checkpoints WHERE number = 5")), func() proof.Keys {
				keys := g.public()
				_, err := keys.Learn([]byte(g.notes[1]))
				require.NoError(t, err)
				return keys
			}())
			require.NoError(t, err)
			f.do("UPDATE audit_checkpoints SET key_id = ?, note = ? WHERE number = 5", g.signers[0].ID(), string(old.sign(c.Text())))
		}, audit.Rebuilt},
	} {
		t.Run(name, func(t *testing.T) {
			for _, o := range []verify.Options{g.held(), {}} {
				r := g.altered(t, o, c.change)
				require.Equal(t, c.finding, r.Finding, r.Detail)
			}
		})
	}
}

// threat U1: a key that somebody writes into the database is no key of the log to who keeps copies, and is named to all others.
func TestAKeyThatNothingVouchesFor(t *testing.T) {
	g := newGround(t)
	add := func(f *file) {
		own := newSigner(t)
		k := proof.Key{Install: install, Verifier: own.Verifier(), At: f.event(55).At}
		note, err := own.SignKey(k, nil)
		require.NoError(t, err)
		f.do("INSERT INTO audit_keys VALUES (?,3,?,?,'',?,?)", own.ID(), k.Verifier, k.At.UnixMilli(), string(note), f.event(55).ID)
	}
	require.Equal(t, audit.Rebuilt, g.altered(t, g.outside(), add).Finding)
	require.Equal(t, audit.Rebuilt, g.altered(t, g.held(), add).Finding)
	for _, o := range []verify.Options{{}, {Anchor: g.anchor}} {
		r := g.altered(t, o, add)
		require.True(t, r.OK(), r.Detail)
		require.Contains(t, strings.Join(r.NotProvable, "\n"), "took over without the key before it")
	}
}
