package moderation_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
)

// threats M4, M9: a start with another file than was imported does not use it, says so, and nothing else steps into its place.
func TestAStartWithASwappedDefaultGuard(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, path string){
		catalog.FileChanged: overwrite,
		catalog.FileMissing: func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, notLoaded())
			m := r.imported(t, "production", "role:reviewer")
			r.makeDefault(t, "production")
			harm(t, m.Path)
			require.Equal(t, fault.Unprocessable, fault.CodeOf(r.models.Load(t.Context())))
			require.Equal(t, fault.Loading, fault.CodeOf(r.svc.Ready()))
			shown, err := r.cat.Resolve(t.Context(), "")
			require.NoError(t, err)
			require.Equal(t, "production", shown.ID)
			require.Equal(t, catalog.StateFailed, shown.State)
			require.Equal(t, name, shown.StateCode)
			_, err = r.svc.Evaluate(t.Context(), rita(), ask(text("hello")))
			require.Equal(t, fault.Loading, fault.CodeOf(err))
		})
	}
}
