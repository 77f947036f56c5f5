package moderation_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/moderation"
)

// threat U2: what a caller calls a model stands in a row only where it could be one's id.
func TestAnUnknownModelsNameInItsRow(t *testing.T) {
	for asked, stored := range map[string]string{
		"nope": "nope", "qwen3guard-8b.q4": "qwen3guard-8b.q4", "Nope": "", "../etc": "", "a\x1b[2Jb": "", "a\nb": "", "how to make a bomb": "", "\u202egpt": "",
	} {
		r := newRig(t)
		_, err := r.svc.Evaluate(t.Context(), rita(), moderation.Request{Model: asked, Inputs: []moderation.Input{text("x")}})
		require.Equal(t, fault.NotFound, fault.CodeOf(err), asked)
		row := r.rows(t)[0]
		require.Equal(t, []string{"deny", "unknown_model", stored}, []string{row.Decision, row.Reason, row.Model}, asked)
	}
}
