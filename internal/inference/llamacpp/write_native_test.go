//go:build !nollama

package llamacpp

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/gguf"
	"guardhouse/internal/inference"
	"guardhouse/internal/prompt"
	"guardhouse/internal/tokenizer"
)

// heldTo says that ids are the golden's greedy ones, up to the first step whose margin is below twice the tolerance.
func (g golden) heldTo(t *testing.T, out inference.Generated) {
	t.Helper()
	for i, id := range g.GreedyIDs {
		if g.GreedyMargins[i] < 2*g.tolerance() {
			return
		}
		if slices.Contains(goldenStop, id) {
			require.Equal(t, id, out.Stop, g.ID)
			require.Equal(t, inference.Stopped, out.Reason, g.ID)
			require.Len(t, out.IDs, i, g.ID)
			return
		}
		require.Less(t, i, len(out.IDs), g.ID)
		require.Equal(t, id, out.IDs[i], "%s step %d", g.ID, i)
	}
	require.Equal(t, inference.Length, out.Reason, g.ID)
}

func (g golden) freely() inference.Generation {
	return inference.Generation{Prompt: g.IDs, Prefix: 200, Max: answerIDs, Stop: goldenStop}
}

// TestGoldenTexts: what the model writes by itself is what the reference and this engine wrote, alone and all at once.
func TestGoldenTexts(t *testing.T) {
	goldens := readGoldens(t)
	m := load(t, tinyGuard(t), inference.Spec{Slots: 4, SlotTokens: 4096, Threads: 2})
	for _, g := range goldens {
		out, err := m.Generate(t.Context(), g.freely())
		require.NoError(t, err, g.ID)
		g.heldTo(t, out)
	}
	var all sync.WaitGroup
	outs, errs := make([]inference.Generated, len(goldens)), make([]error, len(goldens))
	for i, g := range goldens {
		all.Go(func() { outs[i], errs[i] = m.Generate(context.Background(), g.freely()) })
	}
	all.Wait()
	for i, g := range goldens {
		require.NoError(t, errs[i], g.ID)
		g.heldTo(t, outs[i])
	}
}

// The engine's own recorded answers were made without flash attention: so they are repeated.
func TestEngineTexts(t *testing.T) {
	f, err := os.Open(sharedFile(t, "goldens", "qwen", "tiny-guard", "engine.jsonl"))
	require.NoError(t, err)
	defer f.Close()
	byID := map[string]golden{}
	for _, g := range readGoldens(t) {
		byID[g.ID] = g
	}
	m := load(t, tinyGuard(t), inference.Spec{Slots: 2, SlotTokens: 4096, Flash: choiceOff})
	lines, seen := bufio.NewScanner(f), 0
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		var e struct {
			ID     string
			Greedy []struct {
				ID     int32
				Margin float64
			}
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &e))
		g, ok := byID[e.ID]
		require.True(t, ok, e.ID)
		g.GreedyIDs, g.GreedyMargins = nil, nil
		for _, step := range e.Greedy {
			g.GreedyIDs, g.GreedyMargins = append(g.GreedyIDs, step.ID), append(g.GreedyMargins, step.Margin)
		}
		out, err := m.Generate(t.Context(), g.freely())
		require.NoError(t, err)
		g.heldTo(t, out)
		seen++
	}
	require.NoError(t, lines.Err())
	require.Equal(t, len(byID), seen)
}

// chatModel answers the small chat model's prompts.
func chatModel(t testing.TB) *prompt.Chat {
	t.Helper()
	f, err := os.Open(smol(t))
	require.NoError(t, err)
	defer f.Close()
	stat, err := f.Stat()
	require.NoError(t, err)
	file, err := gguf.Read(f, stat.Size())
	require.NoError(t, err)
	require.NoError(t, file.CheckLlama())
	v, err := tokenizer.VocabOf(file)
	require.NoError(t, err)
	tok, err := tokenizer.New(v)
	require.NoError(t, err)
	c, err := prompt.NewChat(file, tok, "")
	require.NoError(t, err)
	return c
}

