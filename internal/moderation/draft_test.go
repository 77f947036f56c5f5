package moderation

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/catalog"
	"guardhouse/internal/inference"
	"guardhouse/models"
)

func testDrafter(t testing.TB) (*drafter, *catalog.Guard) {
	t.Helper()
	g, err := catalog.InspectGuard(bytes.NewReader(models.GuardNano), int64(len(models.GuardNano)))
	require.NoError(t, err)
	return newDrafter(g.Prompt.Vocabulary()), g
}

// passes counts what an answer takes after the label: each pass gives the drafted ids that are right and one more.
func (d *drafter) passes(response bool, label int, answer []int32) int {
	n := 0
	for have := 0; have <= len(answer); n++ { // the end is an id of its own
		for _, id := range d.draft(response, label, nil, answer[:have]) {
			if have == len(answer) || answer[have] != id {
				break
			}
			have++
		}
		have++
	}
	return n
}

func TestDrafterLearnsWhatFollows(t *testing.T) {
	d, g := testDrafter(t)
	one := g.Tokenizer.Encode(" Unethical Acts")
	other := g.Tokenizer.Encode(" Suicide & Self-Harm")
	two := g.Tokenizer.Encode(" PII, Jailbreak")
	require.LessOrEqual(t, d.passes(false, 2, one), 2, "the first id decides the name, whatever was learned")
	require.LessOrEqual(t, d.passes(false, 2, two), 4, "two for a name at most")
	for range 50 {
		d.learn(false, inference.Answer{Best: 2, Tail: one}, nil)
	}
	require.Equal(t, 1, d.passes(false, 2, one), "with the pass of the label: two")
	require.Equal(t, 2, d.passes(false, 2, other))
	require.Equal(t, 2, d.passes(false, 1, one), "another verdict has counts of its own")
	for range 200 {
		d.learn(false, inference.Answer{Best: 2, Tail: two}, nil)
	}
	require.Equal(t, 1, d.passes(false, 2, two))
}

func TestDrafterKnowsTheRefusal(t *testing.T) {
	d, g := testDrafter(t)
	no, yes := g.Tokenizer.Encode(" No"), g.Tokenizer.Encode(" Yes")
	require.Equal(t, 1, d.passes(true, 0, no))
	require.Equal(t, 2, d.passes(true, 0, yes))
	refused, named := true, g.Tokenizer.Encode(" Violent\nRefusal: Yes")
	for range 3 {
		d.learn(true, inference.Answer{Best: 0, Tail: yes}, &refused)
		d.learn(true, inference.Answer{Best: 2, Tail: named}, &refused)
	}
	require.Equal(t, 1, d.passes(true, 0, yes))
	require.Equal(t, 1, d.passes(true, 2, named))
	require.Equal(t, 2, d.passes(true, 2, g.Tokenizer.Encode(" Violent\nRefusal: No")))
}

// Whatever the model writes, the drafter answers, learns, and its counts stay bounded.
func TestDrafterTakesAnyTail(t *testing.T) {
	d, g := testDrafter(t)
	r := rand.New(rand.NewPCG(1, 2))
	words := append(categories(), "None", ",", "\n", "\nRefusal:", " Yes", " No", "bread", "")
	for range 20000 {
		var b strings.Builder
		for range r.IntN(6) {
			b.WriteString([]string{" ", ", ", ""}[r.IntN(3)] + words[r.IntN(len(words))])
		}
		ids := g.Tokenizer.Encode(b.String())
		ids = ids[:r.IntN(len(ids)+1)]
		before := slices.Clone(ids)
		d.draft(r.IntN(2) == 0, r.IntN(labels), nil, ids)
		d.learn(r.IntN(2) == 0, inference.Answer{Best: r.IntN(labels), Tail: ids}, nil)
		require.Equal(t, before, ids)
	}
	one := g.Tokenizer.Encode(" Violent")
	for range 3 * halveAt {
		d.learn(false, inference.Answer{Best: 2, Tail: one}, nil)
	}
	require.Less(t, d.seen[0][2][start][0].Load(), uint32(halveAt))
	require.Nil(t, d.draft(false, 2, nil, g.Tokenizer.Encode(" bread")))
}

func TestFreeAnswersAreReadStrictly(t *testing.T) {
	yes := true
	for text, want := range map[string]reading{
		"Safety: Safe\nCategories: None":                                  {severity: Safe, categories: []string{}, readable: true},
		"Safety: Unsafe\nCategories: PII, Violent":                        {severity: Unsafe, categories: []string{"Violent", "PII"}, readable: true},
		"Safety: Controversial\nCategories: Unethical Acts\nRefusal: Yes": {severity: Controversial, categories: []string{"Unethical Acts"}, refusal: &yes, readable: true},
	} {
		r, ok := readFree(text, want.refusal != nil)
		require.True(t, ok, text)
		require.Equal(t, want, r)
	}
	for _, text := range []string{"", "Safety: Safe", "Safety: safe\nCategories: None", " Safety: Safe\nCategories: None", "Safety: Unsafe\nCategories: Bread", "Unsafe\nCategories: PII"} {
		_, ok := readFree(text, false)
		require.False(t, ok, text)
	}
}
