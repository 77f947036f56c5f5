package retention_test

import (
	"strings"
	"testing"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"
	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
	"guardhouse/internal/retention"
	"guardhouse/internal/verify"
)

// found answers what the product's verifier says of the log.
func (h *house) found() verify.Report {
	h.t.Helper()
	r, err := verify.Database(h.t.Context(), h.log, verify.Options{})
	require.NoError(h.t, err)
	return r
}

// threat U4: whoever writes the tables of holds, and not the log, ends no hold, and verify names what he did.
func TestAHoldEndsByItsRowOfTheLogAlone(t *testing.T) {
	for name, c := range map[string]struct{ query, finding string }{
		"released":                        {`UPDATE audit_holds SET released_at = 1, released_name = 'alice', release_reason = 'x', release_event_id = 'evt_x'`, audit.Edited},
		"released by the row that set it": {`UPDATE audit_holds SET released_at = 1, released_name = 'alice', release_reason = 'x', release_event_id = event_id`, audit.Edited},
		"deleted":                         {`DELETE FROM audit_holds`, audit.Deleted},
		"of somebody else":                {`UPDATE audit_holds SET user_id = 'usr_nobody'`, audit.Edited},
		"of another time":                 {`UPDATE audit_holds SET from_at = 1, to_at = 2`, audit.Edited},
		"another's id":                    {`UPDATE audit_holds SET id = 'hld_01KAJ0G0000000000000000001'`, audit.Deleted},
		"another's name":                  {`UPDATE audit_holds SET user_name = 'x'`, audit.Edited},
		"another's reason":                {`UPDATE audit_holds SET reason = 'x'`, audit.Edited},
		"another's author":                {`UPDATE audit_holds SET created_name = 'x'`, audit.Edited},
		"another's row":                   {`UPDATE audit_holds SET event_id = 'evt_x'`, audit.Edited},
		"another day":                     {`UPDATE audit_holds SET created_at = created_at - 86400000`, audit.Edited},
	} {
		t.Run(name, func(t *testing.T) {
			h := aged(t)
			hold, err := h.AddHold(t.Context(), admin(), retention.NewHold{Person: "rita", Reason: "case 17"})
			require.NoError(t, err)
			require.Empty(t, h.found().Finding)
			h.exec(`DROP TRIGGER audit_holds_only_release`)
			h.exec(`DROP TRIGGER audit_holds_no_delete`)
			h.exec(c.query)
			require.Equal(t, c.finding, h.found().Finding, h.found().Detail)
			list, _, err := h.Holds(t.Context(), admin(), false, "")
			require.NoError(t, err)
			var there []string
			for _, l := range list {
				if l.ID == hold.ID {
					require.Equal(t, []any{"usr_rita", "rita", "case 17", "alice"}, []any{l.UserID, l.UserName, l.Reason, l.By})
					there = append(there, l.ID)
				}
			}
			require.Equal(t, []string{hold.ID}, there, "what is shown is what the log says")
			require.GreaterOrEqual(t, h.state().Plan.Held, int64(10))
			h.prune()
			require.Equal(t, int64(10), h.count(`SELECT count(*) FROM audit_events WHERE seq BETWEEN 11 AND 20`))
			require.Equal(t, int64(10), h.count(`SELECT count(*) FROM verdicts WHERE audit_seq BETWEEN 11 AND 20`))
			require.Equal(t, int64(1), h.count(`SELECT count(*) FROM sessions WHERE id = 'ses_old'`))

			_, err = h.ReleaseHold(t.Context(), admin(), hold.ID, "the case is closed")
			require.NoError(t, err, "and it can be ended")
			list, _, err = h.Holds(t.Context(), admin(), true, "")
			require.NoError(t, err)
			for _, l := range list {
				require.Equal(t, l.ID == hold.ID, l.ReleasedAt != nil)
			}
		})
	}
}

// A release in the log counts though the table does not know it, and is named.
func TestAReleaseThatTheTableLostIsNamed(t *testing.T) {
	h := aged(t)
	hold, err := h.AddHold(t.Context(), admin(), retention.NewHold{Person: "rita", Reason: "case 17"})
	require.NoError(t, err)
	_, err = h.ReleaseHold(t.Context(), admin(), hold.ID, "done")
	require.NoError(t, err)
	require.Empty(t, h.found().Finding)
	h.exec(`DROP TRIGGER audit_holds_only_release`)
	for column, value := range map[string]string{"released_at": "5", "released_name": "'x'", "release_reason": "'x'", "release_event_id": "'x'"} {
		was := h.text(`SELECT CAST(` + column + ` AS TEXT) FROM audit_holds`)
		h.exec(`UPDATE audit_holds SET ` + column + ` = ` + value)
		require.Equal(t, audit.Edited, h.found().Finding, column)
		h.exec(`UPDATE audit_holds SET `+column+` = ?`, was)
		require.Empty(t, h.found().Finding, column)
	}
	h.exec(`UPDATE audit_holds SET released_at = NULL`)
	require.Equal(t, audit.Edited, h.found().Finding)
	require.Zero(t, h.state().Plan.Held)
}

