package checkpoint_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/checkpoint"
	"guardhouse/internal/fault"
	"guardhouse/internal/proof"
)

// threat U1
func TestCheckpointsFollowTheLog(t *testing.T) {
	h := newHouse(t)
	require.NoError(t, h.Start(t.Context()))
	h.Look(t.Context())
	require.Equal(t, []string{proof.CauseRotate, proof.CauseStart}, causes(h.proved()), "nothing is due")
	h.rows(9)
	h.Look(t.Context())
	require.Len(t, h.proved(), 2)
	h.rows(1)
	h.Look(t.Context())
	h.rows(1)
	h.clock.Advance(9 * time.Minute)
	h.Look(t.Context())
	require.Len(t, h.proved(), 3, "too few rows, too little time")
	h.clock.Advance(time.Minute)
	h.Look(t.Context())
	h.clock.Advance(23 * time.Hour)
	h.Look(t.Context())
	require.Len(t, h.proved(), 4, "a log that does not grow is not signed anew")
	h.clock.Advance(time.Hour)
	h.Look(t.Context())
	h.rows(2)
	require.NoError(t, h.Stop(t.Context()))
	require.NoError(t, h.Stop(t.Context()), "once")
	list := h.proved()
	require.Equal(t, []string{proof.CauseRotate, proof.CauseStart, proof.CauseRows, proof.CauseTime, proof.CauseTime, proof.CauseStop}, causes(list))
	seq, hash, _, err := h.log.Head(t.Context())
	require.NoError(t, err)
	require.Equal(t, []any{seq, hash}, []any{list[5].Seq, list[5].Hash}, "the last one covers the last row")
	require.Equal(t, proof.Zero, list[0].Previous)
	require.Equal(t, 6, h.lines("audit checkpoint"), "each is told to the log")
	require.Equal(t, []string{"1", "2", "3", "4", "5", "6"}, copiedNumbers(t, filepath.Join(h.data, "anchor")))
	last := h.State()
	require.EqualValues(t, 6, last.Last.Number)
	require.EqualValues(t, 6, last.Anchor.Number)
	require.Empty(t, last.Problem+last.Anchor.Problem)
	require.False(t, last.Anchor.Outside)
}

func TestAClockThatIsSetBackStopsNoCheckpoint(t *testing.T) {
	h := newHouse(t)
	require.NoError(t, h.Start(t.Context()))
	h.clock.Advance(-48 * time.Hour)
	h.rows(1)
	h.Look(t.Context())
	require.Len(t, h.proved(), 3)
	h.clock.Advance(-48 * time.Hour)
	h.rows(1)
	h.Look(t.Context())
	require.Equal(t, []string{"1", "2", "3", "4"}, copiedNumbers(t, filepath.Join(h.data, "anchor")), "all of it stands in the newest file, where it is looked for")
}

