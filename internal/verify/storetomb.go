package verify

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"time"

	"guardhouse/internal/audit"
	"guardhouse/internal/proof"
)

const tombstonesSQL = `SELECT first_seq, last_seq, rows, prev_hash, last_hash, from_at, to_at, at, rule, event_id, note
FROM audit_tombstones ORDER BY first_seq`

// stone is a tombstone that is what was signed.
type stone struct {
	proof.Tombstone
	signer string
}

// readTombstones takes those that are signed as gaps; rows behind any other are missing.
func (g *gathering) readTombstones(ctx context.Context, tx *sql.Tx) error {
	var stones []stone
	err := each(ctx, tx, tombstonesSQL, func(r *cells) {
		row := proof.Tombstone{
			Install: g.install, First: r.whole(), Last: r.whole(), Rows: r.whole(), Previous: r.text(), Hash: r.text(), From: r.time(), To: r.time(),
			At: r.time(), Rule: r.text(), Event: r.text(),
		}
		t, signer, err := proof.ParseTombstone([]byte(r.text()), g.keys)
		switch {
		case err != nil:
			g.wrong(refusedBy(err), "the tombstone of row %d %s", row.First, because(err))
		case !sameTombstone(t, row):
			g.wrong(audit.Edited, "the row of the tombstone of row %d is not what its note says", row.First)
		default:
			stones = append(stones, stone{t, signer})
		}
		if err != nil || t.Install != g.install {
			g.found.Refused = append(g.found.Refused, audit.Gap{First: row.First, Last: row.Last})
			return
		}
		g.report.Tombstones++
		g.found.Gaps = append(g.found.Gaps, audit.Gap{First: t.First, Last: t.Last, Previous: t.Previous, Hash: t.Hash})
	})
	if err != nil {
		return err
	}
	return g.removals(ctx, tx, stones)
}

func sameTombstone(a, b proof.Tombstone) bool {
	if !a.From.Equal(b.From) || !a.To.Equal(b.To) || !a.At.Equal(b.At) {
		return false
	}
	a.From, a.To, a.At = b.From, b.To, b.At
	return a == b
}

// removals holds each tombstone to the row of the removal that it names. Such a row may lie under a later tombstone, which has
// one itself: a chain of removals ends in a row that is there.
func (g *gathering) removals(ctx context.Context, tx *sql.Tx, stones []stone) error {
	acts := map[string]removal{}
	var since time.Time // the oldest row under the tombstones that are accepted so far
	for _, t := range slices.Backward(stones) {
		act, known := acts[t.Event]
		if !known {
			var err error
			if act, err = removalOf(ctx, tx, t.Event); err != nil {
				return err
			}
			acts[t.Event] = act
		}
		switch {
		case act.seq == 0 && !since.IsZero() && !since.After(t.At):
		case act.seq == 0 && act.last < t.At.UnixMilli():
			g.wrong(audit.TailCut, "the tombstone of row %d is newer than the last row: the row of its removal is missing", t.First)
			continue
		case act.seq == 0:
			g.wrong(audit.Edited, "the tombstone of row %d names an audit row that is not there", t.First)
			continue
		case act.upTo < t.Last || act.seq <= t.Last:
			g.wrong(audit.Edited, "the tombstone of row %d names an audit row that is not that of its removal", t.First)
			continue
		case g.signers[t.signer].over(act.seq):
			g.wrong(audit.Rebuilt, "the tombstone of row %d is signed with a key that had been replaced", t.First)
			continue
		}
		if since.IsZero() || t.From.Before(since) {
			since = t.From
		}
	}
	return nil
}

// removal is the row of a removal: its number, 0 where there is none, and up to which row it was about, 0 for a row of
// something else. last is the time of the newest row.
type removal struct{ seq, upTo, last int64 }

func removalOf(ctx context.Context, tx *sql.Tx, id string) (act removal, err error) {
	if err := tx.QueryRowContext(ctx, "SELECT max(at) FROM audit_events").Scan(&nullable{&act.last}); err != nil {
		return act, err
	}
	err = each(ctx, tx, "SELECT seq, action, decision, details FROM audit_events WHERE id = ?", func(r *cells) {
		seq, action, decision, details := r.whole(), r.text(), r.text(), r.text()
		var said struct {
			Change string `json:"change"`
			UpTo   int64  `json:"up_to"`
		}
		act.seq = seq
		if json.Unmarshal([]byte(details), &said) == nil && action == "settings.manage" && decision == audit.Allow && said.Change == "prune" {
			act.upTo = said.UpTo
		}
	}, id)
	return act, err
}
