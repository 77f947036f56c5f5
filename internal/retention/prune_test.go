package retention_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/proof"
	"guardhouse/internal/retention"
)

// aged is a log of 40 old rows of two people and 10 young ones.
func aged(t testing.TB) *house {
	t.Helper()
	h := newHouse(t)
	h.rows(10, "alice")
	h.pass(day)
	h.rows(10, "rita")
	h.pass(day)
	h.rows(20, "alice")
	h.session("ses_old", "rita", h.wall.Add(-time.Hour))
	h.pass(366 * day)
	h.session("ses_young", "rita", h.wall)
	h.rows(10, "alice")
	return h
}

func TestADryRunIsWhatARunDoes(t *testing.T) {
	h := aged(t)
	before := h.count(`SELECT max(seq) FROM audit_events`)
	plan := h.state().Plan
	require.Empty(t, plan.Stopped)
	require.Equal(t, []int64{40, 40, 1, 1, 40}, []int64{plan.Rows, plan.Verdicts, plan.Sessions, plan.FirstSeq, plan.LastSeq})
	require.Equal(t, before, h.count(`SELECT max(seq) FROM audit_events`), "looking leaves nothing")

	run := h.prune()
	require.Equal(t, []int64{40, 40, 1}, []int64{run.Rows, run.Verdicts, run.Sessions})
	require.Equal(t, []int64{40, 40, 1, 1}, []int64{run.RowsGone, run.VerdictsGone, run.SessionsGone, run.Tombstones})
	require.NotNil(t, run.FinishedAt)
	require.Empty(t, run.Problem)
	require.Equal(t, int64(41), h.count(`SELECT min(seq) FROM audit_events`))
	require.Equal(t, int64(10), h.count(`SELECT count(*) FROM verdicts`))
	require.Equal(t, int64(1), h.count(`SELECT count(*) FROM sessions`))
	require.Equal(t, int64(1), h.count(`SELECT count(*) FROM refresh_tokens`))
	h.whole()

	ev := h.lastRow()
	require.Equal(t, before+2, ev.Seq, "a row before it and one behind it")
	require.Equal(t, "pruned", ev.Details["change"])
	begin := h.row(ev.Seq - 1)
	require.Equal(t, []any{run.EventID, "settings.manage", "prune"}, []any{begin.ID, begin.Action, begin.Details["change"]})
	c, _, err := proof.ParseCheckpoint(h.last, h.keys)
	require.NoError(t, err)
	require.Equal(t, []any{proof.CausePrune, ev.Seq}, []any{c.Cause, c.Seq}, "and a checkpoint after it")

	st, ok, err := h.log.TombstoneOf(t.Context(), 17)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, []any{int64(1), int64(40), int64(40), "retention.audit=365d"}, []any{st.First, st.Last, st.Rows, st.Rule})
	_, ok, err = h.log.TombstoneOf(t.Context(), 41)
	require.NoError(t, err)
	require.False(t, ok)

	again := h.state()
	require.Zero(t, again.Plan.Rows+again.Plan.Verdicts+again.Plan.Sessions)
	require.Len(t, again.Runs, 1)
	look, err := h.Daily(t.Context())
	require.NoError(t, err)
	require.Equal(t, "nothing", look.Result)
	require.Equal(t, ev.Seq, h.lastRow().Seq, "a day with nothing to do leaves no row")
}

func TestKindsHaveTimesOfTheirOwn(t *testing.T) {
	h := aged(t)
	h.days = retention.Days{Verdicts: 90}
	run := h.prune()
	require.Equal(t, []int64{0, 40, 0, 0}, []int64{run.RowsGone, run.VerdictsGone, run.SessionsGone, run.Tombstones})
	h.days = retention.Days{Sessions: 30}
	require.Equal(t, int64(1), h.prune().SessionsGone)
	h.days = retention.Days{Audit: 2190}
	h.refused(fault.Conflict, func() error {
		_, err := h.Prune(t.Context(), admin())
		return err
	})
	require.Equal(t, retention.StoppedYoung, h.state().Plan.Stopped)
	h.days = retention.Days{}
	require.Equal(t, retention.StoppedOff, h.state().Plan.Stopped, "nothing goes until somebody says so")
	h.days = retention.Days{Audit: 365, Verdicts: 2190}
	require.Equal(t, int64(40), h.state().Plan.Rows, "no verdict outlives its row")
	h.prune()
	require.Zero(t, h.count(`SELECT count(*) FROM verdicts v LEFT JOIN audit_events a ON a.seq = v.audit_seq WHERE a.seq IS NULL`))
}

