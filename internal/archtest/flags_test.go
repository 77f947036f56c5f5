package archtest

import (
	"os/exec"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// The engine's module calls llama.cpp's AMX products wherever the compiler may use AMX, and has nothing that compiles them: a build on
// a processor that has AMX ended at the linker.
func TestTheFlagsLeaveOutAMX(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("AMX is of x86-64")
	}
	for _, march := range []string{"native", "sapphirerapids", "x86-64-v3"} {
		script := `set -eu; export GH_MARCH=` + march + `; . ../../scripts/env.sh
echo | ${CC:-cc} $CGO_CFLAGS -dM -E -; echo | ${CXX:-c++} $CGO_CXXFLAGS -x c++ -dM -E -`
		out, err := exec.CommandContext(t.Context(), "bash", "-c", script).CombinedOutput()
		require.NoError(t, err, string(out))
		require.Contains(t, string(out), "__x86_64__", march)
		require.NotContains(t, string(out), "__AMX_INT8__", march)
	}
}
