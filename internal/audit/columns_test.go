package audit_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
)

func TestCellsAreReadBack(t *testing.T) {
	ev := audit.Event{
		V: audit.Version, ID: "evt_1", Seq: 7, At: time.Date(2026, 11, 22, 1, 2, 3, 4e6, time.UTC),
		Actor: audit.Actor{Type: "user", ID: "usr_1", Name: "a \"b\",\r\n'c"}, Roles: []string{"admin", "=1+1"}, Groups: []string{},
		Purpose: "中文", UserAgent: "x\ty", Action: "model.use", Decision: "allow", PolicyVersion: 3, Duration: 1500 * time.Microsecond,
		Details: map[string]any{"n": int64(5), "deep": map[string]any{"list": []any{"a", true, nil}}}, PrevHash: "00", Hash: "11",
	}
	cells, err := ev.Cells()
	require.NoError(t, err)
	again, err := audit.FromCells(slices.Clone(cells))
	require.NoError(t, err)
	require.Equal(t, ev.ComputeHash(), again.ComputeHash())
	back, err := again.Cells()
	require.NoError(t, err)
	require.Equal(t, cells, back)

	for i, wrong := range map[int]string{0: "01", 1: "+7", 3: "2026-11-22T01:02:03Z", 8: `[ "admin","=1+1"]`, 9: "null", 21: "x", 24: "1.50", 25: `{"n":5.0}`} {
		changed := slices.Clone(cells)
		changed[i] = wrong
		_, err := audit.FromCells(changed)
		require.Error(t, err, "%s: %s", audit.Columns()[i], wrong)
	}
	_, err = audit.FromCells(cells[1:])
	require.Error(t, err)
}
