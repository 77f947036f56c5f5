package verify_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
	"guardhouse/internal/proof"
	"guardhouse/internal/verify"
)

func (g *ground) outside() verify.Options { return verify.Options{Anchor: g.anchor, Outside: true} }
func (g *ground) held() verify.Options    { return verify.Options{Keys: g.public()} }

func TestAnUntouchedLogIsProved(t *testing.T) {
	g := newGround(t)
	for name, o := range map[string]verify.Options{verify.Folder: g.outside(), verify.Given: g.held(), verify.Itself: {}} {
		r := g.altered(t, o, func(*file) {})
		require.Truef(t, r.OK(), "%s: %s at %d: %s", name, r.Finding, r.At, r.Detail)
		require.EqualValues(t, rows-pruned, r.Rows)
		require.EqualValues(t, pruned+1, r.First)
		require.EqualValues(t, pruned, r.Pruned)
		require.EqualValues(t, 5, r.Checkpoints)
		require.EqualValues(t, 2, r.Keys)
		require.EqualValues(t, 1, r.Tombstones)
		require.Equal(t, name, r.TrustedBy)
		require.Contains(t, r.NotProvable[1], "tail-cut")
		require.Contains(t, r.NotProvable[2], "restored-old")
	}
	r := g.altered(t, g.outside(), func(*file) {})
	require.EqualValues(t, 5, r.Copies)
	require.Contains(t, r.NotProvable[0], "rebuilt: rows 51 to 60")
	require.Len(t, r.NotProvable, 3)
	require.Contains(t, g.altered(t, verify.Options{}, func(*file) {}).NotProvable[0], "rebuilt: rows 1 to 60")
}

// threat U1: no column of a row can be changed without being found, whatever is put there.
func TestEveryColumnOfARowIsProved(t *testing.T) {
	g := newGround(t)
	f := open(t, writeFile(t, g.data))
	columns := columnsOf(f, "audit_events")
	f.close()
	require.Len(t, columns, 28)
	for _, column := range columns {
		for name, value := range map[string]string{
			"more": column + " || '1'", "other": "'other'", "null": "NULL", "blob": "x'3100ff'", "number": "12345", "bytes": "CAST(x'ff00fe' AS TEXT)",
			"escape": "char(27) || '[31m'",
		} {
			t.Run(column+" "+name, func(t *testing.T) {
				r := g.altered(t, g.held(), func(f *file) { f.do("UPDATE audit_events SET " + column + " = " + value + " WHERE seq = 25") })
				require.False(t, r.OK())
				require.NotContains(t, r.Detail, "\x1b")
				if column != "seq" {
					require.Equal(t, audit.Edited, r.Finding, r.Detail)
					require.EqualValues(t, 25, r.At)
				}
			})
		}
	}
}

// threat U1: neither can what was signed about the rows. What is not signed is named here.
func TestEveryColumnOfTheProofsIsProved(t *testing.T) {
	g := newGround(t)
	unsigned := map[string]bool{"audit_checkpoints.boot_id": true, "audit_checkpoints.boot_ms": true}
	// The number says which is meant: another one leaves a hole.
	other := map[string]string{"audit_checkpoints.number": audit.Deleted, "audit_keys.n": audit.Deleted, "audit_tombstones.note": audit.Deleted}
	for table, where := range map[string]string{"audit_checkpoints": "number = 4", "audit_keys": "n = 2", "audit_tombstones": "first_seq = 1"} {
		f := open(t, writeFile(t, g.data))
		columns := columnsOf(f, table)
		f.close()
		require.Greater(t, len(columns), 6)
		for _, column := range columns {
			for _, value := range []string{"coalesce(CAST(" + column + " AS INTEGER), 0) + 1", column + " || '1'", "NULL", "x'00'"} {
				t.Run(table+" "+column+" "+value, func(t *testing.T) {
					r := g.altered(t, g.outside(), func(f *file) {
						f.do("UPDATE " + table + " SET " + column + " = " + value + " WHERE " + where)
					})
					if unsigned[table+"."+column] {
						require.True(t, r.OK())
						return
					}
					want := other[table+"."+column]
					if want == "" {
						want = audit.Edited
					}
					require.Equal(t, want, r.Finding, r.Detail)
				})
			}
		}
	}
}

