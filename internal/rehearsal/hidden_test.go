package rehearsal_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/rehearsal"
)

// Who asks about himself at another time learns nothing of a model that he may not see now: neither that there was one nor that
// there will be. Of one that he may see he is told when.
func TestAnotherTimeTellsOfNoHiddenModel(t *testing.T) {
	h := newHouse(t)
	h.enforce(`
soon allow role:reviewer guard-nano view,infer {"valid_from":"2027-01-01T00:00:00Z"}
seen allow role:reviewer m view
later allow role:reviewer m infer {"valid_from":"2027-01-01T00:00:00Z"}`)
	next := time.Date(2027, 2, 1, 12, 0, 0, 0, time.UTC)
	for _, op := range rehearsal.Operations() {
		for _, at := range []time.Time{{}, noon(), next} {
			ask := func(model string) rehearsal.Explanation {
				e := h.ask(person("ana"), rehearsal.Query{Model: model, Operation: op, At: at})
				e.Model = ""
				return e
			}
			require.Equal(t, ask("never-was"), ask("guard-nano"), "%s at %s", op, at)
		}
	}
	require.True(t, h.ask(person("ana"), rehearsal.Query{Model: "m", Operation: access.Infer, At: next}).Allowed)
	require.True(t, h.ask(person("cy"), rehearsal.Query{Principal: "user:ana", Model: "guard-nano", Operation: access.Infer, At: next}).Allowed, "an administrator is told")
	own, err := h.Can(t.Context(), person("ana"), rehearsal.Query{At: next})
	require.NoError(t, err)
	require.Len(t, own.Models, 1)
	require.Equal(t, "m", own.Models[0].ID)
	require.True(t, own.Models[0].Cells[1].Allowed)
}
