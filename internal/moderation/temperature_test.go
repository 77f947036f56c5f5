package moderation_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/catalog"
	"guardhouse/internal/inference"
	"guardhouse/internal/moderation"
	"guardhouse/models"
)

// calibrated answers the embedded guard with a temperature in its metadata.
func calibrated(temperature float32) []byte {
	const key, other = "guardhouse.calibration.temperature", "general.sampling.sequence"
	raw := bytes.Clone(models.GuardNano)
	bits := math.Float32bits(temperature)
	if at := bytes.Index(raw, []byte(key)); at >= 0 {
		binary.LittleEndian.PutUint32(raw[at+len(key)+4:], bits)
		return raw
	}
	name := func(b []byte, s string) []byte {
		return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
	}
	const entriesAt, kvAt, float32Kind, stringKind = 16, 24, 6, 8
	add := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(name(nil, key), float32Kind), bits)
	add = name(binary.LittleEndian.AppendUint32(name(add, other), stringKind), "-") // together a multiple of the tensors' alignment
	binary.LittleEndian.PutUint64(raw[entriesAt:], binary.LittleEndian.Uint64(raw[entriesAt:])+2)
	return append(append(bytes.Clone(raw[:kvAt]), add...), raw[kvAt:]...)
}

// asking keeps what the engine was asked to load.
type asking struct {
	inference.Engine
	mu    sync.Mutex
	specs map[string]inference.Spec
}

func (a *asking) Load(ctx context.Context, s inference.Spec) (inference.Model, error) {
	a.mu.Lock()
	a.specs[s.ModelID] = s
	a.mu.Unlock()
	return a.Engine.Load(ctx, s)
}

// TestTheFilesTemperatureIsTheEngines: what calibration wrote into a file divides the logits of its verdicts.
func TestTheFilesTemperatureIsTheEngines(t *testing.T) {
	r := newRig(t, notLoaded())
	path := filepath.Join(t.TempDir(), "calm.gguf")
	require.NoError(t, os.WriteFile(path, calibrated(1.75), 0o600))
	_, err := r.cat.Import(t.Context(), access.System("tester"), catalog.ImportRequest{Path: path, ID: "calm"})
	require.NoError(t, err)
	g, err := nano()
	require.NoError(t, err)
	engine := &asking{Engine: r.engine, specs: map[string]inference.Spec{}}
	_, models := r.service(engine, moderation.Options{})
	require.NoError(t, models.Load(t.Context()))
	require.InDelta(t, 1.75, engine.specs["calm"].Temperature, 0)
	require.InDelta(t, g.Temperature(), engine.specs["guard-nano"].Temperature, 0)
}
