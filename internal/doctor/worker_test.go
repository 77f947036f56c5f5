package doctor_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/db"
	"guardhouse/internal/doctor"
)

// What a server noted of the workers before it is told while it runs: as a warning for a day, and not at all without a server or a
// supervisor.
func TestRestartsOfTheWorker(t *testing.T) {
	data := made(t)
	a := opened(t, data)
	defer func() { require.NoError(t, a.Close()) }()
	o := options(data)
	o.Running = true
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	o.Now = func() time.Time { return at }
	none := run(t, o)
	for _, c := range none.Checks {
		require.NotEqual(t, "worker", c.Name)
	}
	note := func(text string) {
		require.NoError(t, a.DB.Write(func(tx *db.Tx) error {
			_, err := tx.Exec("INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", doctor.WorkerKey, text)
			return err
		}))
	}
	note(`{"restarts":0,"ended_at":"0001-01-01T00:00:00Z"}`)
	require.True(t, says(run(t, o), doctor.OK, "worker", "did not have to be started again"))
	note(`{"restarts":2,"ended":"signal segmentation fault","ended_at":"2026-11-22T08:30:00Z"}`)
	r := run(t, o)
	require.True(t, says(r, doctor.Warn, "worker", "started again 2 times since the service was started, the last time at 2026-11-22T08:30:00Z after signal segmentation fault"), "%+v", r)
	o.Now = func() time.Time { return at.Add(24 * time.Hour) }
	require.True(t, says(run(t, o), doctor.OK, "worker", "started again 2 times"))
	note(`{`)
	require.True(t, says(run(t, o), doctor.Warn, "worker", "cannot be read"))
	o.Running = false
	for _, c := range run(t, o).Checks {
		require.NotEqual(t, "worker", c.Name)
	}
}
