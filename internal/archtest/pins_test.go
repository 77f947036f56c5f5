package archtest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// threat C1: what is fetched is exactly what was looked at. Go modules have go.sum; these are the others.
func TestWhatIsFetchedIsPinnedByHash(t *testing.T) {
	var lock struct {
		Packages map[string]struct {
			Integrity string `json:"integrity"`
			Bundled   bool   `json:"inBundle"`
			Link      bool   `json:"link"`
		} `json:"packages"`
	}
	text, err := os.ReadFile(filepath.Join(root, "web", "package-lock.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &lock))
	require.Greater(t, len(lock.Packages), 10)
	for name, p := range lock.Packages {
		if name != "" && !p.Bundled {
			assert.False(t, p.Link, name)
			assert.True(t, strings.HasPrefix(p.Integrity, "sha512-"), "%s has no SHA-512 in the lock", name)
		}
	}

	hash := regexp.MustCompile(`--hash=sha256:[0-9a-f]{64}( \\)?$`)
	for _, name := range []string{
		"requirements-test.txt", "requirements-lint.txt", "requirements-node.txt", "requirements-models.txt", "guard-nano/requirements.txt",
	} {
		text, err := os.ReadFile(filepath.Join(root, "scripts", name))
		require.NoError(t, err)
		pinned := 0
		for _, entry := range strings.Split(strings.ReplaceAll(string(text), "\\\n", "\x00"), "\n") {
			if entry == "" || strings.HasPrefix(entry, "#") {
				continue
			}
			parts := strings.Split(entry, "\x00")
			assert.Regexp(t, `^[a-z0-9-]+==[0-9.]+ $`, parts[0], name)
			require.Greater(t, len(parts), 1, "%s: %s has no hash", name, entry)
			for _, part := range parts[1:] {
				assert.Regexp(t, hash, strings.TrimSpace(part), name)
			}
			pinned++
		}
		assert.Positive(t, pinned, name)
	}
}

// threat C1: set-up runs nobody's install scripts and takes nothing that is not in the lists above.
func TestSetUpRunsNoInstallScripts(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "scripts", "setup.sh"))
	require.NoError(t, err)
	setup := strings.ReplaceAll(string(text), "\\\n", " ")
	// curl may be looked for and named as a package; it may not be run.
	setup = strings.NewReplacer("have curl;", "", "echo curl;", "").Replace(setup)
	installs := 0
	for line := range strings.SplitSeq(setup, "\n") {
		switch {
		case strings.Contains(line, "npm ci"):
			assert.Contains(t, line, "--ignore-scripts")
			installs++
		case strings.Contains(line, "pip install") || strings.Contains(line, "pip download"):
			assert.Contains(t, line, "--require-hashes")
			assert.Contains(t, line, "--only-binary :all:")
			assert.Contains(t, line, "--no-deps")
			installs++
		}
		assert.NotContains(t, line, "npm install")
		assert.NotRegexp(t, `\b(curl|wget)\b`, line)
	}
	assert.Equal(t, 6, installs)
}
