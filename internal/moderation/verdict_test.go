package moderation

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

func drawReading(t *rapid.T) reading {
	raw := make([]float64, 4)
	sum := 0.0
	for i := range raw {
		raw[i] = rapid.Float64Range(0.001, 1).Draw(t, "mass")
		sum += raw[i]
	}
	best := 0
	for i := range 3 {
		if raw[i] > raw[best] {
			best = i
		}
	}
	return reading{
		severity: severities()[best], readable: rapid.Bool().Draw(t, "readable"), judged: true,
		scores:     Scores{Safe: raw[0] / sum, Controversial: raw[1] / sum, Unsafe: raw[2] / sum, Other: raw[3] / sum},
		categories: rapid.SliceOfN(rapid.SampledFrom(categories()), 0, 3).Draw(t, "categories"),
	}
}

func TestAnotherWindowNeverLowersTheVerdict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rs := rapid.SliceOfN(rapid.Custom(drawReading), 1, 8).Draw(t, "windows")
		more := append(rs[:len(rs):len(rs)], rapid.Custom(drawReading).Draw(t, "one more"))
		mode := rapid.SampledFrom([]string{Strict, Loose}).Draw(t, "mode")
		mark := rapid.Bool().Draw(t, "marked")
		a, b := combine(rs, mode, mark), combine(more, mode, mark)
		require.GreaterOrEqual(t, actionRank(b.action), actionRank(a.action))
		require.GreaterOrEqual(t, severityRank(b.severity), severityRank(a.severity))
		require.Subset(t, b.categories, a.categories)
		require.GreaterOrEqual(t, actionRank(combine(rs, Strict, mark).action), actionRank(combine(rs, Loose, mark).action))
		if mark {
			require.NotEqual(t, Allow, b.action) // threat T2
		}
		for _, r := range more {
			if !r.trusted() {
				require.NotEqual(t, Allow, b.action, "a window without a verdict never ends in allow")
			}
		}
	})
}

func TestTheOrderOfWindowsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rs := rapid.SliceOfN(rapid.Custom(drawReading), 1, 8).Draw(t, "windows")
		a, b := combine(rs, Strict, false), combine(rapid.Permutation(rs).Draw(t, "shuffled"), Strict, false)
		require.Equal(t, a.action, b.action)
		require.Equal(t, a.severity, b.severity)
		require.Equal(t, a.categories, b.categories)
		require.Equal(t, a.scores, b.scores)
	})
}

func TestActionsOfWindows(t *testing.T) {
	safe := reading{severity: Safe, readable: true, scores: Scores{Safe: 0.9, Unsafe: 0.05, Other: 0.05}}
	contro := reading{severity: Controversial, readable: true, scores: Scores{Controversial: 0.8, Safe: 0.2}}
	unsafe := reading{severity: Unsafe, readable: true, scores: Scores{Unsafe: 0.9, Safe: 0.1}}
	unread := reading{severity: Unsafe, scores: Scores{Unsafe: 1}}
	doubt := reading{severity: Safe, readable: true, scores: Scores{Safe: 0.7, Other: 0.3}}
	edge := reading{severity: Safe, readable: true, scores: Scores{Safe: 0.8, Other: 0.2}}
	cases := map[string]struct {
		rs          []reading
		mode        string
		action, sev string
	}{
		"safe":                       {[]reading{safe}, Strict, Allow, Safe},
		"other just at the limit":    {[]reading{edge}, Strict, Allow, Safe},
		"other over the limit":       {[]reading{doubt}, Strict, Review, Safe},
		"controversial, strict":      {[]reading{contro}, Strict, Block, Controversial},
		"controversial, loose":       {[]reading{contro}, Loose, Allow, Controversial},
		"unread wins over block":     {[]reading{unread}, Strict, Review, Unsafe},
		"block beats review":         {[]reading{unread, contro, safe}, Strict, Block, Unsafe},
		"review beats allow":         {[]reading{safe, doubt, safe}, Strict, Review, Safe},
		"one bad window is enough":   {[]reading{safe, safe, unsafe, safe}, Loose, Block, Unsafe},
		"doubt beside controversial": {[]reading{doubt, contro}, Loose, Review, Controversial},
	}
	for name, c := range cases {
		o := combine(c.rs, c.mode, false)
		require.Equal(t, c.action, o.action, name)
		require.Equal(t, c.sev, o.severity, name)
		require.Equal(t, len(c.rs), o.windows, name)
	}
	o := combine([]reading{safe, unsafe, contro}, Strict, false)
	require.Equal(t, unsafe.scores, o.scores, "those of the worst window")
	require.Equal(t, 2, o.decided, "which is the second")
	require.Equal(t, 1, combine([]reading{safe, safe}, Strict, false).decided, "of equals the first")
}

func TestARefusalIsOneOfTheWholeResponse(t *testing.T) {
	yes, no := true, false
	window := func(r *bool, judged bool) reading {
		return reading{severity: Safe, readable: true, scores: Scores{Safe: 1}, refusal: r, judged: judged}
	}
	require.True(t, *combine([]reading{window(&yes, true), window(&yes, true)}, Strict, false).refusal)
	require.False(t, *combine([]reading{window(&yes, true), window(&no, true)}, Strict, false).refusal)
	require.True(t, *combine([]reading{window(&yes, true), window(&no, false)}, Strict, false).refusal, "an earlier answer does not count")
	require.Nil(t, combine([]reading{window(nil, true), window(&no, false)}, Strict, false).refusal)
}

func TestNumbersThatAreNoProbabilities(t *testing.T) {
	good := inference.Answer{Probs: []float64{0.7, 0.2, 0.05}, Best: 0}
	s, err := scoresOf(good)
	require.NoError(t, err)
	require.InDelta(t, 0.05, s.Other, 1e-9)
	for name, a := range map[string]inference.Answer{
		"NaN":           {Probs: []float64{math.NaN(), 0, 0}},
		"all NaN":       {Probs: []float64{math.NaN(), math.NaN(), math.NaN()}},
		"infinite":      {Probs: []float64{math.Inf(1), 0, 0}},
		"negative":      {Probs: []float64{0.5, -0.1, 0.2}},
		"more than one": {Probs: []float64{0.9, 0.9, 0.1}},
		"too few":       {Probs: []float64{1}},
		"none":          {},
		"best is not":   {Probs: []float64{0.1, 0.8, 0.1}, Best: 0},
		"best outside":  {Probs: []float64{0.1, 0.8, 0.1}, Best: 3},
		"best negative": {Probs: []float64{0.1, 0.8, 0.1}, Best: -1},
	} {
		_, err := scoresOf(a)
		require.Equal(t, fault.Internal, fault.CodeOf(err), name)
	}
	s, err = scoresOf(inference.Answer{Probs: []float64{0.5, 0.3, 0.20001}, Best: 0})
	require.NoError(t, err, "rounding")
	require.Zero(t, s.Other)
}
