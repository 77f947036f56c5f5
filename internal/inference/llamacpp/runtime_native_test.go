//go:build !nollama

package llamacpp

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/inference"
)

func TestAModelSaysWhichCodeComputes(t *testing.T) {
	m := load(t, nano(t), inference.Spec{Slots: 1, SlotTokens: 128})
	require.Regexp(t, `^ollama( v\S+)? llama\.cpp [0-9a-f]{7,40}$`, m.Describe().Runtime)
}

func TestAReplacedEngineIsNamed(t *testing.T) {
	dep := &debug.Module{Path: engineModule, Version: "v0.24.0"}
	require.Regexp(t, `^ollama v0\.24\.0 llama\.cpp `, runtimeOf(&debug.BuildInfo{Deps: []*debug.Module{{Path: "other", Version: "v9"}, dep}}))
	dep.Replace = &debug.Module{Path: "./third_party/ollama"}
	require.Regexp(t, `^ollama v0\.24\.0 replaced by \./third_party/ollama llama\.cpp `, runtimeOf(&debug.BuildInfo{Deps: []*debug.Module{dep}}))
	require.Regexp(t, `^ollama llama\.cpp `, runtimeOf(nil))
}
