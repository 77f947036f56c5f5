package archtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
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

// The engine's repacking of Q4_K writes past a block on the stack on arm64 with the dot product and without i8mm (docs/advisories.md).
func TestNoRepackingWhereItWritesTooFar(t *testing.T) {
	for _, c := range []struct {
		macros string
		repack bool
	}{
		{"#define __ARM_FEATURE_DOTPROD 1", false},
		{"#define __ARM_FEATURE_DOTPROD 1\n#define __ARM_FEATURE_MATMUL_INT8 1", true},
		{"#define __ARM_FEATURE_MATMUL_INT8 1\n#define __ARM_FEATURE_DOTPROD 1", true},
		{"#define __AVX2__ 1", true},
	} {
		compiler := filepath.Join(t.TempDir(), "cc")
		said := "#!/bin/sh\ncat <<'END'\n" + c.macros + "\nEND\n"
		require.NoError(t, os.WriteFile(compiler, []byte(said), 0o700))
		out, err := exec.CommandContext(t.Context(), "bash", "-c",
			`set -eu; export CC=`+compiler+`; . ../../scripts/env.sh; echo "$CGO_CPPFLAGS"`).CombinedOutput()
		require.NoError(t, err, string(out))
		require.Equal(t, c.repack, strings.Contains(string(out), "-DGGML_USE_CPU_REPACK "), "%s: %s", c.macros, out)
	}
}
