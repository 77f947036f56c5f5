package httpapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
)

// newGuarded is newBench with another gate, such as one with a clock of the test's.
func newGuarded(t testing.TB, o access.Options, settings ...setting) *bench {
	t.Helper()
	r, err := template()
	require.NoError(t, err)
	dir := copied(t, r)
	s, err := openGuarded(dir, newEngine(t), o)
	require.NoError(t, err)
	return newBenchOf(t, dir, r, s, settings...)
}
