package moderation_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
	"guardhouse/internal/inference/fake"
)

// slow is an engine that reads half of the weights, shows itself, and goes on as asked.
type slow struct {
	*fake.Engine
	seen func()
	then func(inference.Spec) error
}

func (e slow) Load(ctx context.Context, s inference.Spec) (inference.Model, error) {
	s.Progress(0.5)
	e.seen()
	if err := e.then(s); err != nil {
		return nil, err
	}
	return e.Engine.Load(ctx, s)
}

// TestLoadingSaysHowFarItIs: hashing counts, reading counts on, and what is loaded says how it runs.
func TestLoadingSaysHowFarItIs(t *testing.T) {
	r := newRig(t, notLoaded())
	look := func() catalog.Model {
		m, err := r.cat.Resolve(t.Context(), "")
		require.NoError(t, err)
		return m
	}
	require.Equal(t, catalog.StageWaiting, look().Stage)
	_, loaded := r.models.Layout("guard-nano")
	require.False(t, loaded)
	var half, all catalog.Model
	e := slow{r.engine, func() { half = look() }, func(s inference.Spec) error { s.Progress(1); all = look(); return nil }}
	again := newRig(t, notLoaded(), func(s *settings) { s.engine = e })
	r.cat = again.cat
	require.NoError(t, again.models.Load(t.Context()))
	require.Equal(t, catalog.StageReading, half.Stage)
	require.InDelta(t, 0.35+0.55/2, half.Progress, 1e-9)
	require.Equal(t, catalog.StagePreparing, all.Stage)
	require.InDelta(t, 0.9, all.Progress, 1e-9)
	require.Equal(t, catalog.StateReady, look().State)
	layout, loaded := again.models.Layout("guard-nano")
	require.True(t, loaded)
	require.Equal(t, "cpu", layout.Device)
}

// TestWhyAModelFailedHasAWord: one for each thing that a person would do about it.
func TestWhyAModelFailedHasAWord(t *testing.T) {
	for word, err := range map[string]error{
		catalog.NoMemory:    fault.Wrap(inference.ErrNoRoom, fault.Unprocessable, "it needs 9 GiB"),
		catalog.NoEngine:    fault.New(fault.NotAvailable, "this build has no engine"),
		catalog.FileRefused: fault.New(fault.Unprocessable, "the file says nothing"),
		catalog.Broken:      context.DeadlineExceeded,
	} {
		t.Run(word, func(t *testing.T) {
			r := newRig(t, notLoaded())
			r.engine.FailLoad(err)
			require.Error(t, r.models.Load(t.Context()))
			m, err := r.cat.Get(t.Context(), access.System("tester"), "guard-nano")
			require.NoError(t, err)
			require.Equal(t, word, m.StateCode)
		})
	}
}
