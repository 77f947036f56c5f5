package httpapi_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/auth"
)

// scopedKey is a key of somebody's with what it was narrowed to.
type scopedKey struct{ owner, id, secret, scope string }

func (b *bench) scopedKeys() []scopedKey {
	b.t.Helper()
	var out []scopedKey
	for _, owner := range []string{"rita", "rob", "alice"} {
		for _, scope := range []struct{ models, operations []string }{
			{nil, nil}, {[]string{"guard-nano"}, nil}, {nil, []string{"infer"}}, {[]string{"second-*"}, []string{"view"}},
		} {
			k, secret, err := b.auth.CreateKey(b.t.Context(), access.System("tester"), auth.NewKey{
				Label: "scoped", UserName: owner, Models: scope.models, Operations: scope.operations,
			}, nil)
			require.NoError(b.t, err)
			out = append(out, scopedKey{owner, k.ID, secret, fmt.Sprint(scope)})
		}
	}
	return out
}

// someRules answers a random policy over the models, people and keys of the test.
func someRules(r *rand.Rand, keys []scopedKey) string {
	pick := func(from []string, most int) string {
		r.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
		return `"` + strings.Join(from[:1+r.IntN(most)], `", "`) + `"`
	}
	var out strings.Builder
	for i := range 1 + r.IntN(7) {
		whom := []string{"*", "role:reviewer", "role:admin", "user:rita", "user:rob", "key:" + keys[r.IntN(len(keys))].id, "key:" + keys[r.IntN(len(keys))].id}
		whom = slices.Compact(slices.Sorted(slices.Values(whom)))
		condition := []string{"", "", "", "ip_ranges: [10.0.0.0/8]", "ip_ranges: [192.0.2.0/24]", "purpose: required", "valid_until: 2020-01-01T00:00:00Z", `hours: "Sat-Sun 00:00-24:00 UTC"`}[r.IntN(8)]
		effect := []string{"allow", "allow", "allow", "deny"}[r.IntN(4)]
		mode := []string{"enforce", "enforce", "enforce", "report-only"}[r.IntN(4)]
		fmt.Fprintf(&out, "  - {id: r%d, effect: %s, mode: %s, principals: [%s], models: [%s], operations: [%s], conditions: {%s}}\n", i, effect, mode,
			pick(whom, 2), pick([]string{"guard-nano", "second-1", "guard-*", "*"}, 2), pick([]string{"view", "infer", "download", "train"}, 3), condition)
	}
	return out.String()
}

// TestNoKeyExceedsItsOwner: whatever the rules say and however a key was narrowed, what it is let do its owner is let do from the
// same place for the same purpose (threats Z4, Z5).
func TestNoKeyExceedsItsOwner(t *testing.T) {
	b := newGuarded(t, access.Options{Now: newClock().Now})
	b.imports("second-1")
	keys := b.scopedKeys()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	through, closed := 0, 0
	for range 25 {
		rules := someRules(r, keys)
		b.ruled(rules)
		peer := []string{"10.1.1.1", "192.0.2.1"}[r.IntN(2)]
		purpose := map[string]string{}
		if r.IntN(2) == 0 {
			purpose[purposeHeader] = "ward round"
		}
		for _, k := range keys {
			for _, model := range []string{"guard-nano", "second-1"} {
				for _, c := range []call{
					{method: "GET", path: "/api/v1/models/" + model},
					{method: "POST", path: moderations, body: `{"model":"` + model + `","input":"hello"}`},
				} {
					c.peer = peer
					c.header = merge(purpose, bearing(k.secret))
					if b.do(c).Code != http.StatusOK {
						closed++
						continue
					}
					through++
					c.header = merge(purpose, bearing(b.keys[k.owner]))
					require.Equal(t, http.StatusOK, b.do(c).Code, "seed %d: %s's key %s may %s %s and she may not, by\n%s", seed, k.owner, k.scope, c.method, model, rules)
				}
			}
		}
	}
	require.Greater(t, through, 20, "seed %d", seed)
	require.Greater(t, closed, 20, "seed %d", seed)
}
