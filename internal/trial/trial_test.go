package trial_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
	"guardhouse/internal/sandbox"
	"guardhouse/internal/trial"
)

// TestMain makes this test binary its own children; the engine does what the file says.
func TestMain(m *testing.M) {
	if code, child := sandbox.Serve(os.Args[1:], map[string]sandbox.Job{trial.Name: trial.Job(actor{})}); child {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// actor is an engine that reads its part out of the file.
type actor struct{}

func (actor) Load(_ context.Context, s inference.Spec) (inference.Model, error) {
	text, err := os.ReadFile("/proc/self/fd/3")
	if err != nil {
		return nil, err
	}
	switch string(bytes.TrimRight(text, "x")) {
	case "refuse":
		return nil, fault.New(fault.Unprocessable, "the file's \x1b[31m words")
	case "bad weights":
		return nil, fault.Wrap(errors.New("the engine failed: tensor 'blk.0.ffn_up.weight' has invalid data"), fault.Unprocessable, "the model file could not be loaded")
	case "no room":
		return nil, fault.Wrap(inference.ErrNoRoom, fault.Unprocessable, "too much")
	case "no engine":
		return nil, fault.New(fault.NotAvailable, "none")
	case "crash":
		panic("planted: /etc/passwd")
	case "eat":
		for all := [][]byte{}; ; {
			all = append(all, bytes.Repeat([]byte("y"), 32<<20))
		}
	}
	if s.SlotTokens < 3 {
		return nil, errors.New("no room for the prompt")
	}
	return played{text: string(text)}, nil
}

// played answers what a trial asks, and nothing else.
type played struct {
	inference.Model
	text string
}

func (played) Close() error { return nil }
func (p played) Judge(context.Context, inference.Query) (inference.Answer, error) {
	switch p.text {
	case "no number":
		return inference.Answer{Logits: []float32{float32(math.NaN())}}, nil
	case "fail":
		return inference.Answer{}, errors.New("not finite")
	}
	return inference.Answer{Logits: []float32{1}}, nil
}

func try(t *testing.T, text string) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o400))
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	return trial.Load(t.Context(), f, []int32{1, 2, 3})
}

// threat M3: whatever becomes of the child, its caller answers one line of its own.
func TestWhatBecomesOfAModel(t *testing.T) {
	require.NoError(t, try(t, "a model"))
	for text, want := range map[string]struct {
		code fault.Code
		word string
	}{
		"refuse":      {fault.Invalid, "cannot load it"},
		"bad weights": {fault.Invalid, "weights"},
		"no room":     {fault.Invalid, "more memory"},
		"no engine":   {fault.NotAvailable, "no inference engine"},
		"crash":       {fault.Invalid, "crashed"},
		"eat":         {fault.Invalid, "memory"},
		"no number":   {fault.Invalid, "numbers"},
		"fail":        {fault.Invalid, "numbers"},
	} {
		err := try(t, text)
		require.Equal(t, want.code, fault.CodeOf(err), text)
		message := fault.From(err).Message
		require.Contains(t, message, want.word, text)
		require.NotContains(t, message, "passwd", "no word of the child's own (threat T5)")
		require.NotContains(t, message, "\x1b")
	}
}