func said(t testing.TB, c *prompt.Chat, words ...string) inference.Generation {
	t.Helper()
	var msgs []prompt.Message
	for i, w := range words {
		msgs = append(msgs, prompt.Message{Role: []string{"user", "assistant"}[i%2], Content: w})
	}
	p, err := c.Encode(msgs)
	require.NoError(t, err)
	return inference.Generation{Prompt: p.IDs, Prefix: p.Prefix, Max: 40, Stop: c.Ends(), Owner: "usr_a", Keep: true}
}

func TestAChatModelAnswers(t *testing.T) {
	c := chatModel(t)
	m := load(t, smol(t), inference.Spec{Slots: 1, SlotTokens: 1024, Threads: 2})
	const question = "What is the chemical formula of water?"
	g := said(t, c, question)
	g.Logprobs, g.Top = true, 3
	g.Sink = func(tok inference.Token) bool {
		require.Len(t, tok.Top, 3)
		require.Equal(t, tok.Top[0], inference.Likely{ID: tok.ID, Logprob: tok.Logprob}, "greedy takes the likeliest")
		require.Less(t, tok.Logprob, 0.)
		return true
	}
	out, err := m.Generate(t.Context(), g)
	require.NoError(t, err)
	first := c.Vocabulary().Decode(out.IDs)
	require.Contains(t, first, "H2O")

	// What is found computed changes the shape of a pass, and so the last bits: from here on it is the same each time.
	g.Logprobs, g.Top, g.Sink = false, 0, nil
	var texts [2]inference.Generated
	for i := range texts {
		texts[i], err = m.Generate(t.Context(), g)
		require.NoError(t, err)
		require.Equal(t, len(g.Prompt)-1, texts[i].Cached)
	}
	require.Equal(t, texts[0].IDs, texts[1].IDs)

	next := said(t, c, question, c.Vocabulary().Decode(texts[1].IDs), "And of table salt?")
	out, err = m.Generate(t.Context(), next)
	require.NoError(t, err)
	require.Greater(t, out.Cached, len(g.Prompt), "the turn before was not computed again")
}

// A seed is a text; another seed, or a bias against what it began with, is another.
func TestSeeds(t *testing.T) {
	c := chatModel(t)
	m := load(t, smol(t), inference.Spec{Slots: 1, SlotTokens: 1024, Threads: 2})
	g := said(t, c, "Write a line of a poem.")
	g.Keep, g.Sampling = false, inference.Sampling{Temperature: 1, TopP: .95, Seed: 11}
	write := func() []int32 {
		out, err := m.Generate(t.Context(), g)
		require.NoError(t, err)
		return out.IDs
	}
	write() // the template's head is found computed from now on
	one := write()
	require.Equal(t, one, write())
	g.Seed++
	require.NotEqual(t, one, write())
	g.Seed--
	g.Bias = map[int32]float64{one[0]: -100}
	require.NotContains(t, write(), one[0])
}

func BenchmarkGenerate(b *testing.B) {
	c := chatModel(b)
	m := load(b, smol(b), inference.Spec{Slots: 4, SlotTokens: 1024})
	for _, clients := range []int{1, 4} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			ids, took := 0, time.Duration(0)
			for b.Loop() {
				var all sync.WaitGroup
				var mu sync.Mutex
				start := time.Now()
				for n := range clients {
					all.Go(func() {
						g := said(b, c, strings.Repeat("Tell me about the sea. ", n+1))
						g.Max, g.Stop, g.Keep, g.Owner = 64, nil, false, ""
						out, err := m.Generate(b.Context(), g)
						if err != nil {
							b.Error(err)
						}
						mu.Lock()
						ids += len(out.IDs)
						mu.Unlock()
					})
				}
				all.Wait()
				took += time.Since(start)
			}
			b.ReportMetric(float64(ids)/took.Seconds(), "tokens/s")
		})
	}
}
