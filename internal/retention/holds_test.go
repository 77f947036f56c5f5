package retention_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/retention"
)

func TestAHoldKeepsAPerson(t *testing.T) {
	h := aged(t)
	before := h.lastRow().Seq
	hold, err := h.AddHold(t.Context(), admin(), retention.NewHold{Person: "user:rita", Reason: "case 17"})
	require.NoError(t, err)
	ev := h.lastRow()
	require.Equal(t, before+1, ev.Seq)
	require.Equal(t, []any{"hold", "case 17", "rita", "hold:" + hold.ID}, []any{ev.Details["change"], ev.Details["reason"], ev.Details["person"], ev.Resource})
	plan := h.state().Plan
	require.Equal(t, []int64{30, 10, 30, 0}, []int64{plan.Rows, plan.Held, plan.Verdicts, plan.Sessions}, "her rows, verdicts and sessions stay")
	run := h.prune()
	require.Equal(t, []int64{30, 30, 0, 2}, []int64{run.RowsGone, run.VerdictsGone, run.SessionsGone, run.Tombstones}, "tombstones stand around what is held")
	require.Equal(t, int64(10), h.count(`SELECT count(*) FROM audit_events WHERE seq BETWEEN 11 AND 20`))
	require.Equal(t, int64(10), h.count(`SELECT count(*) FROM verdicts WHERE audit_seq BETWEEN 11 AND 20`))
	h.whole()

	h.refused(fault.Invalid, func() error { _, err := h.ReleaseHold(t.Context(), admin(), hold.ID, ""); return err })
	ended, err := h.ReleaseHold(t.Context(), admin(), hold.ID, "the case is closed")
	require.NoError(t, err)
	require.NotNil(t, ended.ReleasedAt)
	require.Equal(t, "release", h.lastRow().Details["change"])
	h.refused(fault.Conflict, func() error { _, err := h.ReleaseHold(t.Context(), admin(), hold.ID, "again"); return err })
	run = h.prune()
	require.Equal(t, []int64{10, 10, 1}, []int64{run.RowsGone, run.VerdictsGone, run.SessionsGone})
	h.whole()
	require.Equal(t, int64(41), h.count(`SELECT min(seq) FROM audit_events`))

	list, _, err := h.Holds(t.Context(), admin(), false, "")
	require.NoError(t, err)
	require.Empty(t, list)
	list, _, err = h.Holds(t.Context(), admin(), true, "")
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "the case is closed", list[0].ReleasedBecause)
}

// What was done to somebody's account is his too, and a time narrows a person.
func TestWhatAHoldIsAbout(t *testing.T) {
	h := newHouse(t)
	began := h.wall
	h.rows(5, "alice")
	_, err := h.AddHold(t.Context(), admin(), retention.NewHold{Person: "alice", Reason: "to be released"})
	require.NoError(t, err)
	h.exec(`DROP TRIGGER audit_events_no_update`)
	h.exec(`UPDATE audit_events SET resource = 'user:usr_rita' WHERE seq = 2`)
	h.pass(day)
	h.rows(5, "rita")
	h.pass(day)
	h.rows(5, "rita")
	h.pass(400 * day)
	h.rows(1, "alice")
	list, _, err := h.Holds(t.Context(), admin(), false, "")
	require.NoError(t, err)
	_, err = h.ReleaseHold(t.Context(), admin(), list[0].ID, "only a test")
	require.NoError(t, err)
	held := func(n retention.NewHold) int64 {
		n.Reason = "a case"
		hold, err := h.AddHold(t.Context(), admin(), n)
		require.NoError(t, err)
		n1 := h.state().Plan.Held
		_, err = h.ReleaseHold(t.Context(), admin(), hold.ID, "done")
		require.NoError(t, err)
		return n1
	}
	at := func(d time.Duration) *time.Time {
		moment := began.Add(d)
		return &moment
	}
	require.Equal(t, int64(11), held(retention.NewHold{Person: "rita"}))
	require.Equal(t, int64(5), held(retention.NewHold{Person: "usr_rita", From: at(day + time.Hour)}))
	require.Equal(t, int64(6), held(retention.NewHold{To: at(time.Hour)}), "with the row of the hold itself")
	require.Equal(t, int64(5), held(retention.NewHold{From: at(day), To: at(day + time.Hour)}))
	require.Equal(t, int64(0), held(retention.NewHold{From: at(3 * day), To: at(4 * day)}))
	require.Equal(t, int64(15), h.state().Plan.Rows, "the row of a hold stays")
}

func TestHoldsThatAreNone(t *testing.T) {
	h := newHouse(t)
	h.rows(1, "alice")
	now, earlier := h.wall, h.wall.Add(-time.Hour)
	for name, tc := range map[string]struct {
		hold retention.NewHold
		code fault.Code
	}{
		"about nothing":      {retention.NewHold{Reason: "x"}, fault.Invalid},
		"without a reason":   {retention.NewHold{Person: "rita"}, fault.Invalid},
		"a reason of lines":  {retention.NewHold{Person: "rita", Reason: "a\nb"}, fault.Invalid},
		"a reason that lies": {retention.NewHold{Person: "rita", Reason: "a\u202eb"}, fault.Invalid},
		"backwards":          {retention.NewHold{From: &now, To: &earlier, Reason: "x"}, fault.Invalid},
		"an unknown person":  {retention.NewHold{Person: "mallory", Reason: "x"}, fault.Unprocessable},
	} {
		t.Run(name, func(t *testing.T) {
			h.refused(tc.code, func() error { _, err := h.AddHold(t.Context(), admin(), tc.hold); return err })
		})
	}
	unconfirmed := admin()
	unconfirmed.Unconfirmed = true
	good := retention.NewHold{Person: "rita", Reason: "x"}
	_, err := h.AddHold(t.Context(), unconfirmed, good)
	require.Equal(t, fault.ConfirmationRequired, fault.CodeOf(err))
	_, err = h.AddHold(t.Context(), reviewer(), good)
	require.Equal(t, fault.Forbidden, fault.CodeOf(err))
	_, err = h.ReleaseHold(t.Context(), admin(), "hld_01KAJ0G0000000000000000001", "x")
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	_, _, err = h.Holds(t.Context(), admin(), true, "hld_'; DROP TABLE audit_holds")
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
}
