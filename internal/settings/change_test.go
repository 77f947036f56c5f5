package settings_test

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/settings"
)

func TestAStoredValueIsInForceAndRecorded(t *testing.T) {
	h := newHouse(t)
	ada := h.person(t, "ada", "admin")
	before := h.guard.PolicyVersion()
	var v settings.View
	apptest.RequireRows(t, h.db, 1, func() {
		var err error
		v, err = h.Change(t.Context(), ada, to("queue", "20"))
		require.NoError(t, err)
	})
	require.EqualValues(t, 2, v.Version)
	require.Equal(t, map[string]string{"queue": "20"}, h.inForce(), "in force when the answer comes")
	it := h.item(t, ada, "queue")
	require.Equal(t, "20", it.Value)
	require.Equal(t, "20", it.InForce)
	require.Equal(t, settings.Console, it.Source)
	require.Equal(t, "10", it.Default)
	require.Equal(t, "ada", it.ChangedBy)
	require.NotNil(t, it.ChangedAt)

	row := h.last(t)
	require.Equal(t, it.EventID, row.ID)
	require.Equal(t, "settings.manage", row.Action)
	require.Equal(t, "setting:queue", row.Resource)
	require.Equal(t, audit.Allow, row.Decision)
	require.Equal(t, map[string]any{"queue": map[string]any{"from": "10", "to": "20"}}, row.Details["settings"])
	require.Equal(t, before, h.guard.PolicyVersion(), "no verdict follows from the queue")

	v, err := h.Change(t.Context(), ada, to("queue", ""))
	require.NoError(t, err)
	require.EqualValues(t, 3, v.Version)
	require.Equal(t, map[string]any{"queue": map[string]any{"from": "20", "to": "10", "reset": true}}, h.last(t).Details["settings"])
	require.Equal(t, settings.Default, h.item(t, ada, "queue").Source)
	require.Empty(t, h.inForce())
}

func TestWhatVerdictsFollowFromMakesAPolicyVersion(t *testing.T) {
	h := newHouse(t)
	before := h.guard.PolicyVersion()
	_, err := h.Change(t.Context(), system(), to("mode", "loose", "queue", "11"))
	require.NoError(t, err)
	require.Equal(t, before+1, h.guard.PolicyVersion())
	require.Equal(t, "settings", h.last(t).Resource)
	_, err = h.Change(t.Context(), system(), to("queue", "12"))
	require.NoError(t, err)
	require.Equal(t, before+1, h.guard.PolicyVersion())
}

func TestWhatChangesNothing(t *testing.T) {
	h := newHouse(t)
	_, err := h.Change(t.Context(), system(), to("queue", "20"))
	require.NoError(t, err)
	for _, c := range []settings.Change{to("queue", "20"), to("slots", ""), {}} {
		v, err := h.Change(t.Context(), system(), c)
		require.NoError(t, err)
		require.EqualValues(t, 2, v.Version)
		require.Equal(t, "none", h.last(t).Details["change"])
	}
}

func TestRefusals(t *testing.T) {
	stale := int64(7)
	for name, tc := range map[string]struct {
		change settings.Change
		code   fault.Code
		field  string
		says   string
		keys   []any // in the row
	}{
		"unknown":            {to("warp", "9"), fault.Invalid, "warp", "no setting", []any{}},
		"a secret as a name": {to("Hunter2!", "9"), fault.Invalid, "", "no setting", []any{}},
		"never stored":       {to("shown", "y"), fault.Invalid, "shown", "never here", []any{"shown"}},
		"fixed by the file":  {to("fixed", "3"), fault.Conflict, "fixed", "the configuration file", []any{"fixed"}},
		"not a number":       {to("queue", "many"), fault.Invalid, "queue", "wants a whole number", []any{"queue"}},
		"too long":           {to("mode", string(make([]byte, 300))), fault.Invalid, "mode", "longer than", []any{"mode"}},
		"one of two is bad":  {to("mode", "loose", "queue", "200"), fault.Invalid, "queue", "wants a whole number", []any{"mode", "queue"}},
		"against each other": {to("low", "50"), fault.Invalid, "low", "above the queue", []any{"low"}},
		"another version":    {settings.Change{Values: to("queue", "20").Values, Version: &stale}, fault.Stale, "", "meanwhile", []any{"queue"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			apptest.RequireRows(t, h.db, 1, func() {
				_, err := h.Change(t.Context(), system(), tc.change)
				require.Equal(t, tc.code, fault.CodeOf(err), err)
				require.Equal(t, tc.field, fault.From(err).Field)
				require.Contains(t, fault.From(err).Message, tc.says)
				require.NotContains(t, err.Error(), "Hunter2")
			})
			row := h.last(t)
			require.Equal(t, audit.Error, row.Decision)
			require.Equal(t, tc.keys, row.Details["keys"])
			require.NotContains(t, fmt.Sprint(row.Details, row.Resource), "Hunter2", "a name that is none may be a password")
			require.Empty(t, h.Stored(), "nothing of it is stored")
			require.Empty(t, h.inForce())
		})
	}
}