// threat U4: the clock ten years ahead, by a step or over a reboot: nothing is removed, also not when somebody confirms the step.
func TestTheClockIsNoEraser(t *testing.T) {
	for name, ahead := range map[string]func(h *house){
		"a step": func(h *house) { h.wall = h.wall.AddDate(10, 0, 0) },
		"a step that a checkpoint has seen": func(h *house) {
			h.wall = h.wall.AddDate(10, 0, 0)
			h.rows(1, "alice")
			h.pass(time.Hour)
			h.rows(1, "alice")
		},
		"a reboot": func(h *house) { h.wall, h.boot, h.up = h.wall.AddDate(10, 0, 0), "second", time.Minute },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.rows(10, "alice")
			h.pass(day)
			h.rows(10, "alice")
			ahead(h)
			rows := h.count(`SELECT count(*) FROM audit_events`)
			plan := h.state().Plan
			require.Equal(t, retention.StoppedClock, plan.Stopped)
			require.Len(t, plan.Questions, 1)
			look, err := h.Daily(t.Context())
			require.NoError(t, err)
			require.Equal(t, retention.StoppedClock, look.Result)
			require.Equal(t, rows, h.count(`SELECT count(*) FROM audit_events`), "nothing went, and no row was made of it")
			h.refused(fault.Conflict, func() error {
				_, err := h.Prune(t.Context(), admin())
				return err
			})
			require.Equal(t, int64(20), h.count(`SELECT count(*) FROM audit_events WHERE seq <= 20`))
		})
	}
}

func TestAConfirmedStepAgesNothing(t *testing.T) {
	h := newHouse(t)
	h.rows(10, "alice")
	h.wall = h.wall.AddDate(10, 0, 0)
	h.refused(fault.Invalid, func() error { return h.ConfirmClock(t.Context(), admin(), " ") })
	require.NoError(t, h.ConfirmClock(t.Context(), admin(), "the battery was empty"))
	ev := h.lastRow()
	require.Equal(t, "clock", ev.Details["change"])
	plan := h.state().Plan
	require.Empty(t, plan.Questions)
	require.Equal(t, retention.StoppedYoung, plan.Stopped, "the machine has counted no year")
	h.refused(fault.Conflict, func() error { return h.ConfirmClock(t.Context(), admin(), "again") })

	h.pass(366 * day)
	h.rows(1, "alice")
	require.Empty(t, h.state().Plan.Stopped)
	require.Positive(t, h.state().Plan.Rows, "from here on it is old")
}

func TestOnlyWhoMayPrunes(t *testing.T) {
	h := aged(t)
	unconfirmed := admin()
	unconfirmed.Unconfirmed = true
	acts := map[string]func() error{}
	for code, p := range map[fault.Code]func() error{
		fault.Forbidden:            func() error { _, err := h.Prune(t.Context(), reviewer()); return err },
		fault.ConfirmationRequired: func() error { _, err := h.Prune(t.Context(), unconfirmed); return err },
	} {
		acts[string(code)] = p
		before := h.count(`SELECT max(seq) FROM audit_events`)
		require.Equal(t, code, fault.CodeOf(p()))
		require.Equal(t, before+1, h.count(`SELECT max(seq) FROM audit_events`))
		require.Equal(t, audit.Deny, h.lastRow().Decision)
	}
	require.Len(t, acts, 2)
	_, err := h.Get(t.Context(), reviewer())
	require.Equal(t, fault.Forbidden, fault.CodeOf(err))
	require.Equal(t, int64(40), h.state().Plan.Rows, "all is there")
}

// What does not verify is evidence, and a checkpoint that is not ours decides nothing.
func TestWhatIsNotProvedStays(t *testing.T) {
	t.Run("a log that does not verify", func(t *testing.T) {
		h := aged(t)
		h.wrong = "edited at row 7"
		run := h.prune()
		require.Contains(t, run.Problem, "edited at row 7")
		require.Equal(t, retention.WhyBroken, run.Why())
		require.Zero(t, run.RowsGone+run.VerdictsGone+run.SessionsGone, "also no verdict and no session")
		require.Equal(t, int64(1), h.count(`SELECT min(seq) FROM audit_events`))
	})
	t.Run("rows that are missing already", func(t *testing.T) {
		h := aged(t)
		h.exec(`DROP TRIGGER audit_events_no_delete`)
		h.exec(`DELETE FROM verdicts WHERE audit_seq = 12`)
		h.exec(`DELETE FROM audit_events WHERE seq = 12`)
		run := h.prune()
		require.Contains(t, run.Problem, "not all there")
		require.Equal(t, retention.WhyMissing, run.Why())
		require.Zero(t, run.RowsGone, "no tombstone hides them")
	})
	t.Run("a checkpoint of another key", func(t *testing.T) {
		h := aged(t)
		h.keys = proof.Keys{}
		require.Equal(t, retention.StoppedProof, h.state().Plan.Stopped)
	})
	t.Run("a checkpoint that was made older", func(t *testing.T) {
		h := aged(t)
		h.exec(`DROP TRIGGER audit_checkpoints_no_update`)
		h.exec(`UPDATE audit_checkpoints SET seq = seq + 1 WHERE number = 3`)
		require.Equal(t, retention.StoppedProof, h.state().Plan.Stopped)
	})
}

