package prompt

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// threat M7: what a method copies or looks through is paid for, marks as well as bytes.
func TestMethodsPayForWhatTheyTouch(t *testing.T) {
	marked := text{s: strings.Repeat("ab,", 100)}
	for i := range 100 {
		marked.marks = append(marked.marks, mark{3 * i, 3*i + 2, i})
	}
	args := func(s string) []expression { return []expression{literal{text{s: s}}} }
	for name, c := range map[string]struct {
		do   func(r *run) (value, error)
		work int
	}{
		"split": {func(r *run) (value, error) {
			return textCall{e: literal{marked}, name: "split", args: args(",")}.eval(r)
		}, 100 * 100 * markWork},
		"strip": {func(r *run) (value, error) {
			return textCall{e: literal{marked}, name: "strip", args: args(strings.Repeat("é", 500))}.eval(r)
		}, 1000 + len(marked.s)},
		"join": {func(r *run) (value, error) { return r.joinList([]value{marked, marked}, []value{marked}) }, 3 * 100 * markWork},
	} {
		r := &run{steps: 1000, work: 1 << 30}
		_, err := c.do(r)
		require.NoError(t, err, name)
		spent := 1<<30 - r.work
		require.GreaterOrEqual(t, spent, c.work, name)
		require.Less(t, spent, 2*c.work+10_000, name)
		_, err = c.do(&run{steps: 1000, work: c.work - 1})
		require.Error(t, err, name)
	}
}

// TestStripTakesCharacters: of the argument each character counts, as in Python.
func TestStripTakesCharacters(t *testing.T) {
	got, err := textCall{e: literal{text{s: "é\nhé !é\n"}}, name: "strip", args: []expression{literal{text{s: "\né"}}}}.eval(&run{steps: 10, work: 100})
	require.NoError(t, err)
	require.Equal(t, "hé !", got.(text).s)
}
