package httpapi

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
)

func TestParseIfMatch(t *testing.T) {
	for header, want := range map[string]condition{
		`*`:                      {any: true},
		" \t* ":                  {any: true},
		`"v3"`:                   {versions: []int64{3}},
		"\t\"v3\" ":              {versions: []int64{3}},
		`"v1","v2"`:              {versions: []int64{1, 2}},
		`"v1" , "v2"`:            {versions: []int64{1, 2}},
		`,, "v1",,`:              {versions: []int64{1}}, // RFC 9110, 5.6.1: empty elements count for nothing
		`W/"v3"`:                 {versions: []int64{noVersion}},
		`W/"v3", "v4"`:           {versions: []int64{noVersion, 4}},
		`"v03"`:                  {versions: []int64{noVersion}},
		`"v+3"`:                  {versions: []int64{noVersion}},
		`"v-3"`:                  {versions: []int64{noVersion}},
		`"v0"`:                   {versions: []int64{noVersion}},
		`"3"`:                    {versions: []int64{noVersion}},
		`"V3"`:                   {versions: []int64{noVersion}},
		`""`:                     {versions: []int64{noVersion}},
		`"a,b"`:                  {versions: []int64{noVersion}}, // a comma may stand in a tag
		`"v9223372036854775807"`: {versions: []int64{9223372036854775807}},
		`"v9223372036854775808"`: {versions: []int64{noVersion}},
		`"*"`:                    {versions: []int64{noVersion}},
	} {
		got, err := parseIfMatch(header)
		require.NoError(t, err, header)
		require.Equal(t, want, got, header)
	}
	for _, header := range []string{
		``, ` `, `,`, `, ,`, `v3`, `3`, `"v3`, `v3"`, `w/"v3"`, `W/`, `W/v3`, `W/ "v3"`, `*,"v3"`, `"v3",*`, `**`, `"v3" "v4"`, `"v3"x`, `"v3";q=1`,
		`"v 3"`, "\"v\t3\"", "\"v3\x7f\"", `'v3'`, `"v3"` + strings.Repeat(`,"v3"`, maxTags),
	} {
		_, err := parseIfMatch(header)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), header)
	}
}

// FuzzIfMatch: whatever is taken asks for one thing, in at most so many tags, each of our versions in its one spelling.
func FuzzIfMatch(f *testing.F) {
	for _, seed := range []string{`*`, `"v3"`, `W/"v3"`, `"v1", "v2"`, `,,"v1"`, `"`, `"v9223372036854775808"`, `"a\"b"`, "\"\x00\"", `"v3" *`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		c, err := parseIfMatch(header)
		if err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
			require.Zero(t, c)
			return
		}
		require.NotEqual(t, c.any, len(c.versions) > 0)
		require.LessOrEqual(t, len(c.versions), maxTags)
		for _, v := range c.versions {
			if v == noVersion {
				continue
			}
			require.Positive(t, v)
			require.Contains(t, header, `"v`+strconv.FormatInt(v, 10)+`"`)
		}
		again, err := parseIfMatch(" " + header + "\t")
		require.NoError(t, err)
		require.Equal(t, c, again, "space around it says nothing")
	})
}
