package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const upstream = "github.com/ollama/ollama"

var (
	advisory = regexp.MustCompile(`(?m)^\| (?:CVE-|GHSA-|ollama#|ggml#|#|control)[^\n]*\|$`)
	// What no advisory's decision reckons with: a function of these would make code callable that the page calls dead.
	uncalled = regexp.MustCompile(`\b(?:llama_(?:sampler|grammar|chat|state|adapter|set_adapter|apply_adapter|batch_init|encode)|mtmd|clip|common|ggml_backend_rpc|ggml_backend_load_|ggml_backend_reg)_?\w*\(`)
)

func advisories(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "advisories.md"))
	require.NoError(t, err)
	return string(text)
}

// threat C2: a raised engine is not released before every advisory was looked at again.
func TestTheAdvisoriesAreOfTheEngineInUse(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	pin := regexp.MustCompile(`(?m)^\t` + upstream + ` (v\S+)`).FindStringSubmatch(string(text))
	require.Len(t, pin, 2)
	require.Contains(t, advisories(t), "`"+upstream+" "+pin[1]+"`", "docs/advisories.md is of another version")
	require.NotRegexp(t, `(?m)^\s*(replace )?`+upstream+`( v\S+)? =>`, string(text),
		"a patched engine: say in docs/advisories.md what the patch fixes, then here that it may be")
}

// threat C2: each advisory is decided, in one of five words.
func TestEveryAdvisoryIsDecided(t *testing.T) {
	rows := advisory.FindAllString(advisories(t), -1)
	require.Greater(t, len(rows), 50, "the rows are found")
	for _, row := range rows {
		cells := strings.Split(row, "|")
		require.Len(t, cells, 7, row)
		assert.Contains(t, []string{"not linked", "not called", "refused", "fixed", "open"}, strings.TrimSpace(cells[4]), row)
		assert.NotEmpty(t, strings.TrimSpace(cells[5]), row)
	}
}

// threat C2: what the page calls not linked is not in the binary.
func TestTheEngineIsLinkedAsTheAdvisoriesSay(t *testing.T) {
	_, rest, ok := strings.Cut(advisories(t), "<!-- linked -->\n")
	require.True(t, ok)
	block, _, ok := strings.Cut(rest, "<!-- end of linked -->")
	require.True(t, ok)
	said := strings.Fields(block)
	if runtime.GOARCH == "arm64" {
		for i := range said {
			said[i] = strings.Replace(said[i], "/arch/x86", "/arch/arm", 1)
		}
	}
	var linked []string
	for _, dep := range list(t, native)["cmd/guardhouse"].Deps {
		if within(dep, upstream) {
			linked = append(linked, dep)
		}
	}
	require.ElementsMatch(t, said, linked)
}

// threat C2: what the page calls not called has no declaration by which it could be.
func TestTheEngineIsCalledAsTheAdvisoriesSay(t *testing.T) {
	require.Regexp(t, uncalled, "llama_sampler *llama_sampler_init_dry(int);", "the pattern finds what it is for")
	for _, name := range []string{"abi.h", "gpuabi.h", "shim.h", "gpu.h", "shim.cpp", "gpu.cpp"} {
		text, err := os.ReadFile(filepath.Join(root, "internal", "inference", "llamacpp", name))
		require.NoError(t, err)
		require.NotRegexp(t, uncalled, string(text), name)
	}
	require.Contains(t, advisories(t), "No sampler, grammar, JSON schema, chat template, image")
}
