package app

import (
	"encoding/json"
	"time"

	"guardhouse/internal/db"
	"guardhouse/internal/inference"
)

// chosenKey is where doctor finds how the models were laid out.
const chosenKey = "engine_chosen"

// noteChosen writes down how the loaded models are laid out, where that differs from what was noted last, and answers what
// is noted now. It is for doctor alone: what fails here is logged once more at the next change and stops nothing.
func (a *App) noteChosen(noted string) string {
	all := []inference.Chosen{}
	for _, m := range a.Scheduler.Status() {
		if m.State == inference.Ready {
			all = append(all, inference.Chosen{
				Model: m.ID, At: m.LoadedAt.UTC().Truncate(time.Second),
				Memory: m.Description.Memory.Total(), Lines: m.Description.Lines(),
			})
		}
	}
	text, err := json.Marshal(all)
	if err == nil && string(text) != noted {
		err = a.DB.Write(func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`, chosenKey, string(text))
			return err
		})
	}
	if err != nil {
		a.log.Warn("noting how the models are laid out", "err", err)
	}
	return string(text)
}
