package export_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
	"guardhouse/internal/export"
	"guardhouse/internal/verify"
)

// threat U4: a scheduled export is what the row says that added it: verify names one that was changed, added or deleted in the table.
func TestASchedulesTableIsHeldToTheLog(t *testing.T) {
	t.Parallel()
	h, _ := scheduled(t)
	finding := func() string {
		r, err := verify.Database(t.Context(), h.log, verify.Options{})
		require.NoError(t, err)
		require.NotContains(t, r.Detail, "\x1b")
		return r.Finding
	}
	h.fill(3)
	n := daily()
	n.Filter = audit.Filter{Actor: "rita", Model: "guard-nano"}
	sc, err := h.Add(t.Context(), h.alice(), n)
	require.NoError(t, err)
	gone, err := h.Add(t.Context(), h.alice(), func() (d export.Draft) { d = daily(); d.Name = "second"; return d }())
	require.NoError(t, err)
	require.Empty(t, finding())
	require.NoError(t, h.Remove(t.Context(), h.alice(), gone.ID))
	require.Empty(t, finding(), "one that was removed is missed by nobody")

	for column, value := range map[string]string{"name": "'x'", "format": "'csv'", "filter": "'{}'", "every": "'week'", "at_minute": "5", "id": "char(27)"} {
		var was any
		require.NoError(t, h.db.ReadSQL().QueryRowContext(t.Context(), `SELECT `+column+` FROM export_schedules`).Scan(&was))
		h.exec(`UPDATE export_schedules SET ` + column + ` = ` + value)
		require.Equal(t, audit.Edited, finding(), column)
		h.exec(`UPDATE export_schedules SET `+column+` = ?`, was)
		require.Empty(t, finding(), column)
	}
	h.exec(`UPDATE export_schedules SET after_seq = 2, next_at = 1, failures = 3`)
	require.Empty(t, finding(), "how far it is says the log itself")
	h.exec(`DELETE FROM export_schedules`)
	require.Equal(t, audit.Deleted, finding())
	require.NotEmpty(t, sc.ID)
}
