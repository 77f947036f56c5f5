package auth

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

func (b *bench) admins() int {
	return b.count("SELECT count(*) FROM users WHERE role = 'admin' AND status = 'active' AND kind = 'person'")
}

// ways of taking an admin.
func ways() map[string]func(b *bench, p access.Principal, id string) error {
	change := func(c UserChange) func(b *bench, p access.Principal, id string) error {
		return func(b *bench, p access.Principal, id string) error {
			_, err := b.ChangeUser(context.Background(), p, id, c)
			return err
		}
	}
	return map[string]func(b *bench, p access.Principal, id string) error{
		"demote": change(UserChange{Role: ptr("guest")}), "disable": change(UserChange{Status: ptr("disabled")}),
		"delete": func(b *bench, p access.Principal, id string) error {
			return b.DeleteUser(context.Background(), p, id, nil)
		},
	}
}

func TestTheLastAdminStays(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	b.service("robot", "admin") // signs in nowhere, so it is no admin who could help
	off := b.user("off", "admin")
	_, _, err := b.change(admin, off.ID, UserChange{Status: ptr("disabled")})
	require.NoError(t, err)
	for name, take := range ways() {
		for who, p := range map[string]access.Principal{"himself": admin, "the command line": access.System("root")} {
			r := b.oneRow(func() { requireCode(t, fault.Conflict, take(b, p, admin.UserID)) })
			require.Equal(t, "error", r.Decision, "%s by %s", name, who)
			require.Equal(t, "conflict", r.Reason)
			require.Equal(t, 1, b.admins(), name)
		}
	}
	b.principalOf(adminName)
	// One who isn't active, or no person, is no loss.
	for _, take := range ways() {
		b.user("extra", "admin")
		extra, err := b.UserByName(context.Background(), "extra")
		require.NoError(t, err)
		require.NoError(t, take(b, admin, extra.ID))
		b.exec("UPDATE users SET username_key = id, username = id WHERE id = ?", extra.ID)
	}
	_, _, err = b.change(admin, off.ID, UserChange{Role: ptr("guest")})
	require.NoError(t, err)
	robot, err := b.UserByName(context.Background(), "robot")
	require.NoError(t, err)
	require.NoError(t, b.DeleteUser(context.Background(), admin, robot.ID, nil))
	// With a second one the first may go.
	b.user("second", "admin")
	require.NoError(t, b.DeleteUser(context.Background(), admin, admin.UserID, nil))
	require.Equal(t, 1, b.admins())
}

// Two admins take each other, themselves, or are taken by two command lines, at the same moment and in two processes:
// exactly one goes.
func TestTwoAdminsAtOnce(t *testing.T) {
	rounds := 50
	if testing.Short() {
		rounds = 10
	}
	b := newBench(t)
	b.admin()
	other := newBenchIn(t, b.dir, b.clock, Options{})
	names, take := []string{"demote", "disable", "delete"}, ways()
	root := access.System("root")
	left := adminName
	for i := range rounds {
		var p [2]access.Principal
		for j := range p {
			name := fmt.Sprintf("adm-%d-%d", i, j)
			b.user(name, "admin")
			p[j] = b.as(name)
		}
		u, err := b.UserByName(context.Background(), left)
		require.NoError(t, err)
		require.NoError(t, b.DeleteUser(context.Background(), root, u.ID, nil))
		require.Equal(t, 2, b.admins())

		actor, target := p, [2]access.Principal{p[1], p[0]} // one another
		switch i % 3 {
		case 1: // themselves
			target = p
		case 2: // two command lines
			actor = [2]access.Principal{root, root}
		}
		var errs [2]error
		start := make(chan struct{})
		var wg sync.WaitGroup
		for j, on := range []*bench{b, other} {
			wg.Go(func() {
				<-start
				errs[j] = take[names[(i+j*(i/3))%3]](on, actor[j], target[j].UserID)
			})
		}
		rows := b.rowsOf(func() { close(start); wg.Wait() })
		require.Len(t, rows, 2)
		require.Equal(t, 1, b.admins(), "round %d: %v", i, errs)
		lost := 0
		for j, err := range errs {
			if err == nil {
				continue
			}
			lost++
			require.Contains(t, []fault.Code{fault.Conflict, fault.Unauthenticated}, fault.CodeOf(err), "round %d: %v", i, err)
			left = target[j].Name
		}
		require.Equal(t, 1, lost, "round %d: %v", i, errs)
	}
	r, err := b.log.Verify(context.Background())
	require.NoError(t, err)
	require.True(t, r.OK())
}