// A hold that stands in the table alone keeps what it is about, and is named.
func TestAHoldWithoutARowHolds(t *testing.T) {
	h := aged(t)
	h.exec(`INSERT INTO audit_holds (id, user_id, user_name, reason, created_at, created_name, event_id)
		VALUES ('hld_01KAJ0G0000000000000000001', 'usr_rita', 'rita', 'x', 1, 'alice', 'evt_x')`)
	require.Equal(t, int64(10), h.state().Plan.Held)
	r := h.found()
	require.Equal(t, audit.Edited, r.Finding)
	require.Contains(t, r.Detail, "hld_01KAJ0G0000000000000000001")
	h.exec(`DROP TRIGGER audit_holds_only_release`)
	h.exec(`UPDATE audit_holds SET id = char(27) || '[31m'`)
	require.NotContains(t, h.found().Detail, "\x1b")
	_, err := h.ReleaseHold(t.Context(), admin(), "hld_01KAJ0G0000000000000000001", "x")
	require.Error(t, err)
}

// threat U4: a confirmation of the clock that the log does not have explains nothing.
func TestTheClockIsConfirmedByTheLogAlone(t *testing.T) {
	jumped := func(t *testing.T) *house {
		h := newHouse(t)
		h.rows(10, "alice")
		h.wall = h.wall.AddDate(10, 0, 0)
		h.rows(1, "alice")
		require.Equal(t, retention.StoppedClock, h.state().Plan.Stopped)
		return h
	}
	t.Run("forged", func(t *testing.T) {
		h := jumped(t)
		h.exec(`INSERT INTO retention_clock (number, at, actor_name, reason, event_id) VALUES (2, 1, 'alice', 'x', (SELECT max(id) FROM audit_events))`)
		require.Equal(t, retention.StoppedClock, h.state().Plan.Stopped)
		require.Equal(t, audit.Edited, h.found().Finding)
	})
	t.Run("a row of the log about checkpoints to come", func(t *testing.T) {
		h := jumped(t)
		_, err := h.log.Record(audit.Entry{
			Actor: audit.Actor{Type: "user", Name: "alice"}, Action: "settings.manage", Resource: "audit:retention", Decision: audit.Allow,
			Details: map[string]any{"change": "clock", "reason": "x", "checkpoint": 1000},
		})
		require.NoError(t, err)
		require.Equal(t, retention.StoppedClock, h.state().Plan.Stopped)
	})
	for name, c := range map[string]struct{ query, finding string }{
		"deleted":          {`DELETE FROM retention_clock`, audit.Deleted},
		"another number":   {`UPDATE retention_clock SET number = number + 5`, audit.Deleted},
		"another's name":   {`UPDATE retention_clock SET actor_name = 'x'`, audit.Edited},
		"another's reason": {`UPDATE retention_clock SET reason = 'x'`, audit.Edited},
		"another's row":    {`UPDATE retention_clock SET event_id = 'x'`, audit.Edited},
		"another day":      {`UPDATE retention_clock SET at = at + 86400000`, audit.Edited},
	} {
		t.Run(name, func(t *testing.T) {
			h := jumped(t)
			require.NoError(t, h.ConfirmClock(t.Context(), admin(), "a new battery"))
			require.Empty(t, h.state().Plan.Questions)
			require.Empty(t, h.found().Finding)
			h.exec(c.query)
			require.Equal(t, c.finding, h.found().Finding, h.found().Detail)
			require.Empty(t, h.state().Plan.Questions, "what the log says stays said")
		})
	}
}

// What holds and ages rest on stays: the rows that set and end holds, and those that confirm the clock.
func TestTheRowsThatRetentionRestsOnStay(t *testing.T) {
	h := newHouse(t)
	h.rows(5, "alice")
	hold, err := h.AddHold(t.Context(), admin(), retention.NewHold{Person: "rita", Reason: "case 17"})
	require.NoError(t, err)
	_, err = h.ReleaseHold(t.Context(), admin(), hold.ID, "done")
	require.NoError(t, err)
	h.wall = h.wall.Add(2 * time.Hour)
	h.rows(1, "alice")
	require.NoError(t, h.ConfirmClock(t.Context(), admin(), "a new battery"))
	h.rows(5, "alice")
	h.pass(400 * day)
	h.rows(1, "alice")
	require.Equal(t, int64(11), h.prune().RowsGone)
	require.Equal(t, int64(3), h.count(`SELECT count(*) FROM audit_events WHERE seq <= 14`))
	require.Empty(t, h.found().Finding, h.found().Detail)
	h.whole()
	h.pass(400 * day)
	h.rows(1, "alice")
	require.Empty(t, h.state().Plan.Questions)
	h.prune()
	require.Empty(t, h.found().Finding, h.found().Detail)
}

