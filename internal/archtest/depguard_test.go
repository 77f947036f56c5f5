package archtest

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write depguard's rules into .golangci.yaml") //nolint:gochecknoglobals // a test flag

const (
	begins = "      # Written by internal/archtest from its table: go test ./internal/archtest -update\n"
	ends   = "      # End of what internal/archtest writes.\n"
)

// The linter tells in the editor what the tests above tell in the build. It is written from the same table.
func TestTheLinterHasTheSameTable(t *testing.T) {
	name := filepath.Join(root, ".golangci.yaml")
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(text), begins)
	require.True(t, ok, "the line that opens depguard's rules is gone")
	_, after, ok := strings.Cut(rest, ends)
	require.True(t, ok, "the line that closes depguard's rules is gone")
	want := before + begins + depguard() + ends + after
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(want), 0o644))
		return
	}
	require.Equal(t, want, string(text), "run: go test ./internal/archtest -update")
}

// depguard answers the table and the fences in golangci-lint's spelling.
func depguard() string {
	var b strings.Builder
	b.WriteString("      rules:\n")
	for _, pkg := range slices.Sorted(maps.Keys(table)) {
		r := table[pkg]
		fmt.Fprintf(&b, "        %s:\n          list-mode: lax\n          files: [\"**/%s/*.go\", \"!$test\"]\n", ruleName(pkg), pkg)
		if len(r.imports) > 0 {
			b.WriteString("          allow:\n")
			for _, imported := range slices.Sorted(slices.Values(r.imports)) {
				fmt.Fprintf(&b, "            - %s%s$\n", module, imported)
			}
		}
		fmt.Fprintf(&b, "          deny:\n            - pkg: %s\n              desc: %q\n", strings.TrimSuffix(module, "/"), r.reason)
	}
	for _, name := range slices.Sorted(maps.Keys(fences)) {
		f := fences[name]
		if name == "C" {
			continue // no import path that the linter knows
		}
		files := []string{`"$all"`}
		for _, dir := range f.in {
			files = append(files, fmt.Sprintf("%q", "!**/"+dir+"/**"))
		}
		if f.files != "" {
			files = append(files, fmt.Sprintf("%q", "!**/"+f.files))
		}
		if f.tests {
			files = append(files, `"!$test"`)
		}
		fmt.Fprintf(&b, "        only-%s:\n          list-mode: lax\n          files: [%s]\n", ruleName(name), strings.Join(files, ", "))
		fmt.Fprintf(&b, "          deny:\n            - pkg: %s\n              desc: %q\n", name, f.reason)
	}
	return b.String()
}

func ruleName(pkg string) string { return strings.NewReplacer("/", "-", ".", "-").Replace(pkg) }
