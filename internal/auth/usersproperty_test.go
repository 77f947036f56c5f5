package auth

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

// world is what the property test sees of the database: who holds what, read from the tables alone.
type world struct {
	role, status, kind map[string]string          // by user id; deleted users are not in it
	rights             map[string][]access.Action // by user id, whether active or not
	roles              map[string][]access.Action
}

func (b *bench) world() world {
	b.t.Helper()
	w := world{map[string]string{}, map[string]string{}, map[string]string{}, map[string][]access.Action{}, map[string][]access.Action{}}
	each := func(query string, row func(cells [4]string)) {
		rows, err := b.db.ReadSQL().QueryContext(context.Background(), query)
		require.NoError(b.t, err)
		defer rows.Close()
		for rows.Next() {
			var c [4]string
			require.NoError(b.t, rows.Scan(&c[0], &c[1], &c[2], &c[3]))
			row(c)
		}
		require.NoError(b.t, rows.Err())
	}
	each("SELECT name, '', '', '' FROM roles", func(c [4]string) { w.roles[c[0]] = nil })
	each("SELECT v0, v1, '', '' FROM casbin_rules", func(c [4]string) { w.roles[c[0]] = append(w.roles[c[0]], access.Action(c[1])) })
	each("SELECT id, role, status, kind FROM users WHERE status <> 'deleted'", func(c [4]string) {
		w.role[c[0]], w.status[c[0]], w.kind[c[0]], w.rights[c[0]] = c[1], c[2], c[3], w.roles[c[1]]
	})
	return w
}

// holds answers what the caller really may, whatever he believes.
func (w world) holds(p access.Principal) []access.Action {
	if p.Kind == access.KindSystem {
		return access.AllActions()
	}
	if w.status[p.UserID] != "active" {
		return nil
	}
	return w.rights[p.UserID]
}

func within(part, whole []access.Action) bool {
	return !slices.ContainsFunc(part, func(a access.Action) bool { return !slices.Contains(whole, a) })
}

// sequence is one run of random administration.
type sequence struct {
	b       *bench
	t       *rapid.T
	names   int
	callers []access.Principal         // as they were once: some are out of date by now
	ceiling map[string][]access.Action // what the creators and changers of a user held, all together
	granted map[string]int             // acts that went through, by kind
}

func pick(t *rapid.T, label string, from []string) string {
	slices.Sort(from)
	return rapid.SampledFrom(from).Draw(t, label)
}

// step does one act and holds what came of it against the two invariants.
func (s *sequence) step() {
	before := s.b.world()
	s.remember(before)
	p := s.callers[0] // the command line may most
	if rapid.IntRange(0, 3).Draw(s.t, "shell") > 0 {
		p = rapid.SampledFrom(s.callers).Draw(s.t, "caller")
	}
	act := rapid.SampledFrom([]string{"create", "create", "role", "role", "status", "password", "delete", "put", "put", "drop", "drop"}).Draw(s.t, "act")
	var touched []access.Action
	var err error
	rows := s.b.rowsOf(func() { touched, err = s.do(act, p, before) })
	if len(rows) != 1 {
		s.t.Fatalf("%s left %d rows", act, len(rows))
	}
	after := s.b.world()
	held := before.holds(p)
	if err != nil {
		if code := fault.CodeOf(err); code == fault.Internal || code == fault.AuditUnavailable {
			s.t.Fatal(err)
		}
		if !maps.Equal(before.role, after.role) || !maps.Equal(before.status, after.status) || !maps.EqualFunc(before.roles, after.roles, slices.Equal) {
			s.t.Fatalf("a refused %s changed something: %v", act, err)
		}
		if rows[0].Decision == "allow" {
			s.t.Fatalf("a refused %s is allowed in the log", act)
		}
		return
	}
	s.granted[act]++
	if !slices.Contains(held, access.UserManage) {
		s.t.Fatalf("%s by one who may not administer", act)
	}
	if !within(touched, held) {
		s.t.Fatalf("%s of one who holds more: %v by %v", act, touched, held)
	}
	s.check(act, after, held)
}

