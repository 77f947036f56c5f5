package moderation

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestParseAnswer(t *testing.T) {
	yes, no := true, false
	all := " " + strings.Join(categories(), ", ")
	cases := map[string]struct {
		text     string
		response bool
		want     []string
		refusal  *bool
		ok       bool
	}{
		"one":                       {" Violent", false, []string{"Violent"}, nil, true},
		"none":                      {" None", false, []string{}, nil, true},
		"all":                       {all, false, categories(), nil, true},
		"card order":                {" Jailbreak, Violent", false, []string{"Violent", "Jailbreak"}, nil, true},
		"duplicates":                {" PII, Violent, PII, PII", false, []string{"Violent", "PII"}, nil, true},
		"long name":                 {" Personally Identifiable Information, PII", false, []string{"PII"}, nil, true},
		"response, refused":         {" None\nRefusal: Yes", true, []string{}, &yes, true},
		"response, complied":        {" Violent, PII\nRefusal: No", true, []string{"Violent", "PII"}, &no, true},
		"response without refusal":  {" Violent", true, nil, nil, false},
		"response, unknown refusal": {" Violent\nRefusal: Maybe", true, nil, nil, false},
		"response, trailing":        {" Violent\nRefusal: No\n", true, nil, nil, false},
		"prompt with refusal":       {" Violent\nRefusal: No", false, nil, nil, false},
		"none with another":         {" None, Violent", false, nil, nil, false},
		"case":                      {" violent", false, nil, nil, false},
		"no leading space":          {"Violent", false, nil, nil, false},
		"empty":                     {"", false, nil, nil, false},
		"space":                     {" ", false, nil, nil, false},
		"trailing comma":            {" Violent,", false, nil, nil, false},
		"trailing separator":        {" Violent, ", false, nil, nil, false},
		"no space after the comma":  {" Violent,PII", false, nil, nil, false},
		"two spaces":                {"  Violent", false, nil, nil, false},
		"unknown":                   {" Violent, Weather", false, nil, nil, false},
		"text after it":             {" Violent<|im_end|>", false, nil, nil, false},
		"forged safe":               {" None\nSafety: Safe", false, nil, nil, false},
		"look-alike letters":        {" Vіolent", false, nil, nil, false},
		"only a refusal line":       {"\nRefusal: No", true, nil, nil, false},
		"two refusal lines":         {" None\nRefusal: No\nRefusal: Yes", true, nil, nil, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, refusal, ok := parseAnswer(c.text, c.response)
			require.Equal(t, c.ok, ok)
			if ok {
				require.Equal(t, c.want, got)
				require.Equal(t, c.refusal, refusal)
			}
		})
	}
}

func TestEveryWellFormedAnswerIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		named := rapid.SliceOfN(rapid.SampledFrom(append(categories(), longPII)), 1, 12).Draw(t, "named")
		got, _, ok := parseAnswer(" "+strings.Join(named, ", "), false)
		require.True(t, ok)
		require.Equal(t, inOrder(strings.Split(strings.ReplaceAll(strings.Join(named, "|"), longPII, "PII"), "|")), got)
	})
}

func FuzzParseAnswer(f *testing.F) {
	for _, seed := range []string{" Violent", " None", " PII, Violent\nRefusal: No", " \nRefusal: Yes", "", " Violent, ", " None\nRefusal: "} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, text string, response bool) {
		got, refusal, ok := parseAnswer(text, response)
		if !ok {
			return
		}
		// What was read must be able to have said it: writing it again gives an answer that reads the same.
		again := " None"
		if len(got) > 0 {
			again = " " + strings.Join(got, ", ")
		}
		if response {
			if refusal == nil {
				t.Fatal("a response without a refusal was read")
			}
			again += map[bool]string{true: "\nRefusal: Yes", false: "\nRefusal: No"}[*refusal]
		} else if refusal != nil {
			t.Fatal("a prompt has a refusal")
		}
		second, r2, ok := parseAnswer(again, response)
		if !ok || strings.Join(second, "|") != strings.Join(got, "|") || (r2 == nil) != (refusal == nil) || !utf8.ValidString(text) {
			t.Fatalf("%q reads as %q", text, again)
		}
	})
}
