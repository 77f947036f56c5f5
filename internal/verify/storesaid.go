package verify

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"guardhouse/internal/audit"
)

// clockBound is by how much a row's time may be behind the time of what was written beside it: clocks are corrected by that much.
const clockBound = int64(time.Second / time.Millisecond)

const (
	// sayingsSQL reads the administrative acts that were allowed. An index can be made to lack rows, so a whole walk asks none.
	sayingsSQL = `SELECT id, at, actor_name, resource, details FROM audit_events %s WHERE action = 'settings.manage' AND decision = 'allow' ORDER BY seq`
	holdsSQL   = `SELECT id, user_id, user_name, coalesce(from_at, -1), coalesce(to_at, -1), reason, created_at, created_name, event_id,
		coalesce(released_at, -1), released_name, release_reason, release_event_id FROM audit_holds ORDER BY id`
	clockSQL    = `SELECT number, at, actor_name, reason, event_id FROM retention_clock ORDER BY number`
	settingsSQL = `SELECT key, value, event_id FROM settings WHERE key LIKE 'retention.%' ORDER BY key`
)

// saying is a row of the log about a hold, the clock or for how long something is kept.
type saying struct {
	event, name, resource string
	details               []byte
	at                    int64
	said                  struct {
		Change     string             `json:"change"`
		Reason     string             `json:"reason"`
		Person     string             `json:"person"`
		PersonID   string             `json:"person_id"`
		From       string             `json:"from"`
		To         string             `json:"to"`
		Checkpoint int64              `json:"checkpoint"`
		Settings   map[string]setting `json:"settings"`
	}
}

// setting is what such a row says of one.
type setting struct {
	To    string `json:"to"`
	Reset bool   `json:"reset"`
}

// readSaid reads what administrators said, and holds the tables to it that retention goes by.
func (g *gathering) readSaid(ctx context.Context, tx *sql.Tx) error {
	how := ""
	if g.whole {
		how = "NOT INDEXED"
	}
	var rows []saying
	err := each(ctx, tx, fmt.Sprintf(sayingsSQL, how), func(r *cells) {
		s := saying{event: r.text(), at: r.whole(), name: r.text(), resource: r.text()}
		if ours := strings.HasPrefix(s.resource, holdResource) || s.resource == clockResource ||
			strings.HasPrefix(s.resource, settingResource) || strings.HasPrefix(s.resource, scheduleResource); !ours {
			return
		}
		if s.details = []byte(r.text()); json.Unmarshal(s.details, &s.said) == nil {
			rows = append(rows, s)
		}
	})
	for _, step := range []struct {
		table string
		read  func(context.Context, *sql.Tx, []saying) error
	}{{"audit_holds", g.readHolds}, {"retention_clock", g.readClock}, {"settings", g.readSettings}, {"export_schedules", g.readSchedules}} {
		if err == nil && g.tables[step.table] {
			err = step.read(ctx, tx, rows)
		}
	}
	return err
}

// What these rows are about.
const (
	holdResource    = "hold:"
	clockResource   = "audit:retention"
	settingResource = "setting"
)

// readSettings holds the stored days of retention to the newest row that changed each.
func (g *gathering) readSettings(ctx context.Context, tx *sql.Tx, rows []saying) error {
	type change struct {
		event string
		setting
	}
	last := map[string]change{}
	for _, s := range rows {
		for key, value := range s.said.Settings {
			last[key] = change{s.event, value}
		}
	}
	return each(ctx, tx, settingsSQL, func(r *cells) {
		key, value, event := r.text(), r.text(), r.text()
		if c := last[key]; c.event == "" || c.Reset || c.event != event || c.To != value {
			g.wrong(audit.Edited, "%s in the database is not what the row of its last change says", settingName(key))
		}
	})
}

func settingName(key string) string {
	if !settingForm.MatchString(key) {
		return "a setting"
	}
	return "the setting " + key
}

var settingForm = regexp.MustCompile(`^retention\.[a-z_]{1,32}$`)

// by says that a row of a table tells of who did it, when and why as the log does.
func (s saying) by(at int64, name, why, event string) bool {
	return s.event == event && s.name == name && s.said.Reason == why && max(s.at-at, at-s.at) <= clockBound
}

