package retention_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/proof"
	"guardhouse/internal/retention"
	"guardhouse/internal/verify"
)

const day = 24 * time.Hour

// house is a service over a real gate and a real log, under two clocks that the test turns, with a key of its own that signs.
type house struct {
	t     testing.TB
	db    *db.DB
	log   *audit.Log
	guard *access.Guard
	*retention.Service

	wall   time.Time
	up     time.Duration
	boot   string
	days   retention.Days
	sent   int64 // -1: rows are sent to nobody
	wrote  int64 // -1: nothing is exported at set times
	wrong  string
	rested func()
	batch  int64
	signed func()
	lock   string // a file, "" for none

	signer proof.Signer
	keys   proof.Keys
	last   []byte
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{t: t, wall: time.Date(2025, 1, 1, 9, 0, 0, 0, time.UTC), boot: "first", up: time.Hour, sent: -1, wrote: -1, days: retention.Days{Audit: 365, Sessions: 30}}
	h.db = apptest.OpenDBAt(t, apptest.DBPath(t), h.now)
	h.log = audit.New(h.db, []byte("a key of thirty-two bytes, or so"))
	var err error
	h.guard, err = access.New(t.Context(), h.db, h.log, access.Options{Now: h.now})
	require.NoError(t, err)
	install, err := h.Install(t.Context())
	require.NoError(t, err)
	h.signer, _, err = proof.NewSigner(rand.Reader, install)
	require.NoError(t, err)
	h.keys, err = proof.ParseKeys([]byte(h.signer.Verifier()))
	require.NoError(t, err)
	k := proof.Key{Install: install, ID: h.signer.ID(), Verifier: h.signer.Verifier(), At: h.wall}
	keyNote, err := h.signer.SignKey(k, nil)
	require.NoError(t, err)
	h.exec(`INSERT INTO audit_keys (id, n, verifier, at, previous, note, event_id) VALUES (?, 1, ?, ?, '', ?, '')`, h.signer.ID(), h.signer.Verifier(), h.wall.UnixMilli(), string(keyNote))
	for name, role := range map[string]string{"alice": "admin", "rita": "reviewer"} {
		h.exec(`INSERT INTO users (id, kind, username, username_key, role, status, created_at, updated_at) VALUES (?1, 'person', ?2, ?2, ?3, 'active', 1, 1)`,
			"usr_"+name, name, role)
	}
	h.start()
	return h
}

// start makes the service anew, as a process does that comes after one that was killed.
func (h *house) start() {
	h.Service = retention.New(h.deps())
	if h.batch > 0 {
		h.BeginWith(h.batch)
	}
}

func (h *house) deps() retention.Deps {
	return retention.Deps{
		Lock: h.alone,
		DB:   h.db, Guard: h.guard, Seal: h, Days: func() retention.Days { return h.days }, Now: h.now,
		Keys:      func(context.Context) (proof.Keys, error) { return h.keys, nil },
		Uptime:    func() (string, time.Duration, error) { return h.boot, h.up, nil },
		Verify:    func(context.Context) (string, error) { return h.wrong, nil },
		Forwarded: func(context.Context) (int64, bool, error) { return h.sent, h.sent >= 0, nil },
		Exported:  func(context.Context) (int64, bool, error) { return h.wrote, h.wrote >= 0, nil },
		Rest: func(context.Context, time.Duration) {
			if h.rested != nil {
				h.rested()
			}
		},
		Log: slog.New(slog.NewTextHandler(h.t.Output(), nil)),
	}
}

// alone locks as the product does: by an open file of one's own.
func (h *house) alone() (release func() error, mine bool, err error) {
	if h.lock == "" {
		return func() error { return nil }, true, nil
	}
	f, err := os.OpenFile(h.lock, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, false, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, false, f.Close()
	}
	return f.Close, true, nil
}

func (h *house) now() time.Time { return h.wall }

// pass lets the same time pass on both clocks.
func (h *house) pass(d time.Duration) { h.wall, h.up = h.wall.Add(d), h.up+d }

// Install is part of retention.Seal.
func (h *house) Install(ctx context.Context) (id string, err error) {
	err = h.db.ReadSQL().QueryRowContext(ctx, `SELECT name FROM audit_install`).Scan(&id)
	return id, err
}