// A change that pushes another stored value out of force is that change's fault, not the other's.
func TestAChangeMayNotBreakWhatIsStored(t *testing.T) {
	h := newHouse(t)
	_, err := h.Change(t.Context(), system(), to("queue", "50", "low", "40"))
	require.NoError(t, err)
	_, err = h.Change(t.Context(), system(), to("queue", "20"))
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	require.Equal(t, "queue", fault.From(err).Field, "the key that was sent")
	require.Contains(t, fault.From(err).Message, "low is above the queue")
	_, err = h.Change(t.Context(), system(), to("queue", ""))
	require.Equal(t, fault.Invalid, fault.CodeOf(err), "taking it back would as well")
	_, err = h.Change(t.Context(), system(), to("queue", "20", "low", "5"))
	require.NoError(t, err)
}

func TestOnlyWhoManagesSettings(t *testing.T) {
	h := newHouse(t)
	for _, role := range []string{"reviewer", "nurse", "radiologist", "guest"} {
		p := h.person(t, "p"+role, role)
		for _, do := range []func() error{
			func() error { _, err := h.Get(t.Context(), p); return err },
			func() error { _, err := h.Change(t.Context(), p, to("queue", "20")); return err },
		} {
			apptest.RequireRows(t, h.db, 1, func() { require.Equal(t, fault.Forbidden, fault.CodeOf(do()), role) })
			require.Equal(t, audit.Deny, h.last(t).Decision)
		}
	}
	_, err := h.Change(t.Context(), access.Anonymous(access.Origin{}), to("queue", "20"))
	require.Equal(t, fault.Forbidden, fault.CodeOf(err))
	require.Empty(t, h.Stored())
}

