package rule_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/rule"
)

func TestAFileShowsThatItIsWhole(t *testing.T) {
	const text = "version: 1\nrules: []\n"
	for name, whole := range map[string]string{
		"mark":                 text + "...\n",
		"mark without an end":  text + "...",
		"mark, then space":     text + "... \t\r\n\r\n",
		"mark, then a comment": text + "...\n# of the wards\n\n  # and more",
		"JSON":                 `{"version":1,"rules":[]}`,
		"JSON after space":     "\ufeff\n {\"version\":1,\n\"rules\":[]}\n",
	} {
		require.True(t, rule.Ended([]byte(whole)), name)
		_, err := rule.ParseFile([]byte(whole))
		require.NoError(t, err, name)
	}
	for name, open := range map[string]string{
		"nothing":          "",
		"only a comment":   "# ...\n",
		"no mark":          text,
		"a mark in a text": text + "  ...\n",
		"half a mark":      text + "..\n",
		"more than a mark": text + "....\n",
		"more after it":    text + "...\n- more\n",
		"a begin":          "---\n" + text,
		"commented out":    text + "# ...\n",
	} {
		require.False(t, rule.Ended([]byte(open)), name)
	}
}

// Whatever part of an export is there, at whichever byte it was cut: it does not pass for the whole.
func TestACutExportIsNotEnded(t *testing.T) {
	var f rule.File
	for i := range 20 {
		f.Rules = append(f.Rules, mixedRule(t, i))
	}
	text, err := f.YAML()
	require.NoError(t, err)
	require.True(t, rule.Ended(text))
	mark := bytes.LastIndex(text, []byte("...")) + len("...")
	for n := range mark {
		require.False(t, rule.Ended(text[:n]), "%s", text[:n])
	}
}

// A text that looks like the mark is none: no rule can end the file before its end.
func TestNoTextEndsAFile(t *testing.T) {
	r := mixedRule(t, 1)
	for _, note := range []string{"...", "a\n...", "a\n...\n", "...\nb", "...\n...\n...", "a\n\n...\n\n", "# x\n..."} {
		r.Note = note
		text, err := rule.File{Rules: []rule.Rule{r}}.YAML()
		require.NoError(t, err)
		for n := range bytes.LastIndex(text, []byte("...")) {
			require.False(t, rule.Ended(text[:n]), "%q", text[:n])
		}
		again, err := rule.ParseFile(text)
		require.NoError(t, err, "%s", text)
		require.Equal(t, note, again.Rules[0].Note)
	}
}

// mixedRule is one of many that differ: allows and denies, with conditions and without, enforced and reported.
func mixedRule(t testing.TB, i int) rule.Rule {
	t.Helper()
	effect, mode, conditions := "allow", "enforce", ""
	if i%3 == 1 {
		effect = "deny"
	}
	if i%4 == 2 {
		mode = "report-only"
	}
	if i%2 == 0 {
		conditions = "\n    conditions: {ip_ranges: [10.0.0.0/24, \"fd00::/8\"], valid_until: 2030-12-31T23:59:59Z, hours: \"Mon-Fri 08:00-18:00 Asia/Shanghai\", purpose: required}"
	}
	text := fmt.Sprintf("version: 1\nrules:\n  - id: r%02d\n    effect: %s\n    principals: [\"role:nurse\", \"*\"]\n    models: [ward-%d, \"x-*\"]\n    operations: [view, infer]%s\n    mode: %s\n    note: \"%s\"\n",
		i, effect, i, conditions, mode, strings.Repeat("zwei\\nZeilen ", i%3))
	f, err := rule.ParseFile([]byte(text))
	require.NoError(t, err)
	return f.Rules[0]
}
