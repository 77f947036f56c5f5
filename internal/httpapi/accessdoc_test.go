package httpapi_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/rule"
)

// example is one of docs/access.md, read out of the page.
type example struct {
	title   string
	yaml    string
	rules   []string // the same rules as JSON, one each
	columns []string
	asks    [][]string
	explain string
	answer  string
}

var (
	heading = regexp.MustCompile(`(?m)^## (\d+\. .+)$`)
	fenced  = regexp.MustCompile("(?s)```([a-z ]+)\n(.*?)```")
)

// accessExamples reads the page. It refuses an example that lacks a part, so that none is left untried.
func accessExamples(t testing.TB) []example {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "access.md"))
	require.NoError(t, err)
	page := string(text)
	at := heading.FindAllStringSubmatchIndex(page, -1)
	var out []example
	for i, h := range at {
		end := len(page)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		out = append(out, readExample(t, page[h[2]:h[3]], page[h[1]:end]))
	}
	return out
}

func readExample(t testing.TB, title, text string) example {
	t.Helper()
	e := example{title: title}
	for _, block := range fenced.FindAllStringSubmatch(text, -1) {
		switch block[1] {
		case "yaml":
			e.yaml = block[2]
		case "json":
			e.rules = strings.Split(strings.TrimSpace(block[2]), "\n")
		case "json explain":
			e.explain = block[2]
		case "json answer":
			e.answer = block[2]
		}
	}
	for _, line := range strings.Split(text, "\n") {
		switch cells := cellsOf(line); {
		case cells == nil || strings.HasPrefix(cells[0], "---"):
		case e.columns == nil:
			e.columns = cells
		default:
			require.Len(t, cells, len(e.columns), line)
			e.asks = append(e.asks, cells)
		}
	}
	require.NotEmpty(t, e.yaml, title)
	require.NotEmpty(t, e.rules, title)
	require.NotEmpty(t, e.asks, title)
	require.NotEmpty(t, e.explain, title)
	require.NotEmpty(t, e.answer, title)
	return e
}

// cellsOf answers the cells of a table's line, nil for any other line.
func cellsOf(line string) []string {
	if !strings.HasPrefix(line, "|") {
		return nil
	}
	cells := strings.Split(strings.Trim(line, "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

// TestTheExamplesAreTen, and say the same in YAML as in JSON.
func TestTheExamplesAreTen(t *testing.T) {
	all := accessExamples(t)
	require.Len(t, all, 10)
	for _, e := range all {
		file, err := rule.ParseFile([]byte(e.yaml))
		require.NoError(t, err, e.title)
		require.Len(t, e.rules, len(file.Rules), e.title)
		for i, r := range file.Rules {
			other, err := rule.ParseJSON([]byte(e.rules[i]))
			require.NoError(t, err, e.title)
			require.Equal(t, canonical(t, r), canonical(t, other), e.title)
		}
		require.True(t, json.Valid([]byte(e.explain)), e.title)
		require.True(t, json.Valid([]byte(e.answer)), e.title)
	}
}

func canonical(t testing.TB, r rule.Rule) string {
	t.Helper()
	text, err := r.JSON()
	require.NoError(t, err)
	return string(text)
}
