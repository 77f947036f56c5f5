package audit

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// drawValue makes what callers put in details, and what they should not.
func drawValue(t *rapid.T, depth int) any {
	kinds := []string{"string", "raw", "int", "int64", "number", "bool", "nil", "strings", "float", "uint8"}
	if depth > 0 {
		kinds = append(kinds, "list", "map")
	}
	switch rapid.SampledFrom(kinds).Draw(t, "kind") {
	case "string":
		return rapid.String().Draw(t, "string")
	case "raw":
		return string(rapid.SliceOfN(rapid.Byte(), 0, 6).Draw(t, "raw"))
	case "int":
		return rapid.IntRange(-1<<60, 1<<60).Draw(t, "int")
	case "int64":
		return rapid.Int64Range(-100, 100).Draw(t, "int64")
	case "number":
		return json.Number(rapid.SampledFrom([]string{"0", "-0", "12", "1e3", "007", "", "-5", "9007199254740991", "1.0"}).Draw(t, "number"))
	case "bool":
		return rapid.Bool().Draw(t, "bool")
	case "strings":
		return rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, "strings")
	case "float":
		return rapid.SampledFrom([]float64{1, 1.5, -3}).Draw(t, "float")
	case "uint8":
		return rapid.Uint8().Draw(t, "uint8")
	case "list":
		var list []any
		for range rapid.IntRange(0, 3).Draw(t, "n") {
			list = append(list, drawValue(t, depth-1))
		}
		return list
	case "map":
		return drawMap(t, depth-1)
	}
	return nil
}

func drawMap(t *rapid.T, depth int) map[string]any {
	out := map[string]any{}
	for range rapid.IntRange(0, 4).Draw(t, "members") {
		out[rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"a", "b\xff", "\U00010000", "\uffff", "\ue000"})).Draw(t, "name")] = drawValue(t, depth)
	}
	return out
}

// TestDetailsAreWhatEncodingJSONMakesOfThem holds the short way against the long one.
func TestDetailsAreWhatEncodingJSONMakesOfThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		details := drawMap(t, 3)
		plain, err := plainDetails(details)
		raw, wantErr := json.Marshal(details)
		if wantErr != nil {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		want, wantErr := decodeDetails(raw)
		require.NoError(t, wantErr)
		require.Equal(t, want, plain)
		kept, canonical, err := canonicalDetails(details)
		if err != nil {
			require.ErrorIs(t, err, errNumber)
			return
		}
		require.Equal(t, want, kept)
		again, err := decodeDetails(canonical)
		require.NoError(t, err)
		_, twice, err := canonicalDetails(again)
		require.NoError(t, err)
		require.Equal(t, string(canonical), string(twice), "what a reader parses has the same hash")
	})
}

func TestDetailsOfARingAreRefused(t *testing.T) {
	ring := map[string]any{}
	ring["self"] = ring
	_, err := plainDetails(ring)
	require.Error(t, err)
	list := []any{nil}
	list[0] = list
	_, err = plainDetails(map[string]any{"list": list})
	require.Error(t, err)
	deep := any("x")
	for range 100 {
		deep = []any{deep}
	}
	plain, err := plainDetails(map[string]any{"deep": deep})
	require.NoError(t, err)
	require.Equal(t, map[string]any{"deep": deep}, plain)
}

func TestNamesAreOrderedByUTF16(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "a", "é", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff"}))
		prefix := part.Draw(t, "prefix")
		x, y := prefix+part.Draw(t, "x"), prefix+part.Draw(t, "y")
		want := slices.Compare(utf16.Encode([]rune(x)), utf16.Encode([]rune(y)))
		got := compareNames(x, y)
		require.Equal(t, want < 0, got < 0)
		require.Equal(t, want > 0, got > 0)
	})
}

// slowString is appendString letter by letter.
func slowString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		if r == '"' || r == '\\' || r < 0x20 {
			raw, _ := json.Marshal(string(r))
			b.Write(raw[1 : len(raw)-1])
			continue
		}
		b.WriteRune(r)
	}
	return b.String() + `"`
}

func TestStringsAreEscapedAsBefore(t *testing.T) {
	for r := range rune(0x80) {
		require.Equal(t, slowString("a"+string(r)+"b"), string(appendString(nil, "a"+string(r)+"b")))
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "s")
		require.Equal(t, slowString(s), string(appendString(nil, s)))
	})
}