// check: nobody holds what none of those who made or changed him held, and an active admin person exists.
func (s *sequence) check(act string, after world, held []access.Action) {
	for id, rights := range after.rights {
		if _, known := s.ceiling[id]; !known {
			s.ceiling[id] = held
		}
		if within(rights, s.ceiling[id]) {
			continue
		}
		s.ceiling[id] = append(slices.Clone(s.ceiling[id]), held...)
		if !within(rights, s.ceiling[id]) {
			s.t.Fatalf("after %s by one who holds %v, somebody holds %v", act, held, rights)
		}
	}
	for id, role := range after.role {
		if role == "admin" && after.status[id] == "active" && after.kind[id] == KindPerson {
			if within([]access.Action{access.UserManage, access.ACLManage, access.SettingsManage, access.AuditRead}, after.rights[id]) {
				return
			}
		}
	}
	s.t.Fatalf("after %s nobody can administer", act)
}

// remember adds every living user as a caller, as he is now.
func (s *sequence) remember(w world) {
	for _, id := range slices.Sorted(maps.Keys(w.role)) {
		p := access.Principal{Kind: access.KindUser, UserID: id, Name: id, Role: w.role[id], Origin: origin()}
		if !slices.ContainsFunc(s.callers, func(q access.Principal) bool { return q.UserID == id && q.Role == p.Role }) {
			s.callers = append(s.callers, p)
		}
	}
}

// do answers what the user or the role that it touched held before.
func (s *sequence) do(act string, p access.Principal, w world) (held []access.Action, err error) {
	ctx := context.Background()
	role := pick(s.t, "role", append(slices.Collect(maps.Keys(w.roles)), "no-such-role"))
	target := pick(s.t, "target", slices.Collect(maps.Keys(w.role)))
	switch act {
	case "create":
		s.names++
		kind := rapid.SampledFrom([]string{KindPerson, KindService}).Draw(s.t, "kind")
		u := NewUser{Kind: kind, Username: fmt.Sprintf("somebody-%d-x", s.names), Role: role}
		if kind == KindPerson {
			u.Password = adminPassword
		}
		_, err = s.b.CreateUser(ctx, p, u)
		return nil, err
	case "role":
		_, err = s.b.ChangeUser(ctx, p, target, UserChange{Role: &role})
	case "status":
		_, err = s.b.ChangeUser(ctx, p, target, UserChange{Status: ptr(rapid.SampledFrom([]string{"active", "disabled"}).Draw(s.t, "status"))})
	case "password":
		_, err = s.b.ChangeUser(ctx, p, target, UserChange{Password: ptr(otherPassword)})
	case "delete":
		err = s.b.DeleteUser(ctx, p, target, nil)
	case "put":
		name := rapid.SampledFrom([]string{role, "alpha", "beta", "gamma"}).Draw(s.t, "put")
		list := rapid.SliceOfDistinct(rapid.SampledFrom(access.AllActions()), rapid.ID[access.Action]).Draw(s.t, "actions")
		if rapid.Bool().Draw(s.t, "of his own") { // else hardly anything is ever within his own set
			list = slices.DeleteFunc(list, func(a access.Action) bool { return !slices.Contains(w.holds(p), a) })
		}
		_, _, err = s.b.guard.PutRole(ctx, p, name, access.RoleChange{Actions: append([]access.Action{}, list...)})
		return w.roles[name], err
	case "drop":
		err = s.b.guard.DeleteRole(ctx, p, role, nil)
		return w.roles[role], err
	}
	return w.rights[target], err
}

// threat Z4: whatever administrators of every kind do, in whatever order and with whatever they remember of their rights.
func TestRandomAdministration(t *testing.T) {
	granted := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t)
		b.user("ada", "admin")
		b.role("helpdesk", "user.manage", "session.own", "example.read")
		b.role("deputy", "user.manage", "key.manage", "session.own", "example.read", "model.view", "moderation.run")
		b.role("spare", "session.own")
		b.role("bare")
		b.user("hugo", "helpdesk")
		b.user("dora", "deputy")
		s := &sequence{b: b, t: rt, callers: []access.Principal{access.System("root")}, ceiling: map[string][]access.Action{}, granted: granted}
		w := b.world()
		maps.Copy(s.ceiling, w.rights)
		for range rapid.IntRange(5, 25).Draw(rt, "acts") {
			s.step()
		}
	})
	for _, act := range []string{"create", "role", "status", "password", "delete", "put", "drop"} {
		require.Positive(t, granted[act], "no %s went through: the test shows nothing", act)
	}
}
