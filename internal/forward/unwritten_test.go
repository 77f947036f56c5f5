package forward_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/db"
	"guardhouse/internal/forward"
)

// Where how far a target is cannot be written down, the target is not to blame: what it took is not sent again, and the place is
// written down once that is possible, also if nothing follows.
func TestAPlaceThatCannotBeWrittenDown(t *testing.T) {
	hook := newHook(t)
	h := newHouse(t, trusting(quick("127.0.0.1"), hook))
	target := h.create(toHook("hook", hook.URL))
	exec := func(sql string) {
		require.NoError(t, h.db.Write(func(tx *db.Tx) error {
			_, err := tx.Exec(sql)
			return err
		}))
	}
	exec(`CREATE TRIGGER full BEFORE UPDATE ON forward_targets BEGIN SELECT RAISE(ABORT, 'disk full'); END`)
	h.append(3)
	h.run()
	require.Eventually(t, func() bool { return hook.posts() > 0 }, 20*time.Second, time.Millisecond)
	require.Never(t, func() bool { return hook.posts() > 1 }, 300*time.Millisecond, 10*time.Millisecond)
	exec(`DROP TRIGGER full`)
	h.current(target.ID, 20*time.Second)
	require.Equal(t, h.all(), hook.ids(), "each once")
	got, err := h.Find(t.Context(), target.ID)
	require.NoError(t, err)
	require.Zero(t, got.Failed)
	require.EqualValues(t, 4, got.Sent, "the rows and that of the target itself")
	require.Equal(t, forward.Current, got.State)
	require.NotContains(t, h.said.String(), "does not take")
}
