package inference_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/inference"
)

// TestATextThatIsWholeWaitsForNoTurn: whoever listened has enough at the very id with which the text gives way. Nothing is missing, so
// he is answered at once and not behind those whom it gave way to, and none of them waits for it again.
func TestATextThatIsWholeWaitsForNoTurn(t *testing.T) {
	passes := newRig(t, 1, 1).people(t, 2)
	for name, leave := range map[string]func(inference.Token) bool{
		"at the turn's end":  func(tok inference.Token) bool { return tok.ID < inference.TurnIDs-1 },
		"behind a slow read": func(tok inference.Token) bool { <-time.After(3 * onePass / 2); return tok.ID < 23 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := schedule(t, newPaced(1), 8)
				first, other := acquire(t, s, passes[0]), acquire(t, s, passes[1])
				var all sync.WaitGroup
				start := time.Now()
				all.Go(func() {
					defer first.Release()
					out, err := first.Generate(t.Context(), inference.Generation{Prompt: []int32("x"), Max: 1000, Sink: leave})
					if err != nil || out.Reason != inference.Stopped || out.Turns != 1 {
						t.Error(err, out)
					}
					if took := time.Since(start); took > 37*onePass {
						t.Errorf("it took %v", took)
					}
				})
				<-time.After(onePass / 2)
				all.Go(func() {
					defer other.Release()
					out, err := other.Generate(t.Context(), inference.Generation{Prompt: []int32("y"), Max: 500})
					if err != nil || len(out.IDs) != 500 {
						t.Error(err, out)
					}
				})
				all.Wait()
				require.Equal(t, (inference.TurnIDs+500)*onePass, time.Since(start), "nothing is written that nobody hears")
				st := s.Status()[0]
				require.Equal(t, []uint64{2, 0, 0, 0}, []uint64{st.Judged, st.Failed, st.Left, st.Late}, "it was answered, and nobody left")
				require.Equal(t, uint64(inference.TurnIDs+500), st.Work.Written)
				require.Zero(t, st.Queued)
			})
		})
	}
}