func columnsOf(f *file, table string) (out []string) {
	f.t.Helper()
	found, err := f.sql.QueryContext(f.t.Context(), "SELECT name FROM pragma_table_info(?)", table)
	require.NoError(f.t, err)
	defer func() { require.NoError(f.t, found.Close()) }()
	for found.Next() {
		var name string
		require.NoError(f.t, found.Scan(&name))
		out = append(out, name)
	}
	require.NoError(f.t, found.Err())
	return out
}

func writeFile(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "guardhouse.db")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

func (f *file) drop(condition string) { f.do("DELETE FROM audit_events WHERE " + condition) }

// move gives rows other numbers, all at once.
func (f *file) move(to string, condition string) {
	f.do("UPDATE audit_events SET seq = -(" + to + ") WHERE " + condition)
	f.do("UPDATE audit_events SET seq = -seq WHERE seq < 0")
}

func (f *file) insert(seq int64, prev string) {
	f.do("UPDATE audit_events SET seq = seq + 1 WHERE seq >= ?", seq)
	f.do("CREATE TABLE one AS SELECT * FROM audit_events WHERE seq = 12")
	f.do("UPDATE one SET seq = ?, id = 'evt_forged', actor_name = 'forged', prev_hash = ?", seq, prev)
	f.do("INSERT INTO audit_events SELECT * FROM one")
	f.do("UPDATE audit_events SET hash = ? WHERE seq = ?", f.event(seq).ComputeHash(), seq)
}

// cut removes what follows a row, with the checkpoints and the verdicts that know of it.
func (f *file) cut(after int) {
	f.do("DELETE FROM audit_events WHERE seq > ?", after)
	f.do("DELETE FROM audit_checkpoints WHERE seq > ?", after)
	f.do("DELETE FROM verdicts WHERE audit_seq > ?", after)
}

// rebuild edits a row and computes the whole chain anew.
func (f *file) rebuild() {
	f.do("UPDATE audit_events SET decision = 'deny' WHERE seq = 15")
	f.relink(15, rows)
}

// resign makes keys, checkpoints and the tombstone of a forger's own.
func (f *file) resign() {
	other := &signing{t: f.t}
	k := other.rotate(began)
	f.do("DELETE FROM audit_keys")
	f.do("INSERT INTO audit_keys VALUES (?,1,?,?,'',?,(SELECT id FROM audit_events WHERE seq = 59))", k.ID, k.Verifier, k.At.UnixMilli(), other.notes[0])
	f.do("DELETE FROM audit_checkpoints")
	previous := proof.Zero
	for i, seq := range marked() {
		ev := f.event(seq)
		c := proof.Checkpoint{Install: install, Number: int64(i + 1), Seq: seq, Hash: ev.Hash, At: ev.At, Cause: proof.CauseRows, Previous: previous}
		note := other.sign(c.Text())
		f.do("INSERT INTO audit_checkpoints VALUES (?,?,?,?,?,?,?,?,'boot',5)", c.Number, c.Seq, c.Hash, c.At.UnixMilli(), c.Cause, k.ID, c.Previous, string(note))
		previous = proof.Hash(note)
	}
	t := proof.Tombstone{
		Install: install, First: 1, Last: pruned, Rows: pruned, Previous: proof.Zero, Hash: f.event(pruned + 1).PrevHash, From: began.Add(time.Minute),
		To: began.Add(pruned * time.Minute), At: began, Rule: "audit 180", Event: f.text("SELECT event_id FROM audit_tombstones"),
	}
	f.do("UPDATE audit_tombstones SET note = ?", string(other.sign(t.Text())))
}

