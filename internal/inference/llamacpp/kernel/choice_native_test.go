//go:build !nollama

package kernel_test

import (
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/inference/llamacpp/kernel"
	"guardhouse/internal/isa"
)

func TestTheChoiceRunsHereAndIsTheFirstThatDoes(t *testing.T) {
	choice := kernel.Choice("auto")
	require.True(t, kernel.Runs(choice), choice)
	require.Equal(t, choice, kernel.Choice(""))
	for _, faster := range []string{"avx512", "avx2", "neon"} {
		if faster == choice {
			break
		}
		require.False(t, kernel.Runs(faster), "%s runs here and %s was chosen", faster, choice)
	}
	for _, name := range []string{"avx512", "avx2", "neon", "none"} {
		want := name
		if !kernel.Runs(name) {
			want = "none"
		}
		require.Equal(t, want, kernel.Choice(name))
	}
	require.Equal(t, "none", kernel.Choice("unheard of"))
}

// A processor of today runs the kernels of its predecessors: a set that left the list would leave every test with it.
func TestNoSetIsLost(t *testing.T) {
	if runtime.GOARCH == "arm64" {
		require.True(t, kernel.Runs("neon") || !slices.ContainsFunc(isa.Sets(), func(s isa.Set) bool { return s.Name == "DOTPROD" && s.Here }))
	}
	for name, last := range map[string]string{"avx512": "AVX512-VNNI", "avx2": "AVX2"} {
		if slices.ContainsFunc(isa.Sets(), func(s isa.Set) bool { return s.Name == last && s.Here }) {
			require.True(t, kernel.Runs(name), name)
		}
	}
}
