package isa_test

import (
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/isa"
)

// only is the sets with those names missing here and everything that the binary was built for otherwise there.
func only(missing ...string) []isa.Set {
	sets := isa.Sets()
	for i := range sets {
		sets[i].Built, sets[i].Here = true, true
		for _, m := range missing {
			if sets[i].Name == m {
				sets[i].Here = false
			}
		}
	}
	return sets
}

func TestThisBinaryRunsHere(t *testing.T) {
	sets := isa.Sets()
	if runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64" {
		require.NotEmpty(t, sets)
	}
	for _, s := range sets {
		require.NotEmpty(t, s.Name)
		require.True(t, s.Here || !s.Built, "it would have been refused: %+v", s)
	}
	require.Empty(t, isa.Refusal(sets))
}

func TestARefusalNamesWhatIsMissingAndWhatToDo(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("names of x86-64")
	}
	words := isa.Refusal(only("AVX2", "BMI2"))
	require.Contains(t, words, "lacks AVX2, BMI2, which this binary was compiled for; use a machine from 2015 or later")
	require.Contains(t, words, "virtual machine")
	require.Equal(t, 1, strings.Count(words, "\n"), "one line")
	require.True(t, strings.HasSuffix(words, "\n"))

	// A release build would run here: that is what to do.
	words = isa.Refusal(only("AVX512F", "AVX512-VNNI"))
	require.Contains(t, words, "lacks AVX512F, AVX512-VNNI, which this binary was compiled for; take the release binary")
	// It would not: a build on this machine helps nobody who has no compiler, a newer machine does.
	require.Contains(t, isa.Refusal(only("FMA", "AVX512F")), "use a machine from 2015 or later")
	require.Empty(t, isa.Refusal(only()))
}

func TestEveryMissingSetAtOnceFitsTheSentence(t *testing.T) {
	sets := only()
	for i := range sets {
		sets[i].Here = false
	}
	if words := isa.Refusal(sets); len(sets) > 0 {
		require.True(t, strings.HasSuffix(words, "\n"), "nothing is cut: %q", words)
		for _, s := range sets {
			require.Contains(t, words, s.Name)
		}
	}
	require.Empty(t, isa.Refusal(nil))
}

func TestLevels(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("names of x86-64")
	}
	here := func(s isa.Set) bool { return s.Here }
	for missing, level := range map[string]string{
		"SSE4.2": "x86-64", "AVX2": "x86-64-v2", "LZCNT": "x86-64-v2", "AVX512BW": "x86-64-v3", "AVX512-VNNI": "x86-64-v4", "": "x86-64-v4",
	} {
		require.Equal(t, level, isa.Level(only(missing), here), missing)
	}
	require.Equal(t, "x86-64", isa.Level(nil, here))
	require.Equal(t, []string{"SSE4.2", "FMA"}, isa.Missing("x86-64-v3", only("FMA", "SSE4.2", "AVX512F"), here), "oldest first, nothing above")
	require.Empty(t, isa.Missing("x86-64-v3", only("AVX512F"), here))
	require.Nil(t, isa.Missing("armv8-a", only("FMA"), here))
}

func TestADescriptionHidesNothingThatABinaryNeeds(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("names of x86-64")
	}
	sets := only()
	for i := range sets { // what a build for a recent desktop processor is compiled for
		sets[i].Built = !strings.HasPrefix(sets[i].Name, "AVX512") && !slices.Contains([]string{"XOP", "FMA4", "TBM"}, sets[i].Name)
	}
	require.Equal(t, "x86-64-v3 GFNI AVX-VNNI", isa.Describe(sets, func(s isa.Set) bool { return s.Built }))
	require.Equal(t, "x86-64", isa.Describe(nil, func(isa.Set) bool { return true }))
}