// threat U3
func TestProcessesSignOneChain(t *testing.T) {
	c, path, data := newClock(), apptest.DBPath(t), t.TempDir()
	houses := []*house{at(t, data, path, c, nil), at(t, data, path, c, nil), at(t, data, path, c, nil)}
	require.NoError(t, houses[0].Start(t.Context()))
	var work sync.WaitGroup
	for _, h := range houses {
		work.Go(func() {
			for range 20 {
				if err := h.Write(context.Background(), proof.CauseManual); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	require.Len(t, houses[0].proved(), 62)
	houses[0].Look(t.Context())
	require.Len(t, copiedNumbers(t, filepath.Join(data, "anchor")), 62, "each once")
}

func TestTakeLeavesARowThatTheCheckpointCovers(t *testing.T) {
	h := newHouse(t)
	row, err := h.Take(t.Context(), access.System("root"))
	require.NoError(t, err)
	seq, hash, _, err := h.log.Head(t.Context())
	require.NoError(t, err)
	require.Equal(t, []any{seq, hash, proof.CauseManual}, []any{row.Seq, row.Hash, row.Cause})
	apptest.RequireRows(t, h.db, 1, func() {
		_, err := h.Take(t.Context(), access.Principal{Kind: access.KindUser, UserID: "usr_nobody", Name: "nobody", Role: "guest"})
		require.Equal(t, fault.Forbidden, fault.CodeOf(err))
	})
	require.Len(t, h.proved(), 2)
}

func TestRotation(t *testing.T) {
	h := newHouse(t)
	require.NoError(t, h.Start(t.Context()))
	before, err := h.Keys(t.Context())
	require.NoError(t, err)
	other := at(t, h.data, dbPath(t, h), h.clock, nil)
	require.NoError(t, other.Write(t.Context(), proof.CauseManual), "it knows the first key")
	h.clock.Advance(time.Minute)
	var k checkpoint.KeyRow
	apptest.RequireRows(t, h.db, 1, func() { k, err = h.Rotate(t.Context(), access.System("root")) })
	require.NoError(t, err)
	require.Equal(t, before[0].ID, k.Previous)
	require.NoError(t, other.Write(t.Context(), proof.CauseManual))
	list := h.proved()
	require.Equal(t, []string{proof.CauseRotate, proof.CauseStart, proof.CauseManual, proof.CauseRotate, proof.CauseManual}, causes(list))
	page, err := h.List(t.Context(), "", 2)
	require.NoError(t, err)
	require.Equal(t, []string{k.ID, k.ID}, []string{page.Items[0].KeyID, page.Items[1].KeyID}, "another process signs with the new key at once")
	ev, err := h.log.Get(t.Context(), k.EventID)
	require.NoError(t, err)
	require.Equal(t, list[3].Seq, ev.Seq, "the first checkpoint of the new key covers the row of the change")
	require.Equal(t, "audit-key:"+k.ID, ev.Resource)
	require.Equal(t, map[string]any{"change": "rotate", "before": before[0].ID}, ev.Details)
	files, err := filepath.Glob(filepath.Join(h.data, "audit", "*.key"))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(h.data, "audit", k.ID+".key")}, files, "what signs no more cannot be stolen")
	keys, err := h.Keys(t.Context())
	require.NoError(t, err)
	require.Equal(t, k.At, keys[0].Until)
	published, err := os.ReadFile(filepath.Join(h.data, "anchor", "public-keys"))
	require.NoError(t, err)
	parsed, err := proof.ParseKeys(published)
	require.NoError(t, err)
	require.Equal(t, 2, parsed.Len())
}

func TestWhoMayRotate(t *testing.T) {
	h := newHouse(t)
	require.NoError(t, h.Start(t.Context()))
	require.NoError(t, exec(h, `INSERT INTO users (id, kind, username, username_key, role, status, created_at, updated_at)
		VALUES ('usr_a', 'person', 'ada', 'ada', 'admin', 'active', 0, 0)`))
	admin := access.Principal{Kind: access.KindUser, UserID: "usr_a", Name: "ada", Role: "admin"}
	for name, c := range map[string]struct {
		change func(*access.Principal)
		want   fault.Code
	}{
		"a guest":                        {func(p *access.Principal) { p.Role = "guest" }, fault.Forbidden},
		"nobody":                         {func(p *access.Principal) { *p = access.Anonymous(access.Origin{}) }, fault.Forbidden},
		"a session without its password": {func(p *access.Principal) { p.Unconfirmed = true }, fault.ConfirmationRequired},
		"a key of somebody who may":      {func(p *access.Principal) { p.Kind, p.KeyID = access.KindKey, "key_1" }, fault.Forbidden},
	} {
		t.Run(name, func(t *testing.T) {
			p := admin
			c.change(&p)
			apptest.RequireRows(t, h.db, 1, func() {
				_, err := h.Rotate(t.Context(), p)
				require.Equal(t, c.want, fault.CodeOf(err), "%v", err)
			})
			keys, err := h.Keys(t.Context())
			require.NoError(t, err)
			require.Len(t, keys, 1)
			files, err := filepath.Glob(filepath.Join(h.data, "audit", "*"))
			require.NoError(t, err)
			require.Len(t, files, 1, "a refused rotation leaves no key behind")
		})
	}
}

// threat U1
func TestALostKeyIsSaid(t *testing.T) {
	h := newHouse(t)
	require.NoError(t, h.Start(t.Context()))
	first, err := h.Keys(t.Context())
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(h.data, "audit", first[0].ID+".key")))
	again := at(t, h.data, dbPath(t, h), h.clock, nil)
	require.NoError(t, again.Start(t.Context()))
	keys, err := again.Keys(t.Context())
	require.NoError(t, err)
	require.Len(t, keys, 2)
	require.Empty(t, keys[1].Previous)
	require.Equal(t, 1, again.lines("the audit log's key is gone"))
	ev, err := again.log.Get(t.Context(), keys[1].EventID)
	require.NoError(t, err)
	require.Equal(t, map[string]any{"change": "lost", "before": first[0].ID}, ev.Details)
	trusted, err := proof.ParseKeys([]byte(first[0].Verifier))
	require.NoError(t, err)
	_, err = trusted.Learn([]byte(keys[1].Note))
	require.ErrorIs(t, err, proof.ErrUnknownKey, "who holds the old key is not talked into the new one")
	published, err := os.ReadFile(filepath.Join(h.data, "anchor", "public-keys"))
	require.NoError(t, err)
	require.Contains(t, string(published), "nothing vouches for it")
	require.Contains(t, string(published), "\n# "+keys[1].Verifier+"\n", "to who keeps the folder it is no key yet")
}

func TestKeyFilesThatAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"others can read it": func(path string) error { return os.Chmod(path, 0o640) },
		"another's bytes":    func(path string) error { return os.WriteFile(path, []byte("PRIVATE+KEY+x\n"), 0o600) },
		"emptied":            func(path string) error { return os.Truncate(path, 0) },
		"a link": func(path string) error {
			if err := os.Rename(path, path+".away"); err != nil {
				return err
			}
			return os.Symlink(path+".away", path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			require.NoError(t, h.Start(t.Context()))
			keys, err := h.Keys(t.Context())
			require.NoError(t, err)
			require.NoError(t, spoil(filepath.Join(h.data, "audit", keys[0].ID+".key")))
			again := at(t, h.data, dbPath(t, h), h.clock, nil)
			require.Error(t, again.Start(t.Context()))
			keys, err = again.Keys(t.Context())
			require.NoError(t, err)
			require.Len(t, keys, 1, "a key that is there in the wrong way is nothing to replace by itself")
		})
	}
}

func TestAKeyFolderThatIsNotMounted(t *testing.T) {
	h := at(t, t.TempDir(), apptest.DBPath(t), newClock(), func(o *checkpoint.Options) { o.KeyDir = filepath.Join(t.TempDir(), "away") })
	err := h.Start(t.Context())
	require.Error(t, err)
	require.Contains(t, fault.From(err).Message, "audit.key_dir")
}

func TestKeysLieApartFromTheDatabase(t *testing.T) {
	apart := t.TempDir()
	h := at(t, t.TempDir(), apptest.DBPath(t), newClock(), func(o *checkpoint.Options) { o.KeyDir = apart })
	require.NoError(t, h.Start(t.Context()))
	keys, err := h.Keys(t.Context())
	require.NoError(t, err)
	info, err := os.Stat(filepath.Join(apart, keys[0].ID+".key"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	secret, err := os.ReadFile(filepath.Join(apart, keys[0].ID+".key"))
	require.NoError(t, err)
	data, err := os.ReadFile(dbPath(t, h))
	require.NoError(t, err)
	private := strings.SplitN(strings.TrimSpace(string(secret)), "+", 5)[4]
	require.NotContains(t, string(data)+h.said.String(), private)
}

func TestCheckpointsAreAppendOnly(t *testing.T) {
	h := newHouse(t)
	require.NoError(t, h.Start(t.Context()))
	for _, query := range []string{
		`DELETE FROM audit_checkpoints`, `UPDATE audit_checkpoints SET seq = 1`, `DELETE FROM audit_keys`, `UPDATE audit_keys SET note = ''`,
	} {
		require.Error(t, exec(h, query), query)
	}
}

func TestNotesOfARange(t *testing.T) {
	h := newHouse(t)
	require.NoError(t, h.Start(t.Context())) // 1 and 2 cover row 1
	for range 4 {
		h.rows(10)
		h.Look(t.Context()) // 3 covers 11, 4 covers 21, 5 covers 31, 6 covers 41
	}
	numbers := func(first, last int64) (out []string) {
		keys := 0
		require.NoError(t, h.Notes(t.Context(), first, last, func(kind, note string) error {
			if kind == "key" {
				keys++
				require.Empty(t, out, "keys come first")
				return nil
			}
			f, ok := proof.Peek([]byte(note))
			require.True(t, ok)
			out = append(out, f.Get("number"))
			return nil
		}))
		require.Equal(t, 1, keys)
		return out
	}
	require.Equal(t, []string{"3", "4", "5"}, numbers(12, 22))
	require.Equal(t, []string{"1", "2", "3", "4", "5", "6"}, numbers(1, 41))
	require.Equal(t, []string{"6"}, numbers(1000, 2000))
}

func TestListIsPagedByKey(t *testing.T) {
	h := newHouse(t)
	require.NoError(t, h.Start(t.Context()))
	for range 5 {
		require.NoError(t, h.Write(t.Context(), proof.CauseManual))
	}
	var seen []int64
	cursor := ""
	for {
		p, err := h.List(t.Context(), cursor, 3)
		require.NoError(t, err)
		for _, r := range p.Items {
			seen = append(seen, r.Number)
		}
		if cursor = p.NextCursor; cursor == "" {
			break
		}
	}
	require.Equal(t, []int64{7, 6, 5, 4, 3, 2, 1}, seen)
	for _, bad := range []string{"0", "-1", "01", "x", "9223372036854775808", "1 OR 1=1"} {
		_, err := h.List(t.Context(), bad, 3)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), bad)
	}
}
