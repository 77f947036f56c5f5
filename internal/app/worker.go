package app

import (
	"encoding/json"

	"guardhouse/internal/db"
	"guardhouse/internal/doctor"
	"guardhouse/internal/overview"
)

// noteWorker writes down for doctor which workers served before this one, and takes away what another server noted where there is no
// supervisor.
func (a *App) noteWorker() error {
	return a.DB.Write(func(tx *db.Tx) error {
		if a.options.Inherited == nil {
			_, err := tx.Exec(`DELETE FROM meta WHERE key = ?`, doctor.WorkerKey)
			return err
		}
		r := a.options.Restart
		text, err := json.Marshal(doctor.Worker{Restarts: int64(r.Count), Ended: r.Why, EndedAt: r.At})
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`, doctor.WorkerKey, string(text))
		return err
	})
}

// worker is what the supervisor told this process; nil without one.
func (a *App) worker() *overview.Worker {
	if a.options.Inherited == nil {
		return nil
	}
	r := a.options.Restart
	return &overview.Worker{Restarts: r.Count, Ended: r.Why, EndedAt: r.At}
}
