package app

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSpareProcessor(t *testing.T) {
	t.Setenv("GOMAXPROCS", "")
	before := runtime.GOMAXPROCS(0)
	restore := spareProcessor()
	require.Equal(t, before+1, runtime.GOMAXPROCS(0))
	restore()
	require.Equal(t, before, runtime.GOMAXPROCS(0))
	t.Setenv("GOMAXPROCS", "5")
	spareProcessor()()
	require.Equal(t, before, runtime.GOMAXPROCS(0), "what was set by hand stays")
}
