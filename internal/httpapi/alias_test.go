package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
)

// Clients look a model up under the name that they use it by: what answers is the model itself, and the alias of one that the caller
// may not see is as unknown as a name that is nobody's (threat Z1).
func TestAnAliasIsLookedUpAsItsModel(t *testing.T) {
	b := newExplaining(t, access.Options{})
	b.imports(hiddenModel)
	b.catalog.SetAliases(map[string]string{"house-guard": "guard-nano", "side-1": hiddenModel, "side-2": "never-was"})
	look := func(name string, header map[string]string, peer string) (int, string) {
		w := b.ask(call{method: "GET", path: "/v1/models/" + name, header: header, peer: peer})
		return w.Code, told(w, name)
	}
	rob := bearing(b.keys["rob"])
	w := b.ask(call{method: "GET", path: "/v1/models/guard-nano", header: rob})
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	for _, name := range []string{"house-guard", "omni-moderation-latest"} {
		alias := b.ask(call{method: "GET", path: "/v1/models/" + name, header: rob})
		require.Equal(t, http.StatusOK, alias.Code, alias.Body)
		require.Equal(t, w.Body.String(), alias.Body.String(), "it has the model's own id")
	}
	callers := b.blind() // from here on other rules hold
	code, text := look("side-1", rob, "10.1.1.1")
	require.Equal(t, http.StatusOK, code, text)
	require.Contains(t, text, hiddenModel)
	hid := 0
	for who, c := range callers {
		for _, name := range []string{"side-1", "side-2"} {
			code, hides := look(name, c.header, c.peer)
			_, never := look("side-0", c.header, c.peer)
			require.Equal(t, never, hides, "%s, %s", who, name)
			require.GreaterOrEqual(t, code, 400, who)
			if code == http.StatusNotFound {
				hid++
			}
		}
	}
	require.Greater(t, hid, 8, "most of them may see models")
}
