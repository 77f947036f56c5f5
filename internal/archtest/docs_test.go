package archtest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"guardhouse/internal/config"
)

const (
	tableBegins = "<!-- table: go test ./internal/archtest -update -->\n"
	tableEnds   = "<!-- end of table -->\n"
)

// The page is written from the settings themselves, so it names all of them and no others.
func TestTheConfigurationPageIsTheProgram(t *testing.T) {
	name := filepath.Join(root, "docs", "configuration.md")
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(text), tableBegins)
	require.True(t, ok)
	_, after, ok := strings.Cut(rest, tableEnds)
	require.True(t, ok)
	want := before + tableBegins + settings() + tableEnds + after
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(want), 0o644))
		return
	}
	require.Equal(t, want, string(text), "run: go test ./internal/archtest -update")
}

func settings() string {
	var built, later strings.Builder
	for _, o := range config.Options() {
		if !o.Built() {
			fmt.Fprintf(&later, "| `%s` | %s |\n", o.Key, o.Help)
			continue
		}
		value := "(none)"
		if o.Default != "" {
			value = "`" + o.Default + "`"
		}
		variable := "`" + o.Env() + "`"
		if o.File {
			variable = "(file only)"
		}
		fmt.Fprintf(&built, "| `%s` | %s | %s | %s |\n", o.Key, variable, value, o.Help)
	}
	return "\n| key | environment | default | what |\n|---|---|---|---|\n" + built.String() +
		"\nKeys of the contract that this release refuses at start, so that nobody relies on what is not there:\n\n| key | what |\n|---|---|\n" +
		later.String() + "\n"
}

var link = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)

// A page that points nowhere costs a newcomer more than no page.
func TestLinksInThePagesLeadSomewhere(t *testing.T) {
	pages := []string{filepath.Join(root, "README.md"), filepath.Join(root, "README.zh-CN.md"), filepath.Join(root, "CHANGELOG.md")}
	require.NoError(t, filepath.WalkDir(filepath.Join(root, "docs"), func(name string, d os.DirEntry, err error) error {
		if strings.HasSuffix(name, ".md") {
			pages = append(pages, name)
		}
		return err
	}))
	cards, err := filepath.Glob(filepath.Join(root, "models", "*.md"))
	require.NoError(t, err)
	for _, page := range append(pages, cards...) {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, found := range link.FindAllStringSubmatch(string(text), -1) {
			assert.FileExists(t, filepath.Join(filepath.Dir(page), found[1]), "%s points to %s", page, found[1])
		}
	}
}

// The index is written from the decisions' own titles.
func TestTheDecisionsStandInTheirIndex(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "docs", "adr", "0*.md"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var rows strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, part := range []string{"\n## Context\n", "\n## Decision\n", "\n## Consequences\n", "\nStatus: "} {
			assert.Contains(t, string(text), part, file)
		}
		number, title, ok := strings.Cut(strings.TrimPrefix(strings.SplitN(string(text), "\n", 2)[0], "# "), ". ")
		require.True(t, ok, "%s does not begin with # NUMBER. TITLE", file)
		assert.True(t, strings.HasPrefix(filepath.Base(file), number+"-"), "%s calls itself %s", file, number)
		fmt.Fprintf(&rows, "| [%s](%s) | %s |\n", number, filepath.Base(file), title)
	}
	name := filepath.Join(root, "docs", "adr", "README.md")
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	const head = "| | |\n|---|---|\n"
	before, _, ok := strings.Cut(string(text), head)
	require.True(t, ok)
	want := before + head + rows.String()
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(want), 0o644))
		return
	}
	require.Equal(t, want, string(text), "run: go test ./internal/archtest -update")
}
