package evidence_test

import (
	"os"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/docs"
	"guardhouse/internal/evidence"
)

func TestModulesAreThoseThatAreLinked(t *testing.T) {
	s := evidence.Software{Build: &debug.BuildInfo{GoVersion: "go1.26.8", Deps: []*debug.Module{
		{Path: "gorm.io/gorm", Version: "v1.31.2", Sum: "h1:x"},
		{Path: "github.com/ollama/ollama", Version: "v0.24.0"},
		{Path: "old", Version: "v1.0.0", Replace: &debug.Module{Path: "fork", Version: "v1.0.1"}},
	}}}
	require.Equal(t, map[string]string{
		"std": "1.26.8", "gorm.io/gorm": "v1.31.2", "github.com/ollama/ollama": "v0.24.0", "llama.cpp": "ec98e2002", "fork": "v1.0.1",
	}, s.Modules())
	require.Empty(t, evidence.Software{}.Modules())
}

// The commit of llama.cpp is known of the release that go.mod names.
func TestTheEngineOfThisReleaseIsKnown(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	require.NoError(t, err)
	found := regexp.MustCompile(`github\.com/ollama/ollama (v\S+)`).FindSubmatch(mod)
	require.NotNil(t, found)
	s := evidence.Software{Build: &debug.BuildInfo{Deps: []*debug.Module{{Path: "github.com/ollama/ollama", Version: string(found[1])}}}}
	require.NotEmpty(t, s.Modules()["llama.cpp"])
}

func TestPackagesAreThoseOfTheConsole(t *testing.T) {
	lock := `{"packages":{"":{"version":"1"},"node_modules/vue":{"version":"3.5.45","license":"MIT"},"node_modules/vitest":{"version":"5.0.0","dev":true},
		"node_modules/a/node_modules/@x/y":{"version":"2.0.0"},"node_modules/@x/y":{"version":"1.0.0"},"node_modules/z":{"version":"1.0.0","devOptional":true}}}`
	names, n, err := evidence.Software{Lock: []byte(lock)}.Packages()
	require.NoError(t, err)
	require.Equal(t, 3, n, "two versions of one package are two")
	require.Equal(t, "3.5.45", names["vue"])
	require.Contains(t, names, "@x/y")
	_, _, err = evidence.Software{Lock: []byte("{")}.Packages()
	require.Error(t, err)
	_, n, err = evidence.Software{}.Packages()
	require.NoError(t, err)
	require.Zero(t, n)
}

// The page names every member in both languages, and the verifier is a program.
func TestThePageSaysWhatIsInIt(t *testing.T) {
	english, chinese, found := strings.Cut(evidence.Page(), "## 中文")
	require.True(t, found)
	for _, name := range []string{"verify.py", "config.json", "people.json", "policy.jsonl", "models.json", "sbom.json", "audit.jsonl", "keys.notes", "checkpoints.notes", "tombstones.notes", "manifest.note", "--evidence"} {
		require.Contains(t, english, name)
		require.Contains(t, chinese, name)
	}
	require.Contains(t, string(docs.Verify), "def check_pack(")
}
