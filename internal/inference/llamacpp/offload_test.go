package llamacpp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/gpu"
	"guardhouse/internal/inference"
)

func TestOffload(t *testing.T) {
	full := fault.Wrap(fmt.Errorf("loading model: %w", inference.ErrNoRoom), fault.Unprocessable, "no room")
	board := gpu.Device{Description: "Board", Free: 8 << 30, Total: 8 << 30}
	for name, c := range map[string]struct {
		layers int
		err    error // of every attempt with more layers than fits
		fits   int
		tried  []int
		device string
		says   string
	}{
		"it fits":              {29, full, 29, []int{29}, "cuda:Board", "all 29 layers on Board"},
		"half of it":           {29, full, 20, []int{29, 14}, "cuda:Board", "14 of 29 layers on Board: there is no memory for more; all 29 layers on Board failed"},
		"nothing":              {29, full, 0, []int{29, 14, 7, 3, 1, 0}, "cpu", "on the processor, beside Board"},
		"another failure":      {29, errors.New("the kernel\nfailed"), 0, []int{29, 0}, "cpu", "on the processor, beside Board: the kernel failed; all 29 layers on Board failed"},
		"nothing was to be":    {0, full, 0, []int{0}, "cpu", "on the processor"},
		"not on the processor": {4, full, -1, []int{4, 2, 1, 0}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var tried []int
			var log bytes.Buffer
			m, err := offload(t.Context(), slog.New(slog.NewTextHandler(&log, nil)), "m", gpu.Choice{Device: board, Layers: c.layers, Of: 29}, func(g gpu.Choice) (*model, error) {
				tried = append(tried, g.Layers)
				if g.Layers > c.fits {
					return nil, c.err
				}
				return &model{description: inference.Description{Choice: inference.Choice{Why: "1 lane"}}}, nil
			})
			require.Equal(t, c.tried, tried)
			if c.device == "" {
				require.ErrorIs(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.device, m.description.Device)
			require.Equal(t, []int{tried[len(tried)-1], 29}, []int{m.description.Layers, m.description.LayersOf})
			require.Contains(t, m.description.Choice.Why, c.says)
			require.Contains(t, m.description.Choice.Why, "; 1 lane")
			require.Equal(t, len(tried)-1, bytes.Count(log.Bytes(), []byte("does not run so")), "each step is logged")
			require.Contains(t, log.String(), "device="+c.device[:3])
		})
	}
}

func TestOffloadEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	tried := 0
	_, err := offload(ctx, slog.New(slog.DiscardHandler), "m", gpu.Choice{Layers: 9, Of: 9}, func(gpu.Choice) (*model, error) {
		tried++
		cancel()
		return nil, fault.From(ctx.Err())
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, tried)
}

// A rehearsal fills a pass to the last id, once with all slots and once with one long prompt, and leaves nothing behind.
func TestRehearse(t *testing.T) {
	for _, c := range []struct{ slots, tokens, batch int }{{4, 512, 256}, {4, 32, 256}, {1, 1000, 256}, {8, 512, 8}} {
		n := newScripted(t, c.slots, c.tokens, c.batch)
		require.NoError(t, rehearse([]core{n}, 1))
		require.Equal(t, min(c.batch, c.slots*c.tokens), n.widest)
		for _, held := range n.cells {
			require.Empty(t, held)
		}
	}
	broken := newScripted(t, 2, 64, 64)
	broken.fail = func(*pass) error { return errFailed }
	require.ErrorIs(t, rehearse([]core{broken}, 1), errFailed)
}
