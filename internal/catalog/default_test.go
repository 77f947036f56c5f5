package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/catalog"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

func TestTheDefaultGuardIsTheOneThatIsNamed(t *testing.T) {
	h := newHouse(t)
	require.NoError(t, h.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO models (id, kind, origin, file, size_bytes, sha256, architecture, quantization, context_length, template_sha256, is_default, created_at)
			SELECT 'other', kind, 'imported', 'other.gguf', size_bytes, sha256, architecture, quantization, context_length, template_sha256, 0, created_at FROM models`)
		return err
	}))
	_, err := h.cat.Refresh(t.Context())
	require.NoError(t, err)
	byDefault := func() string {
		m, err := h.cat.Resolve(t.Context(), "")
		require.NoError(t, err)
		all, err := h.cat.All(t.Context())
		require.NoError(t, err)
		n := 0
		for _, m := range all {
			if m.Default {
				n++
			}
		}
		require.Equal(t, 1, n, "there is one default")
		return m.ID
	}
	require.Equal(t, "guard-nano", byDefault())
	h.cat.SetDefault("other")
	require.Equal(t, "other", byDefault())
	m, err := h.cat.Resolve(t.Context(), "omni-moderation-latest")
	require.NoError(t, err)
	require.Equal(t, "other", m.ID, "the published names mean the default")
	there, err := h.cat.HasDefault(t.Context())
	require.NoError(t, err)
	require.True(t, there)

	came, err := h.cat.NamedCame(t.Context())
	require.NoError(t, err)
	require.True(t, came)

	h.cat.SetDefault("nobody")
	require.Equal(t, "guard-nano", byDefault(), "a name that nobody has changes nothing")
	there, err = h.cat.HasDefault(t.Context())
	require.NoError(t, err)
	require.False(t, there)
	h.cat.SetDefault("")
	require.Equal(t, "guard-nano", byDefault())

	require.NoError(t, h.cat.MayDefault(t.Context(), "other"))
	require.Equal(t, fault.Unprocessable, fault.CodeOf(h.cat.MayDefault(t.Context(), "nobody")))
	h.cat.SetState("other", catalog.StateFailed, "broken")
	require.Equal(t, fault.Unprocessable, fault.CodeOf(h.cat.MayDefault(t.Context(), "other")))
}