func (h *house) text(query string, args ...any) (out string) {
	h.t.Helper()
	require.NoError(h.t, h.db.ReadSQL().QueryRowContext(h.t.Context(), query, args...).Scan(&out))
	return out
}

// raw works on the file as any tool does, without the product's own connection.
func (h *house) raw(queries ...string) {
	h.t.Helper()
	path := h.text(`SELECT file FROM pragma_database_list WHERE name = 'main'`)
	conn, err := (&sqlite3.SQLiteDriver{}).Open("file:" + path)
	require.NoError(h.t, err)
	for _, query := range queries {
		_, err := conn.(*sqlite3.SQLiteConn).Exec(query, nil)
		require.NoError(h.t, err, query)
	}
	require.NoError(h.t, conn.Close())
}

// unindex makes an index lack rows, and look as it did.
func (h *house) unindex(name string) {
	h.t.Helper()
	was := h.text(`SELECT sql FROM sqlite_schema WHERE name = ?`, name)
	set := func(sql string) string {
		return "UPDATE sqlite_schema SET sql = '" + strings.ReplaceAll(sql, "'", "''") + "' WHERE name = '" + name + "'"
	}
	h.raw("PRAGMA writable_schema = ON", set(was+" WHERE 0"))
	h.raw("REINDEX " + name)
	h.raw("PRAGMA writable_schema = ON", set(was))
}

// threat U4: an index that was made to lack rows hides no hold, and no row that one keeps.
func TestAnIndexHidesNothingFromRetention(t *testing.T) {
	h := aged(t)
	_, err := h.AddHold(t.Context(), admin(), retention.NewHold{Person: "rita", Reason: "a case"})
	require.NoError(t, err)
	h.unindex("audit_events_actor_id")
	require.NoError(t, h.db.CheckSchema(t.Context()), "nothing is to be seen in the schema")
	require.Zero(t, h.state().Plan.Held)
	run := h.prune()
	require.Contains(t, run.Problem, "row 11 is to stay")
	require.Equal(t, int64(10), h.count(`SELECT count(*) FROM audit_events NOT INDEXED WHERE seq BETWEEN 11 AND 20`))

	h = aged(t)
	_, err = h.AddHold(t.Context(), admin(), retention.NewHold{Person: "rita", Reason: "a case"})
	require.NoError(t, err)
	h.raw("DROP TRIGGER audit_holds_no_delete", "DELETE FROM audit_holds")
	h.unindex("audit_events_action")
	require.Equal(t, audit.Deleted, h.found().Finding, "the walk sees the row of the hold")
}

// threat U4: for how long something is kept is what the newest row of its change says.
func TestDaysAreWhatTheLogSays(t *testing.T) {
	h := aged(t)
	set := func(resource, days string) string {
		ev, err := h.log.Record(audit.Entry{
			Actor: audit.Actor{Type: "user", Name: "alice"}, Action: "settings.manage", Resource: resource, Decision: audit.Allow,
			Details: map[string]any{"change": "settings", "version": 1, "settings": map[string]any{"retention.audit": map[string]any{"from": "0", "to": days}}},
		})
		require.NoError(t, err)
		return ev.ID
	}
	store := func(value, event string) {
		h.exec(`INSERT INTO settings (key, value, changed_at, actor_id, actor_name, event_id) VALUES ('retention.audit', ?1, 0, '', 'x', ?2)
			ON CONFLICT (key) DO UPDATE SET value = ?1, event_id = ?2`, value, event)
	}
	store("180", "evt_x")
	require.Equal(t, audit.Edited, h.found().Finding, "no row set it")
	first := set("setting:retention.audit", "180")
	store("180", first)
	require.Empty(t, h.found().Finding, h.found().Detail)
	store("200", first)
	require.Equal(t, audit.Edited, h.found().Finding)
	second := set("settings", "2190")
	store("180", first)
	require.Equal(t, audit.Edited, h.found().Finding, "a later row says otherwise")
	store("2190", second)
	require.Empty(t, h.found().Finding, h.found().Detail)
	typed, err := h.log.Record(audit.Entry{
		Actor: audit.Actor{Type: "user", Name: "alice"}, Action: "settings.manage", Resource: "forward-target:siem", Decision: audit.Allow,
		Details: map[string]any{"name": `"retention.audit" of the ward`},
	})
	require.NoError(t, err)
	h.rows(10, "alice") // up to a checkpoint, from which age is counted
	h.pass(400 * day)
	h.rows(1, "alice")
	h.prune()
	require.Empty(t, h.found().Finding, "these rows stay")
	require.EqualValues(t, 2, h.count(`SELECT count(*) FROM audit_events WHERE id IN (?, ?)`, first, second))
	require.Zero(t, h.count(`SELECT count(*) FROM audit_events WHERE id = ?`, typed.ID), "what somebody typed keeps no row")
}
