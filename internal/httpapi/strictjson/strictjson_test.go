package strictjson_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/strictjson"
)

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct{ body, reason string }{
		"empty":               {"", "empty"},
		"only space":          {" \n", "no value"},
		"byte order mark":     {"\xef\xbb\xbf{}", "byte order mark"},
		"utf-16":              {"\xff\xfe{\x00}\x00", "UTF-8"},
		"invalid utf-8":       {"\"a\xff\"", "UTF-8"},
		"overlong":            {"\"\xc0\xaf\"", "UTF-8"},
		"surrogate bytes":     {"\"\xed\xa0\x80\"", "UTF-8"},
		"high surrogate":      {`"\ud800"`, "surrogate"},
		"low surrogate":       {`"\ude00"`, "surrogate"},
		"reversed surrogates": {`"\ude00\ud83d"`, "surrogate"},
		"high then letter":    {`"\ud83dx"`, "surrogate"},
		"high then high":      {`"\ud83d\ud83d\ude00"`, "surrogate"},
		"cut escape":          {`"\u00`, "four hex digits"},
		"bad escape":          {`"\x41"`, "escape"},
		"control":             {"\"a\nb\"", "control"},
		"NUL outside":         {"\x00", "no value"},
		"no end":              {`{"a":"b`, "no end"},
		"escape at end":       {`"\`, "no end"},
		"trailing":            {`{}{}`, "more after"},
		"trailing comma":      {`[1,]`, "no value"},
		"member comma":        {`{"a":1,}`, "no name"},
		"twice":               {`{"a":1,"a":2}`, "twice"},
		"twice by escape":     {`{"a":1,"\u0061":2}`, "twice"},
		"twice deep":          {`[{"a":{"b":1,"b":1}}]`, "twice"},
		"number name":         {`{1:2}`, "no name"},
		"no colon":            {`{"a" 1}`, "no colon"},
		"leading zero":        {`01`, "more after"},
		"plus":                {`+1`, "no value"},
		"bare point":          {`1.`, "after the point"},
		"no exponent":         {`1e`, "no exponent"},
		"minus":               {`-`, "no digits"},
		"huge":                {`1e999999`, "out of range"},
		"long number":         {strings.Repeat("1", 65), "too long"},
		"NaN":                 {`NaN`, "no value"},
		"word":                {`nul`, "no value"},
		"deep arrays":         {strings.Repeat("[", 33), "deeply"},
		"deep objects":        {strings.Repeat(`{"a":`, 33), "deeply"},
		"comment":             {`/* */ 1`, "no value"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := strictjson.Parse([]byte(c.body))
			require.Error(t, err)
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
			require.Contains(t, fault.From(err).Message, c.reason)
		})
	}
}

func TestParseAccepts(t *testing.T) {
	for _, body := range []string{
		`null`, ` true `, `"\ud83d\ude00 \u0000 é 你"`, `-0.5e+3`, `[]`, `{}`, `{"a":[1,{"b":null}],"A":false}`,
		strings.Repeat("[", 32) + strings.Repeat("]", 32),
	} {
		got, err := strictjson.Parse([]byte(body))
		require.NoError(t, err, body)
		require.Equal(t, std(t, []byte(body)), got, body)
	}
}

// std is what the standard decoder reads.
func std(t *testing.T, body []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	require.NoError(t, d.Decode(&v))
	return v
}

// FuzzStrictReader: whatever is accepted, encoding/json reads as the same value, so that the generated binding
// after it cannot see another body than the one that was checked.
func FuzzStrictReader(f *testing.F) {
	for _, s := range []string{
		`{"input":"text"}`, `{"input":[{"role":"user","content":"\ud83d\ude00"}],"policy":"loose"}`, `{"a":1,"a":2}`, `"\ud800"`,
		`[1e5,-0,0.1]`, "\xef\xbb\xbf{}", `{"a":{"b":[true,false,null]}} `, `1e400`, `"\u0000"`, `[[[[[[[[]]]]]]]]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := strictjson.Parse(body)
		if err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
			return
		}
		require.True(t, json.Valid(body))
		require.Equal(t, std(t, body), got)
	})
}
