package canary_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/canary"
	"guardhouse/internal/db"
	"guardhouse/internal/moderation"
)

// meddling has something happen while a guard answers.
type meddling struct {
	canary.Judge
	meanwhile func()
}

func (d *meddling) Examine(ctx context.Context, p access.Principal, a access.Action, id string, inputs []moderation.Input, conclude func([]moderation.Rejudged) moderation.Concluded) error {
	return d.Judge.Examine(ctx, p, a, id, inputs, func(said []moderation.Rejudged) moderation.Concluded {
		if d.meanwhile != nil {
			d.meanwhile()
			d.meanwhile = nil
		}
		return conclude(said)
	})
}

// A person who records while the server looks is neither overlooked nor overwritten, whatever the server found.
func TestWhatIsRecordedWhileAGuardAnswersCounts(t *testing.T) {
	for name, c := range map[string]struct{ recorded, turned bool }{
		"nothing was recorded": {false, false}, "it passes": {true, false}, "it drifts": {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			say, turned := turning()
			r := newRig(t, nil, say, moderation.Options{})
			if c.recorded {
				r.look(t)
			}
			d := &meddling{Judge: r.svc}
			r.judging(t, d)
			turned.Store(c.turned)
			d.meanwhile = func() { // another process, on whose machine it answers otherwise
				turned.Store(true)
				other, err := canary.New(canary.Deps{DB: r.db, Audit: r.log, Catalog: r.cat, Judge: r.svc}, canary.Options{})
				require.NoError(t, err)
				m, err := r.cat.Resolve(t.Context(), "")
				require.NoError(t, err)
				require.NoError(t, other.Record(t.Context(), access.System("tester"), m))
			}
			r.look(t)
			r.now = r.now.Add(10 * time.Second)
			require.Len(t, r.look(t), 1, "what was recorded meanwhile is noticed")
			require.Equal(t, canary.Passed, r.state(t).Result)
			turned.Store(false)
			r.restart(t)
			r.look(t)
			require.Equal(t, canary.Drifted, r.state(t).Result, "it is held to what the person recorded")
		})
	}
}

// The row names the text that is stored: a program that would write the same answers otherwise takes them for the same.
func TestABaselineOfAnEarlierProgramIsNotEdited(t *testing.T) {
	r := newRig(t, nil, nil, moderation.Options{})
	r.look(t)
	text := r.stored(t)
	text = "[ " + strings.TrimPrefix(text, "[")
	pass, err := r.guard.Enter(t.Context(), access.Server("canary"), access.Op{Action: access.ModelManage, ModelSHA256: r.nano(t).SHA256})
	require.NoError(t, err)
	sum := sha256.Sum256([]byte(text))
	_, err = pass.Commit(t.Context(), access.Outcome{Details: map[string]any{"answers_sha256": hex.EncodeToString(sum[:])}}, func(tx *db.Tx, ev audit.Event) error {
		_, err := tx.Exec("UPDATE canary_baselines SET answers = ?, event_id = ?", text, ev.ID)
		return err
	})
	require.NoError(t, err)
	for range 2 { // the row of the first vouches for the second
		r.restart(t)
		r.look(t)
		require.Equal(t, canary.Passed, r.state(t).Result)
	}
	require.Equal(t, text, r.stored(t))
}

// prune removes the last row that vouches for a baseline, as retention does.
func (r *rig) prune(t testing.TB) {
	t.Helper()
	require.NoError(t, r.judge(t)) // a row behind it
	require.NoError(t, r.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO audit_tombstones (first_seq, last_seq, rows, prev_hash, last_hash, from_at, to_at, at, rule, event_id, note)
			SELECT seq, seq, 1, prev_hash, hash, at, at, at, '', '', '' FROM audit_events WHERE id = (SELECT event_id FROM canary_baselines)`)
		if err == nil {
			_, err = tx.Exec("DELETE FROM audit_events WHERE id = (SELECT event_id FROM canary_baselines)")
		}
		return err
	}))
}

// A guard that was away for longer than the log keeps its row is recorded anew, with a row, and nobody is called a forger; an id
// that is newer than all that was removed is a forged one as before.
func TestABaselineWhoseRowWasPrunedIsRecordedAnew(t *testing.T) {
	r := newRig(t, nil, nil, moderation.Options{})
	r.look(t)
	r.prune(t)
	r.restart(t)
	rows := r.look(t)
	require.Equal(t, "recorded", rows[0].Details["canaries"])
	require.Equal(t, canary.Passed, r.state(t).Result)
	require.NoError(t, r.judge(t))
	r.restart(t)
	require.Equal(t, canary.Passed, r.look(t)[0].Details["canaries"])
	require.NoError(t, r.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec("UPDATE canary_baselines SET event_id = ?", audit.NewID(tx.Now().Add(time.Hour)))
		return err
	}))
	r.restart(t)
	r.look(t)
	require.Equal(t, canary.Edited, r.state(t).Result)
}

// threat M9: an old id that somebody made up wins no more than taking the baseline away: what comes with the program counts.
func TestABaselineWhoseRowWasPrunedDoesNotHideTheProgramsOwn(t *testing.T) {
	say, turned := turning()
	r := newRig(t, nil, say, moderation.Options{})
	b := r.said(t, "")
	r.look(t)
	r.prune(t)
	r.builtin = []canary.Baseline{b}
	r.restart(t)
	r.look(t)
	require.True(t, r.state(t).Builtin)
	require.Equal(t, canary.Passed, r.state(t).Result)
	require.Empty(t, r.look(t), "nothing changed")
	turned.Store(true)
	r.restart(t)
	r.look(t)
	require.Equal(t, canary.Drifted, r.state(t).Result)
}
