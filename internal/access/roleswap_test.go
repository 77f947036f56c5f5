package access_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
)

// threat Z8: roles and rules are swapped in the database, through the gate, while others decide.
func TestRolesAndRulesChangeUnderLoad(t *testing.T) {
	g := newGate(t, "")
	swaps := 400
	if testing.Short() {
		swaps = 60
	}
	// Every change of the role makes one version: even ones give moderation.run, odd ones take it.
	_, _, err := g.guard.PutRole(t.Context(), root, "swapped", access.RoleChange{Actions: actions(access.ModelView, access.ModerationRun)})
	require.NoError(t, err)
	require.EqualValues(t, 2, g.guard.PolicyVersion())
	var stop atomic.Bool
	var decided [2]atomic.Int64
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			for !stop.Load() {
				d := g.guard.Decide(user("swapped"), inferNano)
				if even := d.Version%2 == 0; d.Allowed != even {
					t.Errorf("version %d decided %v", d.Version, d.Allowed)
					return
				}
				if a := g.guard.Decide(user("admin"), inferNano); !a.Allowed {
					t.Errorf("version %d: a role in mid-load had nothing", a.Version)
					return
				}
				decided[d.Version%2].Add(1)
				runtime.Gosched()
			}
		})
	}
	for i := range swaps {
		if i%4 < 2 { // the role
			list := actions(access.ModelView)
			if g.guard.PolicyVersion()%2 == 1 {
				list = append(list, access.ModerationRun)
			}
			_, _, err := g.guard.PutRole(t.Context(), root, "swapped", access.RoleChange{Actions: list})
			require.NoError(t, err)
			continue
		}
		// Two rules that concern the model: a deny that comes and goes, with the role's version in between kept even.
		require.NoError(t, g.db.Write(func(tx *db.Tx) error {
			if _, err := tx.Exec(`DELETE FROM acl_rules WHERE id = 'other'`); err != nil {
				return err
			}
			_, err := tx.Exec(`INSERT INTO acl_rules (id, effect, mode, origin, created_at, updated_at) VALUES ('other', 'deny', 'enforce', 'admin', 0, 0)`)
			if err == nil {
				_, err = tx.Exec(`INSERT INTO acl_rule_principals (rule_id, kind, ref) VALUES ('other', 'role', 'nobody')`)
			}
			if err == nil {
				_, err = tx.Exec(`INSERT INTO acl_rule_models (rule_id, model) VALUES ('other', '*')`)
			}
			if err == nil {
				_, err = tx.Exec(`INSERT INTO acl_rule_operations (rule_id, operation) VALUES ('other', '*')`)
			}
			if err == nil { // two versions at once, so that even stays even
				err = g.guard.Changed(tx, "rule other")
			}
			if err == nil {
				err = g.guard.Changed(tx, "rule other")
			}
			return err
		}))
	}
	stop.Store(true)
	wg.Wait()
	require.EqualValues(t, 2+swaps/4*6, g.guard.PolicyVersion())
	require.Positive(t, decided[0].Load())
	require.Positive(t, decided[1].Load())
	g.verify(t)
}