// Sign is part of retention.Seal.
func (h *house) Sign(text []byte) ([]byte, error) {
	if h.signed != nil {
		h.signed()
	}
	return h.signer.Sign(text)
}

// Write is part of retention.Seal.
func (h *house) Write(_ context.Context, cause string) error {
	return h.db.Write(func(tx *db.Tx) error {
		c := proof.Checkpoint{Install: h.signer.Install(), Previous: proof.Zero, Hash: proof.Zero, At: tx.Now(), Cause: cause}
		if h.last != nil {
			c.Previous = proof.Hash(h.last)
		}
		err := tx.QueryRow(`SELECT (SELECT count(*) FROM audit_checkpoints) + 1, seq, hash FROM audit_events ORDER BY seq DESC LIMIT 1`).Scan(&c.Number, &c.Seq, &c.Hash)
		if err != nil {
			return err
		}
		text, err := c.Text()
		if err != nil {
			return err
		}
		note, err := h.signer.Sign(text)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO audit_checkpoints (number, seq, hash, at, cause, key_id, previous, note, boot_id, boot_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			c.Number, c.Seq, c.Hash, c.At.UnixMilli(), cause, h.signer.ID(), c.Previous, string(note), h.boot, h.up.Milliseconds())
		tx.AfterCommit(func() { h.last = note })
		return err
	})
}

// rows appends so many rows, each with a verdict, and signs.
func (h *house) rows(n int, who string) {
	h.t.Helper()
	for range n {
		require.NoError(h.t, h.db.Write(func(tx *db.Tx) error {
			ev, err := h.log.Append(tx, audit.Entry{
				Actor: audit.Actor{Type: "user", ID: "usr_" + who, Name: who}, Action: "moderation.run", Operation: "infer", Model: "guard-nano", Decision: audit.Allow,
			})
			if err != nil {
				return err
			}
			_, err = tx.Exec(`INSERT INTO verdicts (id, audit_seq, item, request_id, created_at, owner_id, actor_type, actor_id, actor_name, model_id,
				model_sha256, quantization, template_sha256, policy_version, mode, severity, categories, flagged, action, score_safe, score_contro,
				score_unsafe, score_other, cached, queue_us, model_us, total_us, prompt_tokens, passes, windows)
				VALUES (?1, ?2, 0, '', ?3, ?4, 'user', ?4, ?5, 'guard-nano', '', '', '', 1, 'strict', 'Safe', '[]', 0, 'allow', 1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1)`,
				fmt.Sprintf("mod_%08d", ev.Seq), ev.Seq, ev.At.UnixMilli(), ev.Actor.ID, who)
			return err
		}))
	}
	require.NoError(h.t, h.Write(h.t.Context(), proof.CauseRows))
}

func (h *house) session(id, user string, ends time.Time) {
	h.t.Helper()
	h.exec(`INSERT INTO sessions (id, user_id, kind, epoch, ip, last_ip, user_agent, created_at, last_used_at, expires_at) VALUES (?, ?, 'program', 1, '', '', '', ?, 1, ?)`,
		id, "usr_"+user, ends.Add(-time.Hour).UnixMilli(), ends.UnixMilli())
	h.exec(`INSERT INTO refresh_tokens (token_hash, session_id, created_at, expires_at) VALUES (?1, ?1, 1, 1)`, id)
}

func (h *house) exec(query string, args ...any) {
	h.t.Helper()
	require.NoError(h.t, h.try(query, args...))
}

func (h *house) try(query string, args ...any) error {
	return h.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	})
}

func (h *house) count(query string, args ...any) (n int64) {
	h.t.Helper()
	require.NoError(h.t, h.db.ReadSQL().QueryRowContext(h.t.Context(), query, args...).Scan(&n))
	return n
}

func (h *house) state() retention.State {
	h.t.Helper()
	st, err := h.Get(h.t.Context(), admin())
	require.NoError(h.t, err)
	return st
}