// readHolds holds the table of holds to the rows of the log that set and end them. Retention goes by these alone: whatever the table
// says beside them is somebody's own word.
func (g *gathering) readHolds(ctx context.Context, tx *sql.Tx, rows []saying) error {
	set, ended := map[string]saying{}, map[string]saying{}
	var order []string
	for _, s := range rows {
		id, about := strings.CutPrefix(s.resource, holdResource)
		_, there := set[id]
		switch {
		case !about:
		case s.said.Change == "hold" && !there:
			set[id] = s
			order = append(order, id)
		case s.said.Change == "release" && there && ended[id].event == "":
			ended[id] = s
		}
	}
	var table []hold
	known := map[string]bool{}
	err := each(ctx, tx, holdsSQL, func(r *cells) {
		h := hold{
			id: r.text(), user: r.text(), userName: r.text(), from: r.whole(), to: r.whole(), reason: r.text(), at: r.whole(), by: r.text(), event: r.text(),
			endedAt: r.whole(), endedBy: r.text(), endedWhy: r.text(), endEvent: r.text(),
		}
		table, known[h.id] = append(table, h), true
	})
	if err != nil {
		return err
	}
	for _, id := range order {
		if !known[id] {
			g.wrong(audit.Deleted, "%s was set in the log and is missing in the database", holdName(id))
		}
	}
	for _, h := range table {
		if why := h.differs(set[h.id], ended[h.id]); why != "" {
			g.wrong(audit.Edited, "%s %s", holdName(h.id), why)
		}
	}
	return nil
}

// hold is a row of the table of holds; times are -1 where there is none.
type hold struct {
	id, user, userName, reason, by, event string
	from, to, at, endedAt                 int64
	endedBy, endedWhy, endEvent           string
}

// differs says in what a hold is not what the log says, "" where it is.
func (h hold) differs(set, ended saying) string {
	switch {
	case set.event == "":
		return "is in the database, and the log has no row that set it"
	case !set.by(h.at, h.by, h.reason, h.event) || h.user != set.said.PersonID || h.userName != set.said.Person ||
		!sameTime(h.from, set.said.From) || !sameTime(h.to, set.said.To):
		return "is not what the row of the log says that set it"
	case h.endedAt >= 0 && ended.event == "":
		return "has ended in the database, and the log has no row that ended it"
	case h.endedAt < 0 && ended.event != "":
		return "has ended in the log, and not in the database"
	case ended.event != "" && !ended.by(h.endedAt, h.endedBy, h.endedWhy, h.endEvent):
		return "did not end as the row of the log says that ended it"
	}
	return ""
}

// sameTime compares a moment of the table with one of the log. Older rows of the log have whole seconds.
func sameTime(ms int64, said string) bool {
	if said == "" {
		return ms == -1
	}
	t, err := time.Parse(time.RFC3339Nano, said)
	if !strings.Contains(said, ".") {
		ms -= ms % int64(time.Second/time.Millisecond)
	}
	return err == nil && t.UnixMilli() == ms
}

var holdForm = regexp.MustCompile(`^hld_[0-9A-Z]{26}$`)

// holdName is how a finding names a hold; never with bytes that nobody of ours wrote.
func holdName(id string) string {
	if !holdForm.MatchString(id) {
		return "a hold"
	}
	return "hold " + id
}

// readClock holds the confirmations of the clock to the rows of the log.
func (g *gathering) readClock(ctx context.Context, tx *sql.Tx, rows []saying) error {
	first := map[int64]saying{}
	var order []int64
	for _, s := range rows {
		if _, there := first[s.said.Checkpoint]; !there && s.resource == clockResource && s.said.Change == "clock" {
			first[s.said.Checkpoint] = s
			order = append(order, s.said.Checkpoint)
		}
	}
	known := map[int64]bool{}
	var unlike []int64
	err := each(ctx, tx, clockSQL, func(r *cells) {
		number, at, name, why, event := r.whole(), r.whole(), r.text(), r.text(), r.text()
		known[number] = true
		if s := first[number]; s.event == "" || !s.by(at, name, why, event) {
			unlike = append(unlike, number)
		}
	})
	if err != nil {
		return err
	}
	for _, n := range order {
		if !known[n] {
			g.wrong(audit.Deleted, "the confirmation of the clock up to checkpoint %d stands in the log and is missing in the database", n)
		}
	}
	for _, n := range unlike {
		g.wrong(audit.Edited, "the confirmation of the clock up to checkpoint %d is not what a row of the log says", n)
	}
	return nil
}