func TestWhatIsNotForwardedStays(t *testing.T) {
	h := aged(t)
	h.sent = 25
	plan := h.state().Plan
	require.Equal(t, []int64{25, 15}, []int64{plan.Rows, plan.Unsent})
	require.Equal(t, int64(25), h.prune().RowsGone)
	h.whole()
	h.sent = 1000
	require.Equal(t, int64(15), h.prune().RowsGone)
	h.whole()
}

// Rows that a schedule has yet to export stay, and the plan says so; of two that wait, each says how many it keeps.
func TestWhatIsNotExportedStays(t *testing.T) {
	h := aged(t)
	h.wrote = 25
	plan := h.state().Plan
	require.Equal(t, []int64{25, 15, 0, 40}, []int64{plan.Rows, plan.Unexported, plan.Unsent, plan.Verdicts})
	h.sent = 10
	plan = h.state().Plan
	require.Equal(t, []int64{10, 15, 30}, []int64{plan.Rows, plan.Unexported, plan.Unsent})
	h.sent = -1
	require.Equal(t, int64(25), h.prune().RowsGone)
	h.whole()
	h.wrote = 0
	require.Zero(t, h.state().Plan.Rows)
	h.wrote = 1000
	require.Equal(t, int64(15), h.prune().RowsGone)
	h.whole()
}

// Only rows under a tombstone can be deleted, and tombstones neither change nor lie over one another or over the last row.
func TestTheTablesRefuse(t *testing.T) {
	h := aged(t)
	require.Error(t, h.try(`DELETE FROM audit_events WHERE seq = 50`))
	h.prune()
	const insert = `INSERT INTO audit_tombstones (first_seq, last_seq, rows, prev_hash, last_hash, from_at, to_at, at, rule, event_id, note) VALUES (?1, ?2, ?2 - ?1 + 1, '', '', 1, 1, 1, '', '', '')`
	for name, query := range map[string]string{
		"a row that is under none": `DELETE FROM audit_events WHERE seq = 41`,
		"a changed tombstone":      `UPDATE audit_tombstones SET last_seq = 50, rows = 50`,
		"a tombstone that goes":    `DELETE FROM audit_tombstones`,
		"one over another":         strings.NewReplacer("?1", "40", "?2", "45").Replace(insert),
		"one inside another":       strings.NewReplacer("?1", "5", "?2", "6").Replace(insert),
		"one around another":       strings.NewReplacer("?1", "1", "?2", "45").Replace(insert),
		"one over the last row":    strings.NewReplacer("?1", "41", "?2", "52").Replace(insert),
	} {
		require.Error(t, h.try(query), name)
	}
	h.exec(insert, 41, 50)
	h.exec(`DELETE FROM verdicts WHERE audit_seq = 41`)
	h.exec(`DELETE FROM audit_events WHERE seq = 41`)
	require.Error(t, h.try(`DELETE FROM audit_events WHERE seq = 51`))
}

// A removal that is killed, wherever it is, goes on in the next process, and the log is whole at every point.
func TestAKilledRunGoesOn(t *testing.T) {
	for _, killed := range []string{"before the first tombstone is stored", "in the middle"} {
		t.Run(killed, func(t *testing.T) {
			h := aged(t)
			h.batch = 7
			h.start()
			_, err := h.AddHold(t.Context(), admin(), retention.NewHold{Person: "rita", Reason: "a case"})
			require.NoError(t, err)
			begun, err := h.Prune(t.Context(), admin())
			require.NoError(t, err)
			run := begun
			for kills := 0; ; kills++ {
				require.Less(t, kills, 100)
				ctx, kill := context.WithCancel(t.Context())
				if killed == "in the middle" {
					h.rested = kill
				} else if kills == 0 {
					h.signed = kill
				}
				run, err = h.Work(ctx, begun.ID)
				kill()
				h.whole()
				h.signed, h.rested = nil, nil
				if err == nil {
					require.Positive(t, kills, "it was killed at all")
					require.True(t, killed != "in the middle" || kills > 8, "and often: %d", kills)
					break
				}
				require.Equal(t, fault.Canceled, fault.CodeOf(err))
				h.start()
			}
			require.Equal(t, []int64{30, 30, 2}, []int64{run.RowsGone, run.VerdictsGone, run.Tombstones})
			going, err := h.Resume(t.Context())
			require.NoError(t, err)
			require.False(t, going)
		})
	}
}

func TestOneRemovalAtATime(t *testing.T) {
	h := aged(t)
	_, err := h.Prune(t.Context(), admin())
	require.NoError(t, err)
	h.refused(fault.Conflict, func() error {
		_, err := h.Prune(t.Context(), admin())
		return err
	})
	going, err := h.Resume(t.Context())
	require.NoError(t, err)
	require.True(t, going)
	require.Equal(t, int64(41), h.count(`SELECT min(seq) FROM audit_events`))
}
