//go:build !nollama

package kernel_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/inference/llamacpp/kernel"
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
