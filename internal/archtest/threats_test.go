package archtest

import (
	"fmt"
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// threat is one class of attack that the product has a rule against. Each has at least one test that names it.
type threat struct{ id, what string }

// threats lists the classes whose code is in the tree. Who builds what a class is about adds its row.
var threats = []threat{ //nolint:gochecknoglobals // a constant in all but type
	{"M1", "size arithmetic of a model file"},
	{"M2", "metadata of a model file with another type than C reads"},
	{"M3", "native code that a hostile file took over"},
	{"M4", "a model file swapped after it was hashed"},
	{"M5", "a chat template as a program"},
	{"M6", "a planted library"},
	{"M7", "numbers and text that C can't take"},
	{"M8", "crashes laid at the wrong door, or at none"},
	{"M9", "trojan weights in a sound file"},
	{"T1", "special tokens in a text"},
	{"T2", "forged delimiters in a text"},
	{"T3", "a cache as an oracle"},
	{"T4", "a content hash as an oracle"},
	{"T5", "internals in error messages"},
	{"A1", "set-up reopened or raced"},
	{"A2", "a known secret"},
	{"A3", "parsing of bearers"},
	{"A4", "a token that outlives the right"},
	{"A5", "evading the sign-in throttle, finding out names"},
	{"A7", "sign-in as a weapon"},
	{"A8", "a second way in"},
	{"A9", "an open session that makes an administrator"},
	{"Z1", "a route outside the gate"},
	{"Z2", "path tricks"},
	{"Z3", "ids of others"},
	{"Z4", "granting more than one has"},
	{"Z5", "a key for another user"},
	{"Z6", "rule sets that fail open"},
	{"Z7", "names as patterns, reused names"},
	{"Z8", "role matching and reload"},
	{"K1", "credential look-up: SQL and timing"},
	{"K2", "a limit lost on a path"},
	{"K3", "a replay that returns the secret"},
	{"P1", "forged address, path, host"},
	{"P2", "DNS rebinding"},
	{"P3", "cross-site requests"},
	{"P4", "requests to other machines, and where they end"},
	{"W2", "file names in headers"},
	{"W3", "control and direction characters in logs and terminals"},
	{"U1", "a log that was cut or rebuilt"},
	{"U2", "audit rows as a weapon"},
	{"U3", "a forked chain"},
	{"U4", "the clock as an eraser"},
	{"U5", "a secret typed as a name"},
	{"S1", "a restore that writes elsewhere"},
	{"S2", "a hostile database"},
	{"S3", "a restore that revives access"},
	{"S4", "remnants of deleted text"},
	{"S5", "content in cores, swap and environment"},
	{"R1", "inflated bodies"},
	{"R2", "stale rights, one owner who takes all places"},
	{"D1", "debug routes"},
	{"D2", "settings that run programs"},
}

var (
	named = regexp.MustCompile(`\bthreats? ([A-Z][0-9]+(?:(?:, | and )(?:threat )?[A-Z][0-9]+)*)`)
	id    = regexp.MustCompile(`[A-Z][0-9]+`)
)

// The page says which test proves which rule; a rule without a test, or a test of a rule that nobody wrote down, fails.
func TestEveryThreatHasATestThatNamesIt(t *testing.T) {
	proofs := map[string][]string{}
	for _, s := range sources(t) {
		if !s.test || s.pkg == "internal/archtest" {
			continue
		}
		for _, name := range mentions(s) {
			proofs[name] = append(proofs[name], s.pkg)
		}
	}
	var page strings.Builder
	for _, row := range threats {
		packages := slices.Compact(slices.Sorted(slices.Values(proofs[row.id])))
		assert.NotEmpty(t, packages, "no test names threat %s (%s)", row.id, row.what)
		fmt.Fprintf(&page, "| %s | %s | %s |\n", row.id, row.what, "`"+strings.Join(packages, "`, `")+"`")
		delete(proofs, row.id)
	}
	assert.Empty(t, proofs, "tests name threats that threats_test.go does not list")
	checkPage(t, page.String())
}

// mentions answers the threats that a file's comments and assertion texts name.
func mentions(s source) []string {
	var found []string
	read := func(text string) {
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			found = append(found, id.FindAllString(m[1], -1)...)
		}
	}
	for _, group := range s.file.Comments {
		read(group.Text())
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok {
			read(lit.Value)
		}
		return true
	})
	return found
}

func checkPage(t *testing.T, rows string) {
	t.Helper()
	name := filepath.Join(root, "docs", "threats.md")
	want := "# Attacks, and the tests that stand against them\n\n" +
		"Written by `go test ./internal/archtest -update` from the tests' own words. Each test carries a comment that names the class.\n\n" +
		"| class | what | tests in |\n|---|---|---|\n" + rows
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(want), 0o644))
		return
	}
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, want, string(text), "run: go test ./internal/archtest -update")
}
