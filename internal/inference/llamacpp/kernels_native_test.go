//go:build !nollama

package llamacpp

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
	"guardhouse/internal/inference/llamacpp/kernel"
)

// kernelsOfTests names the kernels that a whole run of this package's tests and benchmarks computes with.
const kernelsOfTests = "GH_TEST_KERNELS"

func TestMain(m *testing.M) {
	if err := useKernels(os.Getenv(kernelsOfTests)); err != nil {
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// The answers stay the same whoever computes: the tests that compare answers with recorded ones, once for each set of kernels and once with
// the engine's own code, in processes of their own.
func TestEveryKernelGivesTheSameAnswers(t *testing.T) {
	if os.Getenv(kernelsOfTests) != "" {
		t.Skip("this is one of those runs")
	}
	for _, name := range []string{"none", "avx2", "avx512", "neon"} {
		if !kernel.Runs(name) || name == kernel.Name() {
			continue
		}
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			c := exec.CommandContext(ctx, os.Args[0], "-test.run", "GoldenLogits|GoldenAnswers$|ScoresSumToOne|GuardNanoSpeaks|NotANumber|Kernel|WhoComputes", "-test.count", "1")
			c.Env = append(os.Environ(), kernelsOfTests+"="+name)
			out, err := c.CombinedOutput()
			require.NoError(t, err, "%s", out)
		})
	}
}

func TestAModelSaysWhoComputes(t *testing.T) {
	m := load(t, nano(t), inference.Spec{Slots: 1, SlotTokens: 128})
	assert.Equal(t, kernel.Name(), m.Describe().Kernels)
	if want := os.Getenv(kernelsOfTests); want != "" && want != "auto" {
		assert.Equal(t, want, m.Describe().Kernels)
	}
}

func TestKernelsThatCannotBeAreRefused(t *testing.T) {
	for _, name := range []string{"fastest", "AVX512", "avx512 "} {
		require.True(t, fault.CodeOf(useKernels(name)) == fault.Invalid, name)
	}
	other := "none"
	if kernel.Name() == other {
		t.Skip("this process computes with the engine's own code, and no kernels are left to ask for")
	}
	require.True(t, fault.CodeOf(useKernels(other)) == fault.Invalid, "a second choice in one process")
}
