package export_test

import (
	"bytes"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/export"
	"guardhouse/internal/fault"
)

// noRoom is a disk that is full.
type noRoom struct{}

func (noRoom) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// A disk that is full is named, and is nobody who left.
func TestAFullDiskIsNamed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill(3)
	x, err := h.Begin(t.Context(), h.alice(), export.Request{Format: export.JSONL})
	require.NoError(t, err)
	_, err = x.Write(t.Context(), noRoom{})
	require.Equal(t, export.WhyFull, export.WhyOf(err))
	require.Contains(t, fault.From(err).Message, "no room")
	head, _, _, err := h.log.Head(t.Context())
	require.NoError(t, err)
	last, err := h.log.After(t.Context(), head-1, 1)
	require.NoError(t, err)
	require.Equal(t, []any{"failed", "unprocessable", export.WhyFull}, []any{last[0].Reason, last[0].Details["code"], last[0].Details["why"]})
}

// threat U1: what was taken out of the log is named in the row that closes an export without a filter; what a filter or a clock leaves out is not.
func TestAnExportNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.fill(6)
	h.exec(`DROP TRIGGER audit_events_no_delete`)
	h.exec(`DELETE FROM audit_events WHERE seq = 4`)
	sumOf := func(p access.Principal, r export.Request) export.Sum {
		x, err := h.Begin(t.Context(), p, r)
		require.NoError(t, err)
		sum, err := x.Write(t.Context(), &bytes.Buffer{})
		require.NoError(t, err)
		return sum
	}
	r := export.Request{Format: export.JSONL}
	require.EqualValues(t, 4, sumOf(h.alice(), r).Missing)
	r.Filter.From = began.Add(-time.Hour)
	require.EqualValues(t, 4, sumOf(h.alice(), r).Missing)
	r.Filter.Action = "audit.export"
	require.Zero(t, sumOf(h.alice(), r).Missing)
	require.Zero(t, sumOf(h.alice(), export.Request{Format: export.CSV, After: 5}).Missing)
}
