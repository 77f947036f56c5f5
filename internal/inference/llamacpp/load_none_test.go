//go:build nollama

package llamacpp

import (
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

func TestBuildWithoutEngineSaysSo(t *testing.T) {
	_, err := New().Load(t.Context(), inference.Spec{Slots: 1, SlotTokens: 1})
	require.Equal(t, fault.NotAvailable, fault.CodeOf(err))
}