// prune decides and works, as the command line does.
func (h *house) prune() retention.Run {
	h.t.Helper()
	run, err := h.Prune(h.t.Context(), admin())
	require.NoError(h.t, err)
	run, err = h.Work(h.t.Context(), run.ID)
	require.NoError(h.t, err)
	return run
}

func admin() access.Principal {
	return access.Principal{Kind: access.KindUser, UserID: "usr_alice", Name: "alice", Role: "admin"}
}

func reviewer() access.Principal {
	return access.Principal{Kind: access.KindUser, UserID: "usr_rita", Name: "rita", Role: "reviewer"}
}

// lastRow answers the newest row of the log.
func (h *house) lastRow() audit.Event {
	h.t.Helper()
	page, err := h.log.List(h.t.Context(), audit.Filter{Limit: 1})
	require.NoError(h.t, err)
	require.NotEmpty(h.t, page.Items)
	return page.Items[0]
}

func (h *house) row(seq int64) audit.Event {
	h.t.Helper()
	list, err := h.log.After(h.t.Context(), seq-1, 1)
	require.NoError(h.t, err)
	require.NotEmpty(h.t, list)
	return list[0]
}

// refused makes sure that an act was refused with a code, and left the one row that says so.
func (h *house) refused(code fault.Code, act func() error) {
	h.t.Helper()
	before := h.count(`SELECT max(seq) FROM audit_events`)
	require.Equal(h.t, code, fault.CodeOf(act()))
	require.Equal(h.t, before+1, h.count(`SELECT max(seq) FROM audit_events`), "one row")
	ev := h.lastRow()
	require.NotEqual(h.t, audit.Allow, ev.Decision)
	require.Equal(h.t, string(code), ev.Reason)
}

// whole asks the product's verifier, and one that knows nothing of it: rows follow one another, or a tombstone that our key signed stands
// between; what is left under one leads to the hash that it names.
func (h *house) whole() {
	h.t.Helper()
	report, err := verify.Database(h.t.Context(), h.log, verify.Options{})
	require.NoError(h.t, err)
	require.Empty(h.t, report.Finding, report.Detail)
	require.Equal(h.t, h.count(`SELECT max(seq) FROM audit_events`), report.Rows+report.Pruned, "each row is there or under a tombstone")
	type row struct {
		seq        int64
		prev, hash string
	}
	var rows []row
	found, err := h.db.ReadSQL().QueryContext(h.t.Context(), `SELECT seq, prev_hash, hash FROM audit_events ORDER BY seq`)
	require.NoError(h.t, err)
	for found.Next() {
		var r row
		require.NoError(h.t, found.Scan(&r.seq, &r.prev, &r.hash))
		rows = append(rows, r)
	}
	require.NoError(h.t, found.Err())
	require.NoError(h.t, found.Close())
	stones, err := h.log.Tombstones(h.t.Context(), 0, 500)
	require.NoError(h.t, err)
	for _, s := range stones {
		n, _, err := proof.ParseTombstone([]byte(s.Note), h.keys)
		require.NoError(h.t, err)
		require.Equal(h.t, []any{s.First, s.Last, s.PrevHash, s.LastHash, s.EventID}, []any{n.First, n.Last, n.Previous, n.Hash, n.Event})
		for _, r := range rows {
			require.False(h.t, r.seq == s.Last && r.hash != s.LastHash, "the last row under a tombstone has its hash")
		}
	}
	next, hash := int64(1), strings.Repeat("0", 64)
	for _, r := range rows {
		for len(stones) > 0 && stones[0].Last < next {
			stones = stones[1:]
		}
		for r.seq > next {
			require.NotEmpty(h.t, stones, "row %d is missing under no tombstone", next)
			s := stones[0]
			require.Equal(h.t, next, s.First, "row %d is missing under no tombstone", next)
			require.Equal(h.t, hash, s.PrevHash)
			if r.seq <= s.Last {
				next, hash = r.seq, r.prev // the end of what is being removed
				break
			}
			next, hash, stones = s.Last+1, s.LastHash, stones[1:]
		}
		require.Equal(h.t, next, r.seq)
		require.Equal(h.t, hash, r.prev, "row %d", r.seq)
		next, hash = r.seq+1, r.hash
	}
}
