package retention_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/proof"
	"guardhouse/internal/retention"
)

const forgedRun = `INSERT INTO retention_runs (at, actor_name, event_id, audit_days, verdict_days, session_days, audit_seq, verdict_seq, session_before, rows, verdicts, sessions)
	VALUES (0, 'x', ?, 180, 1, 1, (SELECT max(seq) - 1 FROM audit_events), (SELECT max(seq) - 1 FROM audit_events), 9000000000000000, 0, 0, 0)`

// forge appends a row of a removal that takes everything, as somebody can who writes the database: the chain has no secret.
func (h *house) forge() string {
	h.t.Helper()
	head := h.count(`SELECT max(seq) FROM audit_events`)
	ev, err := h.log.Record(audit.Entry{
		Actor: audit.Actor{Type: "system", Name: "retention"}, Action: string(access.SettingsManage), Resource: "audit:retention", Decision: audit.Allow,
		Details: map[string]any{"change": "prune", "up_to": head, "verdicts_up_to": head, "sessions_before": "9999-01-01T00:00:00Z"},
	})
	require.NoError(h.t, err)
	return ev.ID
}

// threat U4: whoever writes a removal into the database has nothing removed that was not old enough anyway, and nothing at all
// without a row of the log that orders it.
func TestARunInTheDatabaseProvesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		before func(h *house)
		event  func(h *house) string
		gone   int64
	}{
		"no row orders it":        {event: func(*house) string { return "evt_x" }},
		"and what is no id":       {event: func(*house) string { return strings.Repeat("\xff", 1<<17) }},
		"a row of something else": {event: func(h *house) string { return h.lastRow().ID }},
		"a forged row, too young": {event: (*house).forge, gone: 40},
		"a clock that is asked":   {event: (*house).forge, before: func(h *house) { h.wall = h.wall.AddDate(10, 0, 0) }},
		"nothing is to go":        {event: (*house).forge, before: func(h *house) { h.days = retention.Days{} }},
		"fewer days than are least": {event: (*house).forge, before: func(h *house) {
			h.days = retention.Days{Audit: 1}
			h.pass(100 * day)
			h.rows(1, "alice")
		}, gone: 40},
		"what is not exported":  {event: (*house).forge, before: func(h *house) { h.wrote = 20 }, gone: 20},
		"what is not forwarded": {event: (*house).forge, before: func(h *house) { h.sent = 25 }, gone: 25},
		"a hold": {event: (*house).forge, gone: 30, before: func(h *house) {
			_, err := h.AddHold(t.Context(), admin(), retention.NewHold{Person: "rita", Reason: "a case"})
			require.NoError(t, err)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			h := aged(t)
			if c.before != nil {
				c.before(h)
			}
			rows, sessions := h.count(`SELECT count(*) FROM audit_events`), h.count(`SELECT count(*) FROM sessions`)
			event := c.event(h)
			rows += h.count(`SELECT count(*) FROM audit_events`) - rows
			h.exec(forgedRun, event)
			going, err := h.Resume(t.Context())
			require.NoError(t, err)
			require.True(t, going)
			run := h.state().Runs[0]
			require.NotNil(t, run.FinishedAt)
			require.Equal(t, c.gone == 0, run.Problem != "", run.Problem)
			require.Equal(t, rows-c.gone+1, h.count(`SELECT count(*) FROM audit_events`), "with the row that closes it")
			require.GreaterOrEqual(t, h.count(`SELECT count(*) FROM verdicts WHERE audit_seq > 40`), int64(10))
			if c.gone == 0 {
				require.Equal(t, sessions, h.count(`SELECT count(*) FROM sessions`))
				require.Zero(t, run.VerdictsGone)
			}
			require.Equal(t, int64(1), h.count(`SELECT count(*) FROM sessions WHERE id = 'ses_young'`))
			h.whole()
		})
	}
}

// What was decided is less where less may go by the time that it is done: a hold, a longer time, a target that rows are sent to.
func TestARunThatGoesOnIsPlannedAnew(t *testing.T) {
	for name, c := range map[string]struct {
		change func(h *house)
		gone   int64
	}{
		"more days": {func(h *house) { h.days.Audit = 367 }, 20},
		"a target":  {func(h *house) { h.sent = 12 }, 12},
		"a younger cut is not taken": {func(h *house) {
			h.pass(400 * day)
			h.rows(1, "alice")
		}, 40},
	} {
		t.Run(name, func(t *testing.T) {
			h := aged(t)
			run, err := h.Prune(t.Context(), admin())
			require.NoError(t, err)
			c.change(h)
			h.start()
			run, err = h.Work(t.Context(), run.ID)
			require.NoError(t, err)
			require.Empty(t, run.Problem)
			require.Equal(t, c.gone, run.RowsGone)
			h.whole()
		})
	}
}

