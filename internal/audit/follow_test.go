package audit_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

func TestAfterAnswersTheRowsThatFollow(t *testing.T) {
	_, log := newLog(t)
	for range 7 {
		_, err := log.Record(entry("rita"))
		require.NoError(t, err)
	}
	var seen []int64
	for at, limit := int64(0), 3; ; {
		rows, err := log.After(t.Context(), at, limit)
		require.NoError(t, err)
		require.LessOrEqual(t, len(rows), limit)
		if len(rows) == 0 {
			break
		}
		for _, ev := range rows {
			got, err := log.Get(t.Context(), ev.ID)
			require.NoError(t, err)
			require.Equal(t, got, ev)
			seen, at = append(seen, ev.Seq), ev.Seq
		}
	}
	require.Equal(t, []int64{1, 2, 3, 4, 5, 6, 7}, seen)
	for _, limit := range []int{-1, 501} {
		_, err := log.After(t.Context(), 0, limit)
		require.Equal(t, fault.Invalid, fault.CodeOf(err))
	}
}

// TestAppendedTellsWhatIsDurable: never of a row that was undone, and a writer waits for no reader.
func TestAppendedTellsWhatIsDurable(t *testing.T) {
	d, log := newLog(t)
	told := func() bool {
		select {
		case <-log.Appended():
			return true
		default:
			return false
		}
	}
	require.False(t, told())
	undone := errors.New("undone")
	err := d.Write(func(tx *db.Tx) error {
		if _, err := log.Append(tx, entry("rita")); err != nil {
			return err
		}
		require.False(t, told(), "not before the commit")
		return undone
	})
	require.ErrorIs(t, err, undone)
	require.False(t, told())
	for range 5 { // nobody listens, and nobody is kept waiting
		_, err := log.Record(entry("rita"))
		require.NoError(t, err)
	}
	require.True(t, told())
	require.False(t, told(), "one token, however many rows")
	head, _, _, err := log.Head(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 5, head)
}
