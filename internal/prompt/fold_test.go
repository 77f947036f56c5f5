package prompt

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// TestFoldIsTheRecipes holds the engine's folding to that of the recipe which the model was trained with
// (scripts/guard-nano/guardnano/fold.py; tests/test_fold.py there holds the same file).
func TestFoldIsTheRecipes(t *testing.T) {
	raw, err := os.ReadFile("testdata/fold.json")
	require.NoError(t, err)
	var pairs [][2]string
	require.NoError(t, json.Unmarshal(raw, &pairs))
	require.Greater(t, len(pairs), 200)
	for _, pair := range pairs {
		require.Equal(t, pair[1], foldContent(pair[0]), "%q", pair[0])
	}
}

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"How do I K.I.L.L it?":      "how do i kill it?",
		"раураl АССОUNT":            "paypal account",
		"k\u0336i\u0336l\u0336l":    "kill",
		"b😀o😀m😀b":                   "bomb",
		"e.g. a/b, p.m.":            "e.g. a/b, p.m.",
		"制作\u200e时间":                "制作时间",
		"\u00dcnï \u200e":           "uni",
		"🇰🅘ll":                      "kill",
		strings.Repeat("a.", 4):     "aaaa.",
		"k i l l":                   "k i l l", // where one word ends and the next begins is not known
		"\u0936\u093f \u0e01\u0e34": "\u0936\u093f \u0e01\u0e34",
	} {
		require.Equal(t, want, foldContent(in), "%q", in)
	}
}

func FuzzFold(f *testing.F) {
	for _, s := range []string{"", "K.I.L.L", "é\u0336", "a.b.c.d-e-f", "\u1160가", "🅰.b.c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "")
		// Twice, as a text is normalised before it is cut (moderation): what one pass uncovers, the other folds.
		once := foldContent(foldContent(s))
		require.True(t, utf8.ValidString(once))
		require.Equal(t, once, foldContent(once))
	})
}
