package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
	"guardhouse/internal/sandbox"
)

const (
	room  = 16 // ids beside the prompt
	batch = 64 // a small pass: rows of logits are large
)

// Job answers the child's side: it loads the one file with e and asks it once.
func Job(e inference.Engine) sandbox.Job {
	return func(text []byte, files []*os.File) (any, error) {
		var o order
		if err := json.Unmarshal(text, &o); err != nil {
			return nil, fmt.Errorf("reading the order: %w", err)
		}
		if len(files) != 1 || len(o.Prompt) == 0 {
			return nil, errors.New("a trial load needs one file and a prompt")
		}
		return told(try(context.Background(), e, files[0], o.Prompt)), nil
	}
}

// errNumbers says that an answer is infinite or none.
var errNumbers = errors.New("a logit is not finite")

func try(ctx context.Context, e inference.Engine, f *os.File, prompt []int32) (err error) {
	m, err := e.Load(ctx, inference.Spec{
		ModelID: Name, File: f, Slots: 1, Lanes: 1, Threads: 2, SlotTokens: len(prompt) + room, Batch: batch,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	a, err := m.Judge(ctx, inference.Query{Prompt: prompt, Labels: prompt[:1]})
	if err != nil {
		return fmt.Errorf("%w: %w", errNumbers, err)
	}
	for _, l := range a.Logits {
		if x := float64(l); math.IsNaN(x) || math.IsInf(x, 0) {
			return errNumbers
		}
	}
	return nil
}

// badData is what the engine says of a tensor that holds an infinite number or none.
const badData = "invalid data"

func told(err error) report {
	switch {
	case err == nil:
		return report{Outcome: good}
	case errors.Is(err, errNumbers):
		return report{noNumbers, err.Error()}
	case errors.Is(err, inference.ErrNoRoom):
		return report{noMemory, err.Error()}
	case strings.Contains(err.Error(), badData):
		return report{noWeights, err.Error()}
	case fault.CodeOf(err) == fault.NotAvailable:
		return report{noEngine, err.Error()}
	}
	return report{refused, err.Error()}
}
