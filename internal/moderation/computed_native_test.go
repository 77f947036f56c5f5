//go:build !nollama

package moderation_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/inference"
	"guardhouse/internal/inference/llamacpp"
	"guardhouse/internal/moderation"
)

// witness notes what the model was asked and what it computed.
type witness struct {
	inference.Engine
	inference.Model
	mu    sync.Mutex
	asked []inference.Query
	found []inference.Answer
}

func (w *witness) Load(ctx context.Context, s inference.Spec) (m inference.Model, err error) {
	w.Model, err = w.Engine.Load(ctx, s)
	return w, err
}

func (w *witness) Judge(ctx context.Context, q inference.Query) (inference.Answer, error) {
	a, err := w.Model.Judge(ctx, q)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked, w.found = append(w.asked, q), append(w.found, a)
	return a, err
}

func (w *witness) forget() (asked []inference.Query, found []inference.Answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	asked, found, w.asked, w.found = w.asked, w.found, nil, nil
	return asked, found
}

// The text and what the template puts behind it are computed, once, and nothing before them: not after the other kind of
// question has had the slots, and not among others. Behind the verdict come its forced ids, the answer, and the wrong guesses.
func TestOnlyTextAndSuffixAreComputed(t *testing.T) {
	w := &witness{Engine: llamacpp.New()}
	r := newRig(t, func(s *settings) { s.engine = w }, with(moderation.Options{Slots: 2}), queue(1000))
	w.forget() // the canary
	in := []moderation.Input{
		text(apptest.SafeTexts()[0]), text(apptest.SafeTexts()[2]), text(apptest.ViolentTexts()[0]),
		talk(apptest.Answered()...), talk(apptest.Refused()...),
	}
	for round := range 3 {
		for _, one := range in {
			var all sync.WaitGroup
			for i := range 1 + 3*round {
				msgs := moderation.Input{Messages: append(one.Messages[:0:0], one.Messages...)}
				msgs.Messages[len(msgs.Messages)-1].Content += fmt.Sprint(" ", i)
				all.Go(func() {
					if _, err := r.svc.Evaluate(t.Context(), rita(), ask(msgs)); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
		}
	}
	asked, found := w.forget()
	require.Len(t, asked, len(in)*(1+4+7))
	safe, tails := 0, 0
	for i, q := range asked {
		a := found[i]
		want := len(q.Prompt) - q.Prefix
		require.Positive(t, q.Prefix)
		if a.Best == 0 && q.Tails[0] == nil {
			require.Equal(t, 1, a.Passes, "no pass behind the prompt's")
			require.Zero(t, a.Drafted)
			safe++
		} else {
			require.True(t, a.Stopped)
			want += 1 + len(q.Tails[a.Best]) + len(a.Tail) + a.Drafted - a.Accepted
			tails++
		}
		require.Equal(t, want, a.Evaluated, "%+v", a)
	}
	require.Positive(t, safe)
	require.Positive(t, tails)
}
