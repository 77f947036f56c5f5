package access_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
)

// threat Z6: one allow opens its own operation on its own model, whatever the default; taking the rules away, one after the
// other and the last of them too, opens nothing.
func TestARuleOpensItsOperationAlone(t *testing.T) {
	operations := []access.Operation{access.View, access.Infer, access.Train, access.Download}
	narrowed := user("all")
	narrowed.Kind, narrowed.KeyID, narrowed.KeyModels = access.KindKey, "key_1", []string{"m*", "other"}
	narrowed.KeyOperations = []string{"view", "infer", "train", "download"}
	for _, byDefault := range []string{"deny", "allow"} {
		g := newGate(t, byDefault)
		for who, p := range map[string]access.Principal{"user": user("all"), "key": narrowed} {
			for _, o := range operations {
				rules := []access.Rule{r("a-view", "allow", "role:all", "m1", "view"), r("b-op", "allow", "role:all", "m1", string(o))}
				for len(rules) >= 0 {
					require.NoError(t, g.guard.Swap(1, everything, rules))
					for _, asked := range operations {
						what := fmt.Sprintf("%s, %s by default, %d rules, rule for %s: %s", who, byDefault, len(rules), o, asked)
						want := len(rules) > 0 && (asked == access.View || (len(rules) == 2 && asked == o))
						if len(rules) == 0 {
							want = byDefault == "allow"
						}
						require.Equal(t, want, g.guard.Decide(p, op(asked, "m1")).Allowed, what)
						require.Equal(t, byDefault == "allow", g.guard.Decide(p, op(asked, "m2")).Allowed, "another model: "+what)
					}
					if len(rules) == 0 {
						break
					}
					rules = rules[:len(rules)-1]
				}
			}
		}
	}
}

// threat Z6: the same on the real tables, with the shipped rule as the last one.
func TestDeletingTheLastRuleOpensNothing(t *testing.T) {
	g := newGate(t, "")
	open := func() (n int) {
		for _, role := range []string{"admin", "reviewer", "radiologist", "nurse", "guest"} {
			for _, model := range []string{"guard-nano", "imported"} {
				for _, o := range []access.Operation{access.Infer, access.Train, access.Download} {
					if g.guard.Decide(user(role), access.Op{Action: access.ModelView, Operation: o, Model: model}).Allowed {
						n++
					}
				}
			}
		}
		return n
	}
	require.Equal(t, 4, open(), "guard-nano for infer, for all who have the action")
	change(t, g.db, g.guard, "DELETE FROM acl_rule_operations WHERE operation = 'infer'")
	require.Zero(t, open())
	change(t, g.db, g.guard, "DELETE FROM acl_rule_principals")
	require.Zero(t, open(), "a rule for nobody")
	change(t, g.db, g.guard, "DELETE FROM acl_rule_models")
	require.Zero(t, open(), "a rule for no model")
	change(t, g.db, g.guard, "DELETE FROM acl_rules")
	require.Zero(t, open())
}
