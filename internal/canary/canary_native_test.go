//go:build !nollama

package canary_test

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/canary"
	"guardhouse/internal/fault"
	"guardhouse/internal/gguf"
	"guardhouse/internal/inference"
	"guardhouse/internal/inference/llamacpp"
	"guardhouse/internal/moderation"
	"guardhouse/models"
)

var update = flag.Bool("update", false, "record the canaries of the embedded guards anew") //nolint:gochecknoglobals // the flag of the golden habit

// The recorded answers are those of the very weights and texts of this release. Where this fails after either was changed:
// go test -tags sqlite_fts5 -run TestTheEmbeddedGuardsHaveTheirCanaries ./internal/canary -update
func TestTheEmbeddedGuardsHaveTheirCanaries(t *testing.T) {
	r := newRig(t, llamacpp.New(), nil, moderation.Options{})
	all, err := r.cat.All(t.Context())
	require.NoError(t, err)
	if *update {
		for _, m := range all {
			data, err := json.MarshalIndent(r.said(t, m.ID), "", " ")
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join("baselines", m.ID+".json"), append(data, '\n'), 0o600))
		}
		return
	}
	builtin, err := canary.Builtin()
	require.NoError(t, err)
	require.Len(t, builtin, len(all))
	for _, m := range all {
		require.Condition(t, func() bool {
			for _, b := range builtin {
				if b.ModelSHA256 == m.SHA256 && b.TemplateSHA256 == m.TemplateSHA256 && b.SetSHA256 == set(t).SHA256 {
					return true
				}
			}
			return false
		}, "%s: the weights, its template or the texts are others than the canaries were recorded with; record them anew (see above)", m.ID)
	}
	r.builtin = builtin
	r.restart(t)
	began := time.Now() //nolint:forbidigo // what it takes is told, not asserted
	rows := r.look(t)
	t.Logf("%d canaries in %v", len(set(t).Prompts), time.Since(began))
	st := r.state(t)
	require.Equal(t, canary.Passed, st.Result, "%+v", st.Drifts)
	require.True(t, st.Builtin)
	require.Len(t, rows, 1)
	require.NoError(t, r.judge(t))
}

// Other kernels and caches move the numbers, and no canary.
func TestTheCanariesHoldHoweverItIsComputed(t *testing.T) {
	builtin, err := canary.Builtin()
	require.NoError(t, err)
	for name, o := range map[string]moderation.Options{
		"cache in 8 bits": {KVCache: "q8_0"}, "no flash attention": {FlashAttention: "off"}, "one slot": {Slots: 1, Lanes: 1, Threads: 1}, "small passes": {Batch: 32},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, llamacpp.New(), nil, o)
			r.builtin = builtin
			r.restart(t)
			r.look(t)
			require.Equal(t, canary.Passed, r.state(t).Result, "%+v", r.state(t).Drifts)
			worst := 0.0
			for i, a := range r.said(t, "guard-nano").Answers {
				w := builtin[0].Answers[i].Scores
				worst = max(worst, a.Scores.Safe-w.Safe, w.Safe-a.Scores.Safe, a.Scores.Unsafe-w.Unsafe, w.Unsafe-a.Scores.Unsafe)
			}
			t.Logf("scores are off by at most %.4f", worst)
		})
	}
}

// bent is the engine with a model that is not the one of the file: another temperature, or one tensor's numbers.
type bent struct {
	inference.Engine
	temperature float64
	bytes       []byte
}

func (b bent) Load(ctx context.Context, s inference.Spec) (inference.Model, error) {
	if b.temperature > 0 {
		s.Temperature *= b.temperature
	}
	if b.bytes != nil {
		f, err := os.CreateTemp("", "bent-*.gguf")
		if err != nil {
			return nil, err
		}
		defer func() { _ = os.Remove(f.Name()) }()
		if _, err := f.Write(b.bytes); err != nil {
			return nil, err
		}
		s.File = f
	}
	return b.Engine.Load(ctx, s)
}

// threat M9: weights that answer otherwise than the release's turn readiness off and judge nobody, whatever their hash says.
func TestABentModelFailsItsCanaries(t *testing.T) {
	builtin, err := canary.Builtin()
	require.NoError(t, err)
	g, err := nano()
	require.NoError(t, err)
	bytes := slices.Clone(models.GuardNano)
	at := slices.IndexFunc(g.File.Tensors, func(x gguf.Tensor) bool { return x.Name == "output_norm.weight" })
	require.GreaterOrEqual(t, at, 0)
	norm := bytes[g.File.DataStart+g.File.Tensors[at].Offset:][:g.File.Tensors[at].Size]
	for i := 0; i < len(norm)/2; i += 4 { // the signs of the half of them
		norm[i+3] ^= 0x80
	}
	for name, engine := range map[string]bent{"temperature": {llamacpp.New(), 1.2, nil}, "a tensor": {llamacpp.New(), 0, bytes}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, engine, nil, moderation.Options{})
			r.builtin = builtin
			r.restart(t)
			rows := r.look(t)
			require.Equal(t, canary.Drifted, r.state(t).Result)
			t.Logf("%d of %d drifted", len(r.state(t).Drifts), r.state(t).Total)
			require.Equal(t, canary.Reason, rows[0].Reason)
			require.Equal(t, fault.Loading, fault.CodeOf(r.judge(t)))
			drifted, err := r.canary.Ready(t.Context())
			require.True(t, drifted)
			require.Error(t, err)
		})
	}
}
