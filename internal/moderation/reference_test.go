package moderation_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/moderation"
)

func referenceOf(t *testing.T, r *rig, in moderation.Input) moderation.Verdict {
	t.Helper()
	vs, err := r.svc.Evaluate(t.Context(), rita(), moderation.Request{Inputs: []moderation.Input{text("hello"), in}, Reference: true})
	require.NoError(t, err)
	require.Len(t, vs, 2)
	require.True(t, vs[0].Reference.Agrees)
	return vs[1]
}

func TestReferenceStandsBesideTheVerdict(t *testing.T) {
	r := newRig(t, with(moderation.Options{CacheEntries: 10}))
	for range 2 { // computed both times, whatever the cache holds
		before := r.engine.Judged()
		v := referenceOf(t, r, talk("my password", "I cannot say"))
		require.Equal(t, 4, r.engine.Judged()-before)
		yes := true
		require.Equal(t, &moderation.Reference{Severity: "Unsafe", Categories: []string{"PII"}, Refusal: &yes, Agrees: true}, v.Reference)
	}
	require.Len(t, r.rows(t), 2, "one row a request")
	require.Nil(t, r.judge(t, text("my password")).Reference, "nobody who does not ask")
}

// A model that says something else when nothing is forced is reported, and the forced verdict stands.
func TestReferenceDisagrees(t *testing.T) {
	free := ""
	r := newRig(t, answering(func(prompt string) string {
		if !strings.HasSuffix(prompt, "Safety:") && strings.Contains(prompt, "bomb") {
			return free
		}
		if strings.Contains(prompt, "bomb") {
			return " Unsafe\nCategories: Violent"
		}
		return " Safe\nCategories: None"
	}))
	for answer, want := range map[string]moderation.Reference{
		" Safe\nCategories: None":           {Severity: "Safe", Categories: []string{}},
		" Unsafe\nCategories: PII":          {Severity: "Unsafe", Categories: []string{"PII"}},
		" I would rather not say":           {Categories: []string{}},
		" Unsafe\nCategories: Bread":        {Categories: []string{}},
		" Unsafe\nCategories: Violent":      {Severity: "Unsafe", Categories: []string{"Violent"}, Agrees: true},
		" Unsafe\nCategories: Violent, PII": {Severity: "Unsafe", Categories: []string{"Violent", "PII"}},
	} {
		free = answer
		v := referenceOf(t, r, text("a bomb"))
		require.Equal(t, &want, v.Reference, answer)
		require.Equal(t, "block", v.Action)
		require.Equal(t, []string{"Violent"}, v.Categories)
	}
}