type attack struct {
	change  func(f *file)
	finding string
	at      int64 // 0: anywhere
}

// attacks are those that need nothing from outside to be found.
func attacks() map[string]attack {
	return map[string]attack{
		"the first row deleted":    {func(f *file) { f.drop("seq = 9") }, audit.Deleted, 9},
		"a middle row deleted":     {func(f *file) { f.drop("seq = 25") }, audit.Deleted, 25},
		"a row of a checkpoint":    {func(f *file) { f.drop("seq = 30") }, audit.Deleted, 30},
		"several rows deleted":     {func(f *file) { f.drop("seq BETWEEN 12 AND 19") }, audit.Deleted, 12},
		"all rows deleted":         {func(f *file) { f.drop("1") }, audit.TailCut, 9},
		"deleted and renumbered":   {func(f *file) { f.drop("seq = 25"); f.move("seq - 1", "seq > 25") }, audit.Deleted, 25},
		"inserted, linked":         {func(f *file) { f.insert(26, f.event(25).Hash) }, audit.Inserted, 26},
		"inserted, linked nowhere": {func(f *file) { f.insert(26, "f00d") }, audit.Inserted, 26},
		"inserted below the first": {func(f *file) { f.do("UPDATE audit_events SET seq = -4 WHERE seq = 40") }, "", 0},
		"two rows swapped":         {func(f *file) { f.move("CASE seq WHEN 25 THEN 26 ELSE 25 END", "seq IN (25, 26)") }, audit.Reordered, 25},
		"a block moved":            {func(f *file) { f.move("CASE WHEN seq < 15 THEN seq + 5 ELSE seq - 5 END", "seq BETWEEN 10 AND 19") }, audit.Reordered, 10},
		"all renumbered":           {func(f *file) { f.move("seq + 3", "1") }, audit.Deleted, 9},
		"the tail cut":             {func(f *file) { f.drop("seq > 45") }, audit.TailCut, 46},
		"the tail behind it cut":   {func(f *file) { f.drop("seq > 52") }, audit.TailCut, 53},
		"edited with its hash": {func(f *file) {
			f.do("UPDATE audit_events SET reason = 'x' WHERE seq = 25")
			f.do("UPDATE audit_events SET hash = ? WHERE seq = 25", f.event(25).ComputeHash())
		}, audit.Edited, 25},
		"that of a checkpoint": {func(f *file) {
			f.do("UPDATE audit_events SET reason = 'x' WHERE seq = 30")
			f.do("UPDATE audit_events SET hash = ? WHERE seq = 30", f.event(30).ComputeHash())
		}, audit.Edited, 30},
		"rebuilt without a key":      {(*file).rebuild, audit.Rebuilt, 20},
		"a clock set back for hours": {func(f *file) { f.do("UPDATE audit_events SET at = at - 7200000 WHERE seq = 55"); f.relink(55, rows) }, audit.ClockBack, 55},
		"a checkpoint deleted":       {func(f *file) { f.do("DELETE FROM audit_checkpoints WHERE number = 3") }, audit.Deleted, 0},
		"the first key deleted":      {func(f *file) { f.do("DELETE FROM audit_keys WHERE n = 1") }, audit.Deleted, 0},
		"the last key deleted":       {func(f *file) { f.do("DELETE FROM audit_keys WHERE n = 2") }, "", 0},
		"checkpoints swapped": {func(f *file) {
			f.do("UPDATE audit_checkpoints SET number = -number WHERE number IN (2, 3)")
			f.do("UPDATE audit_checkpoints SET number = 5 + number WHERE number < 0")
		}, audit.Edited, 0},
		"the tombstone deleted": {func(f *file) { f.do("DELETE FROM audit_tombstones") }, audit.Deleted, 1},
		"a tombstone stretched": {func(f *file) {
			f.drop("seq <= 12")
			f.do("UPDATE audit_tombstones SET last_seq = 12, rows = 12")
		}, audit.Deleted, 9},
		"rows behind a tombstone brought back": {func(f *file) { f.do("UPDATE audit_events SET seq = 5 WHERE seq = 60") }, "", 0},
	}
}

