package archtest

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the server writes into audit rows, as it stands in the source: codes of reasons and errors, actions, and what an
// administrative act changed.
var (
	reasonCode = regexp.MustCompile(`(?i)reason\w*\s*(?:=|:)\s*"([a-z_]+)"`)
	lackCode   = regexp.MustCompile(`(?m)^\s*return "(key_scope|role)"$`)
	faultCode  = regexp.MustCompile(`\bCode = "([a-z_]+)"`)
	actionName = regexp.MustCompile(`\bAction = "([a-z_]+\.[a-z_]+)"`)
	changeCode = regexp.MustCompile(`"change":\s*"([a-z_]+)"`)
)

// TestAuditRowsHaveTexts: in both languages the console says every reason in short and as a sentence, names every action and
// tells its rows whatever came of them, and tells every kind of change.
func TestAuditRowsHaveTexts(t *testing.T) {
	source := goSource(t, "internal", "cmd")
	reasons := slices.Concat(codes(source, reasonCode), codes(source, lackCode), codes(source, faultCode))
	actions := codes(source, actionName)
	changes := codes(source, changeCode)
	require.Subset(t, reasons, []string{"role", "wrong_password", "summed", "canceled", "busy"}, "the source is read")
	require.Subset(t, actions, []string{"moderation.run", "auth.login", "audit.read"})
	require.Subset(t, changes, []string{"create", "delete", "revoke"})
	for _, language := range []string{"en", "zh-CN"} {
		texts := catalogue(t, language)
		for _, r := range reasons {
			require.NotEmpty(t, texts["reason."+r], "%s: reason %s", language, r)
			require.NotEmpty(t, texts["whyReason."+r], "%s: why %s", language, r)
		}
		for _, a := range actions {
			slug := strings.ReplaceAll(a, ".", "_")
			for _, key := range []string{"deed.", "deedDo.", "sentence.allow.", "sentence.deny.", "sentence.error."} {
				require.NotEmpty(t, texts[key+slug], "%s: %s%s", language, key, slug)
			}
		}
		for _, c := range changes {
			require.True(t, tells(texts, c), "%s: no sentence tells of the change %s", language, c)
		}
	}
}

func tells(texts map[string]string, change string) bool {
	for key := range texts {
		if strings.HasPrefix(key, "sentence.allow.") && strings.HasSuffix(key, "_"+change) {
			return true
		}
	}
	return false
}

// codes answers what the pattern finds, each once.
func codes(source string, pattern *regexp.Regexp) []string {
	var out []string
	for _, m := range pattern.FindAllStringSubmatch(source, -1) {
		out = append(out, m[1])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// goSource joins what is no test and not generated.
func goSource(t *testing.T, folders ...string) string {
	t.Helper()
	var b strings.Builder
	for _, folder := range folders {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "gen" || d.Name() == "testdata" || d.Name() == "archtest"):
				return filepath.SkipDir
			case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			text, err := os.ReadFile(path)
			b.Write(text)
			return err
		}))
	}
	return b.String()
}

// catalogue answers a language's texts by key, all areas together.
func catalogue(t *testing.T, language string) map[string]string {
	t.Helper()
	out := map[string]string{}
	files, err := filepath.Glob(filepath.Join(root, "web", "src", "i18n", language, "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		var tree map[string]any
		require.NoError(t, json.Unmarshal(text, &tree), f)
		flatten(tree, "", out)
	}
	return out
}

func flatten(tree map[string]any, prefix string, into map[string]string) {
	for key, value := range tree {
		switch v := value.(type) {
		case string:
			into[prefix+key] = v
		case map[string]any:
			flatten(v, prefix+key+".", into)
		}
	}
}
