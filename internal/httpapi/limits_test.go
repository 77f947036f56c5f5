package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/moderation"
)

// TestTheDocumentsLimitsAreTheServices: what the document lets through is not refused by the service for its number.
func TestTheDocumentsLimitsAreTheServices(t *testing.T) {
	doc := document(t)
	for schema, limit := range map[string]uint64{"ModerationRequest": moderation.MaxMessages, "OpenAIModerationRequest": moderation.MaxInputs} {
		lists := 0
		for _, form := range doc.Components.Schemas[schema].Value.Properties["input"].Value.OneOf {
			if form.Value.Type.Is("array") {
				lists++
				require.NotNil(t, form.Value.MaxItems, schema)
				require.Equal(t, limit, *form.Value.MaxItems, schema)
			}
		}
		require.Positive(t, lists, schema)
	}
}

func TestALongConversation(t *testing.T) {
	b := newBench(t)
	turns := func(n int) string {
		return `{"input":[` + strings.Repeat(`{"role":"user","content":"x"},`, n-1) + `{"role":"user","content":"x"}]}`
	}
	w := b.do(call{method: "POST", path: moderations, as: "rita", body: turns(moderation.MaxMessages)})
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	w = b.do(call{method: "POST", path: moderations, as: "rita", body: turns(moderation.MaxMessages + 1)})
	require.Equal(t, http.StatusBadRequest, w.Code, w.Body)
	require.Contains(t, w.Body.String(), "at most 256 elements")
}
