package verify

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strings"

	"guardhouse/internal/audit"
)

const (
	scheduleResource = "export-schedule:"
	schedulesSQL     = `SELECT id, name, format, filter, every, at_minute FROM export_schedules ORDER BY id`
)

// schedule is what is agreed about an export at set times: retention waits for it, and somebody waits for its files.
type schedule struct {
	Change string            `json:"change"`
	ID     string            `json:"schedule"`
	Format string            `json:"format"`
	Every  string            `json:"every"`
	At     string            `json:"at"`
	Filter map[string]string `json:"filter"`
	name   string
}

// readSchedules holds the scheduled exports to the rows of the log that added and removed them.
func (g *gathering) readSchedules(ctx context.Context, tx *sql.Tx, rows []saying) error {
	added := map[string]schedule{}
	var order []string
	for _, s := range rows {
		name, about := strings.CutPrefix(s.resource, scheduleResource)
		var said schedule
		if !about || json.Unmarshal(s.details, &said) != nil || said.ID == "" {
			continue
		}
		switch said.name = name; said.Change {
		case "add":
			added[said.ID] = said
			order = append(order, said.ID)
		case "remove":
			delete(added, said.ID)
		}
	}
	known := map[string]bool{}
	err := each(ctx, tx, schedulesSQL, func(r *cells) {
		there := schedule{Change: "add", ID: r.text(), name: r.text(), Format: r.text()}
		readable := json.Unmarshal([]byte(r.text()), &there.Filter) == nil
		there.Every = r.text()
		minute := r.whole()
		there.At = fmt.Sprintf("%02d:%02d", minute/60, minute%60)
		known[there.ID] = true
		if said, ok := added[there.ID]; !ok || !readable || !said.same(there) {
			g.wrong(audit.Edited, "%s is not what a row of the log says that added it", scheduleName(there.ID))
		}
	})
	for _, id := range order {
		if _, there := added[id]; there && !known[id] {
			g.wrong(audit.Deleted, "%s was added in the log and is missing in the database", scheduleName(id))
		}
	}
	return err
}

func (s schedule) same(o schedule) bool {
	return s.name == o.name && s.Format == o.Format && s.Every == o.Every && s.At == o.At && maps.Equal(s.Filter, o.Filter)
}

var scheduleForm = regexp.MustCompile(`^exs_[0-9A-Z]{26}$`)

func scheduleName(id string) string {
	if !scheduleForm.MatchString(id) {
		return "a scheduled export"
	}
	return "the scheduled export " + id
}
