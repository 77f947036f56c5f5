package doctor

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"guardhouse/internal/db"
)

// WorkerKey is where a server under a supervisor notes in the table meta, as it starts, which workers served before it.
const WorkerKey = "worker"

// Worker is what a supervisor told the worker that serves: how many it started before it, and how and when the last of them ended.
type Worker struct {
	Restarts int64     `json:"restarts"`
	Ended    string    `json:"ended,omitempty"` // "" = none did
	EndedAt  time.Time `json:"ended_at"`
}

// lately is how long a restart is something to look at.
const lately = 24 * time.Hour

// worker says how often the server that runs had to be started again, as it noted itself. It says nothing without one, or without a
// supervisor.
func (d *doctor) worker(ctx context.Context, look *db.DB) {
	const name = "worker"
	if !d.served() {
		return
	}
	var text string
	err := look.ReadSQL().QueryRowContext(ctx, "SELECT value FROM meta WHERE key = ?", WorkerKey).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return
	}
	var w Worker
	if err == nil {
		err = json.Unmarshal([]byte(text), &w)
	}
	at := w.EndedAt.UTC().Format(time.RFC3339)
	switch {
	case err != nil:
		d.warn(name, "what the server noted of its restarts cannot be read: "+said(err), "restart the service: it notes it again").as("worker_unread", "error", said(err))
	case w.Restarts == 0:
		d.ok(name, "it did not have to be started again since the service was started").as("worker_steady")
	case d.o.Now().Sub(w.EndedAt) >= lately:
		d.ok(name, fmt.Sprintf("started again %d times since the service was started, the last time at %s after %s", w.Restarts, at, w.Ended)).
			as("worker_restarted", "restarts", w.Restarts, "at", at, "why", w.Ended)
	default:
		d.warn(name, fmt.Sprintf("started again %d times since the service was started, the last time at %s after %s", w.Restarts, at, w.Ended),
			"look at the log before that time: it says what the worker said last, and whether an input was blamed").
			as("worker_restarted", "restarts", w.Restarts, "at", at, "why", w.Ended)
	}
}