// Who was an admin when he asked and is none when it would be written is refused (ADR 0023).
func TestTheRightIsAskedForWhereItIsWritten(t *testing.T) {
	h := newHouse(t)
	ada := h.person(t, "ada", "admin")
	require.NoError(t, h.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE users SET role = 'nurse' WHERE id = 'usr_ada'`)
		return err
	}))
	_, err := h.Change(t.Context(), ada, to("queue", "20")) // with the role of the moment of asking
	require.Equal(t, fault.Forbidden, fault.CodeOf(err))
	require.Equal(t, audit.Deny, h.last(t).Decision)
	require.Empty(t, h.Stored())
}

func TestOfTwoAtOnceOneIsTold(t *testing.T) {
	h := newHouse(t)
	one := int64(1)
	var all sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		all.Go(func() {
			c := to("queue", fmt.Sprint(20+i))
			c.Version = &one
			_, errs[i] = h.Change(context.Background(), system(), c)
		})
	}
	all.Wait()
	good := 0
	for _, err := range errs {
		if err == nil {
			good++
			continue
		}
		require.Equal(t, fault.Stale, fault.CodeOf(err))
	}
	require.Equal(t, 1, good)
}

// Whatever the order in which changes become durable, what the services are given last is what is stored. Run with -race.
func TestTheLastOneStoredIsInForce(t *testing.T) {
	h := newHouse(t)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			_, err := h.Change(context.Background(), system(), to("queue", fmt.Sprint(i+1), "low", ""))
			if err != nil {
				t.Error(err)
			}
			_, err = h.Get(context.Background(), system())
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	stored, err := settings.Read(t.Context(), h.db)
	require.NoError(t, err)
	require.Equal(t, stored, h.inForce())
	require.Equal(t, stored, h.Stored())
}

func TestAnotherProcessNotices(t *testing.T) {
	path := apptest.DBPath(t)
	server, shell := openHouse(t, path), openHouse(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() { server.Watch(ctx) })
	_, err := shell.Change(t.Context(), system(), to("queue", "33"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return maps.Equal(server.inForce(), map[string]string{"queue": "33"}) }, time.Second, 10*time.Millisecond)
	cancel()
	watching.Wait()
	require.Equal(t, "33", server.item(t, system(), "queue").Value)
	require.Equal(t, "10", server.item(t, system(), "queue").Default)
}

func TestWhatWaitsForARestart(t *testing.T) {
	path := apptest.DBPath(t)
	h := openHouse(t, path)
	_, err := h.Change(t.Context(), system(), to("slots", "4"))
	require.NoError(t, err)
	it := h.item(t, system(), "slots")
	require.Equal(t, "4", it.Value)
	require.Equal(t, "0", it.InForce, "this process began with another")
	again := openHouse(t, path)
	it = again.item(t, system(), "slots")
	require.Equal(t, "4", it.InForce)
	require.Equal(t, map[string]string{"slots": "4"}, again.inForce())
}

// After a downgrade: keys and values of another release stop nothing, are said, and can be taken back.
func TestValuesThatThisReleaseDoesNotTake(t *testing.T) {
	path := apptest.DBPath(t)
	d := apptest.OpenDBAt(t, path, time.Now)
	require.NoError(t, d.Write(func(tx *db.Tx) error {
		for key, value := range map[string]string{"warp": "9", "queue": "1000", "mode": "loose"} {
			if _, err := tx.Exec(`INSERT INTO settings (key, value, changed_at, actor_id, actor_name, event_id) VALUES (?, ?, 0, '', 'x', '')`, key, value); err != nil {
				return err
			}
		}
		return nil
	}))
	h := openHouse(t, path)
	v, err := h.Get(t.Context(), system())
	require.NoError(t, err)
	require.Equal(t, []settings.Ignored{{"queue", "wants a whole number up to 100"}, {"warp", "is no setting of this release"}}, v.Ignored)
	require.Equal(t, v.Ignored, h.Service.Ignored(t.Context()))
	it := h.item(t, system(), "queue")
	require.Equal(t, "10", it.Value, "the default holds")
	require.Equal(t, settings.Default, it.Source)
	require.Contains(t, it.Problem, "wants")
	require.Equal(t, "loose", h.item(t, system(), "mode").Value, "what is good is in force")
	require.Contains(t, h.said.String(), "key=warp")
	require.Contains(t, h.said.String(), "key=queue")

	_, err = h.Change(t.Context(), system(), to("slots", "2"))
	require.NoError(t, err, "what was wrong before is not this change's fault")
	_, err = h.Change(t.Context(), system(), to("queue", "", "warp", ""))
	require.NoError(t, err, "both can be taken back")
	require.Empty(t, h.Service.Ignored(t.Context()))
}

func TestWhatTheFileFixesHidesWhatIsStored(t *testing.T) {
	path := apptest.DBPath(t)
	d := apptest.OpenDBAt(t, path, time.Now)
	require.NoError(t, d.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO settings (key, value, changed_at, actor_id, actor_name, event_id) VALUES ('fixed', '3', 0, '', 'x', '')`)
		return err
	}))
	h := openHouse(t, path)
	it := h.item(t, system(), "fixed")
	require.Equal(t, "7", it.Value)
	require.Equal(t, settings.File, it.Source)
	require.False(t, it.Editable)
	_, err := h.Change(t.Context(), system(), to("fixed", ""))
	require.NoError(t, err, "what hides nothing may go")
	require.Empty(t, h.Stored())
}