// threat U1
func TestAttacksAreNamed(t *testing.T) {
	g := newGround(t)
	for name, a := range attacks() {
		for who, o := range map[string]verify.Options{"held": g.held(), "outside": g.outside(), "itself": {}} {
			t.Run(name+" "+who, func(t *testing.T) {
				r := g.altered(t, o, a.change)
				require.False(t, r.OK())
				if a.finding != "" {
					require.Equal(t, a.finding, r.Finding, r.Detail)
				}
				if a.at != 0 {
					require.Equal(t, a.at, r.At, r.Detail)
				}
			})
		}
	}
}

// threat U1: what nothing inside can show, an anchor outside does; without one verify says what it cannot prove.
func TestWhatOnlyTheOutsideShows(t *testing.T) {
	g := newGround(t)
	own := func(f *file) { f.rebuild(); f.resign() }
	old := func(f *file) { f.cut(35) }
	for name, c := range map[string]struct {
		change        func(f *file)
		outside, held string
	}{
		"a rebuilt chain under a key of the forger's": {own, audit.Rebuilt, audit.Rebuilt},
		"a tail cut with its checkpoints":             {func(f *file) { f.cut(45) }, audit.RestoredOld, ""},
		"an older whole database":                     {old, audit.RestoredOld, ""},
		"the last checkpoint deleted":                 {func(f *file) { f.do("DELETE FROM audit_checkpoints WHERE number = 5") }, audit.Deleted, ""},
		"all proofs deleted": {func(f *file) {
			f.do("DELETE FROM audit_checkpoints")
			f.rebuild()
		}, audit.Rebuilt, ""},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.outside, g.altered(t, g.outside(), c.change).Finding)
			require.Equal(t, c.held, g.altered(t, g.held(), c.change).Finding)
			r := g.altered(t, verify.Options{}, c.change)
			require.True(t, r.OK(), r.Detail)
			require.Contains(t, fmt.Sprint(r.NotProvable), "rebuilt: rows 1 to")
			require.Contains(t, fmt.Sprint(r.NotProvable), "restored-old: ")
			require.Contains(t, fmt.Sprint(r.NotProvable), "tail-cut: ")
		})
	}
}

func TestARemovalThatWasNotFinishedIsRight(t *testing.T) {
	g := newGround(t)
	full := g.altered(t, g.held(), func(*file) {})
	require.True(t, full.OK())
	t.Run("a second tombstone, half done", func(t *testing.T) {
		half := func(f *file) {
			s := proof.Tombstone{
				Install: install, First: 9, Last: 15, Rows: 7, Previous: f.event(9).PrevHash, Hash: f.event(15).Hash, From: f.event(9).At, To: f.event(15).At, At: began,
				Rule: "audit 180", Event: f.text("SELECT id FROM audit_events WHERE seq = 58"),
			}
			f.do("INSERT INTO audit_tombstones VALUES (?,?,?,?,?,?,?,?,?,?,?)", s.First, s.Last, s.Rows, s.Previous, s.Hash, s.From.UnixMilli(),
				s.To.UnixMilli(), s.At.UnixMilli(), s.Rule, s.Event, string(g.sign(s.Text())))
			f.drop("seq IN (9, 10, 11)")
		}
		r := g.altered(t, g.outside(), half)
		require.True(t, r.OK(), r.Detail)
		require.EqualValues(t, 12, r.First)
		r = g.altered(t, g.outside(), func(f *file) { half(f); f.drop("seq = 13") })
		require.Equal(t, audit.Deleted, r.Finding, "what is left of it stands without a break")
		r = g.altered(t, g.outside(), func(f *file) { half(f); f.drop("seq <= 15") })
		require.True(t, r.OK(), r.Detail)
		require.EqualValues(t, 15, r.Pruned)
	})
}