// Rows that a tombstone of an earlier run left, go with the next one.
func TestWhatIsLeftUnderATombstoneGoes(t *testing.T) {
	h := aged(t)
	h.batch = 7
	h.start()
	run, err := h.Prune(t.Context(), admin())
	require.NoError(t, err)
	ctx, kill := context.WithCancel(t.Context())
	h.sent = 12
	h.signed = kill
	_, err = h.Work(ctx, run.ID)
	require.Error(t, err)
	h.signed = nil
	h.exec(`UPDATE retention_runs SET finished_at = 1`) // the other process that worked on it was done
	require.Equal(t, int64(1), h.count(`SELECT count(*) FROM audit_tombstones`))
	h.whole()
	h.sent = -1
	h.prune()
	require.Equal(t, int64(41), h.count(`SELECT min(seq) FROM audit_events`))
	h.whole()
}

// One process works on a removal at a time. A second one leaves it alone, or waits for its end; nothing is counted twice.
func TestTwoProcessesWorkOnOneRun(t *testing.T) {
	h := aged(t)
	h.batch = 7
	h.lock = filepath.Join(t.TempDir(), "lock")
	h.start()
	run, err := h.Prune(t.Context(), admin())
	require.NoError(t, err)
	other := retention.New(h.deps())
	waited := make(chan retention.Run, 1)
	begun := false
	h.signed = func() {
		if begun {
			return
		}
		begun = true
		rows := h.count(`SELECT count(*) FROM audit_events`)
		going, err := other.Resume(t.Context())
		require.NoError(t, err)
		require.True(t, going)
		require.Equal(t, rows, h.count(`SELECT count(*) FROM audit_events`), "it is left alone")
		require.Zero(t, h.count(`SELECT count(*) FROM audit_tombstones`))
		go func() {
			done, err := other.Work(t.Context(), run.ID)
			assert.NoError(t, err)
			waited <- done
		}()
	}
	mine, err := h.Work(t.Context(), run.ID)
	require.NoError(t, err)
	require.True(t, begun)
	for _, r := range []retention.Run{mine, <-waited} {
		require.Empty(t, r.Problem)
		require.NotNil(t, r.FinishedAt)
		require.Equal(t, []int64{40, 40, 1, 1}, []int64{r.RowsGone, r.VerdictsGone, r.SessionsGone, r.Tombstones})
	}
	require.Equal(t, int64(1), h.count(`SELECT count(*) FROM audit_events WHERE instr(details, '"change":"pruned"') > 0`))
	h.whole()
}

// A server whose day has come while a command works on a removal lets it work, and leaves no refusal behind.
func TestTheDayWaitsForAnotherProcess(t *testing.T) {
	h := aged(t)
	h.lock = filepath.Join(t.TempDir(), "lock")
	h.start()
	_, err := h.Prune(t.Context(), admin())
	require.NoError(t, err)
	release, mine, err := h.alone()
	require.NoError(t, err)
	require.True(t, mine)
	before := h.lastRow().Seq
	require.NoError(t, h.Turn(t.Context()))
	require.Equal(t, before, h.lastRow().Seq)
	require.NoError(t, release())
	require.NoError(t, h.Turn(t.Context()))
	require.Equal(t, int64(41), h.count(`SELECT min(seq) FROM audit_events`))
}

// threat U4: the log says how each removal ended: what went, and under which tombstones.
func TestARemovalHasAClosingRow(t *testing.T) {
	h := aged(t)
	_, err := h.AddHold(t.Context(), admin(), retention.NewHold{Person: "rita", Reason: "a case"})
	require.NoError(t, err)
	run := h.prune()
	ev := h.lastRow()
	require.Equal(t, []any{"settings.manage", "audit:retention", audit.Allow, "system"}, []any{ev.Action, ev.Resource, ev.Decision, ev.Actor.Type})
	require.Equal(t, map[string]any{
		"change": "pruned", "removal": run.EventID, "rows": 30.0, "verdicts": 30.0, "sessions": 0.0, "tombstones": 2.0, "first": 1.0, "last": 40.0,
	}, asFloats(ev.Details))
	c, _, err := proof.ParseCheckpoint(h.last, h.keys)
	require.NoError(t, err)
	require.Equal(t, []any{proof.CausePrune, ev.Seq}, []any{c.Cause, c.Seq})

	h = aged(t)
	begun, err := h.Prune(t.Context(), admin())
	require.NoError(t, err)
	h.wrong = audit.Edited
	run, err = h.Work(t.Context(), begun.ID)
	require.NoError(t, err)
	require.NotEmpty(t, run.Problem)
	ev = h.lastRow()
	require.Equal(t, []any{audit.Error, "pruned", run.Problem}, []any{ev.Decision, ev.Details["change"], ev.Details["problem"]})
	require.Equal(t, begun.EventID, ev.Details["removal"])
}

// asFloats makes numbers of one kind of whatever a reader made of them.
func asFloats(details map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range details {
		switch n := v.(type) {
		case int64:
			v = float64(n)
		case json.Number:
			v, _ = n.Float64()
		}
		out[k] = v
	}
	return out
}
