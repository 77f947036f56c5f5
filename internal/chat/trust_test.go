package chat_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/catalog"
	"guardhouse/internal/chat"
	"guardhouse/internal/fault"
)

// A guard whose canaries drifted writes for nobody either; the attempt leaves its row.
func TestAModelThatIsNotTrustedWritesNothing(t *testing.T) {
	r := newRig(t)
	svc := chat.New(chat.Deps{
		Guard: r.guard, Models: r.models, Scheduler: r.sched, Still: r.still,
		Trust: func(m catalog.Model) error {
			if m.ID == "guard-nano" {
				return fault.New(fault.Loading, "not trusted")
			}
			return nil
		},
	}, chat.Options{})
	rows := r.newRows(t, func() {
		_, err := svc.Complete(t.Context(), rita(), ask("guard-nano", "hello"))
		require.Equal(t, fault.Loading, fault.CodeOf(err))
	})
	require.Len(t, rows, 1)
	_, err := svc.Complete(t.Context(), rita(), ask("parrot", "hello"))
	require.NoError(t, err, "another model is another matter")
}
