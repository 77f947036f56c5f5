package auth

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/filters"
)

func TestDeleteUserEndsEverything(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	rita := b.user("rita", "reviewer")
	browser, program := b.login("rita", true), b.login("rita", false)
	_, secret := b.key(b.principal(browser.CookieToken), NewKey{})
	_, err := b.ChangeUser(context.Background(), admin, rita.ID, UserChange{DisplayName: ptr("Rita Meier")})
	require.NoError(t, err)
	fresh := b.login("rita", true)
	saved := filters.Open(b.db)
	_, err = saved.Save(rita.ID, filters.New{Page: "audit", Name: "refusals", Query: "decision=deny"})
	require.NoError(t, err)
	_, err = saved.Save(admin.UserID, filters.New{Page: "audit", Name: "refusals", Query: "decision=deny"})
	require.NoError(t, err)
	r := b.oneRow(func() {
		requireCode(t, fault.Stale, b.DeleteUser(context.Background(), admin, rita.ID, ptr(int64(1))))
	})
	require.Equal(t, row{"user", "user.manage", "error", "precondition_failed", "user:" + rita.ID}, r)
	b.clock.Advance(1e9)
	r = b.oneRow(func() { require.NoError(t, b.DeleteUser(context.Background(), admin, rita.ID, ptr(int64(2)))) })
	require.Equal(t, row{"user", "user.manage", "allow", "", "user:" + rita.ID}, r)
	require.Equal(t, map[string]any{"change": "delete", "username": "rita", "role": "reviewer", "kind": "person"}, b.details())

	for _, c := range []Credential{{Cookie: browser.CookieToken}, {Cookie: fresh.CookieToken}, {Bearer: program.AccessToken}, {Bearer: secret}} {
		requireRefused(t, b, c)
	}
	_, err = b.RefreshProgram(context.Background(), origin(), program.RefreshToken)
	requireCode(t, fault.Unauthenticated, err)
	_, err = b.Login(context.Background(), origin(), LoginRequest{Username: "rita", Password: adminPassword, Browser: true})
	requireCode(t, fault.Unauthenticated, err)
	require.Equal(t, 1, b.count(`SELECT count(*) FROM users WHERE id = ? AND status = 'deleted' AND password_hash = '' AND display_name = ''
		AND deleted_at = ? AND updated_at = deleted_at`, rita.ID, millis(b.clock.Now())))
	require.Zero(t, b.count("SELECT count(*) FROM api_keys WHERE user_id = ? AND revoked_at IS NULL", rita.ID))
	require.Zero(t, b.count("SELECT count(*) FROM sessions WHERE user_id = ? AND revoked_at IS NULL", rita.ID))
	require.Zero(t, b.count("SELECT count(*) FROM saved_filters WHERE user_id = ?", rita.ID))
	require.Equal(t, 1, b.count("SELECT count(*) FROM saved_filters"), "other people's stay")
	_, err = saved.Save(rita.ID, filters.New{Page: "audit", Name: "late", Query: "decision=deny"})
	requireCode(t, fault.Forbidden, err)

	for name, act := range map[string]func() error{
		"get":    func() error { _, err := b.GetUser(context.Background(), admin, rita.ID); return err },
		"rights": func() error { _, err := b.UserPermissions(context.Background(), admin, rita.ID); return err },
		"name":   func() error { _, err := b.UserByName(context.Background(), "rita"); return err },
		"change": func() error {
			_, err := b.ChangeUser(context.Background(), admin, rita.ID, UserChange{Status: ptr("active")})
			return err
		},
		"delete": func() error { return b.DeleteUser(context.Background(), admin, rita.ID, nil) },
	} {
		require.Equal(t, fault.NotFound, fault.CodeOf(act()), name)
	}
}

// threat Z7: a name is never given again, nor one that looks like it; and whoever comes after inherits nothing.
func TestNobodyInheritsFromADeletedUser(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	rita := b.user("rita", "reviewer")
	require.NoError(t, b.db.Write(func(tx *db.Tx) error {
		_, err := b.guard.AllowModel(tx, audit.Event{}, "private", []string{"user:rita"}, "admin")
		return err
	}))
	infer := access.Op{Action: access.ModerationRun, Operation: access.Infer, Model: "private"}
	may := func(p access.Principal) fault.Code {
		pass, err := b.guard.Enter(context.Background(), p, infer)
		if err != nil {
			return fault.CodeOf(err)
		}
		require.NoError(t, commit(context.Background(), pass, access.Outcome{}, nil))
		return ""
	}
	require.Empty(t, may(b.as("rita")))
	require.NoError(t, b.DeleteUser(context.Background(), admin, rita.ID, nil))

	for _, name := range []string{"rita", "Rita", "RITA", "ｒｉｔａ", "r1ta", "rіta", "ritа", "rlta", "ríta"} {
		for _, kind := range []string{KindPerson, KindService} {
			u := NewUser{Kind: kind, Username: name, Role: "reviewer"}
			if kind == KindPerson {
				u.Password = adminPassword
			}
			r := b.oneRow(func() {
				_, err := b.CreateUser(context.Background(), admin, u)
				requireCode(t, fault.Conflict, err)
			})
			require.Equal(t, "conflict", r.Reason, name)
		}
	}
	// A pattern or another's id is no name, so no rule can be written that it would match.
	for _, name := range []string{"*", "rit*", "user:" + rita.ID, "%"} {
		_, err := b.CreateUser(context.Background(), admin, NewUser{Username: name, Password: adminPassword, Role: "reviewer"})
		requireCode(t, fault.Invalid, err)
	}
	b.user("rita2", "reviewer")
	require.Equal(t, fault.NotFound, may(b.as("rita2")), "the rule names an id that nobody will have again")
	err := b.db.Write(func(tx *db.Tx) error {
		_, err := b.guard.AllowModel(tx, audit.Event{}, "private", []string{"user:rita"}, "admin")
		return err
	})
	requireCode(t, fault.Unprocessable, err)
	// Somebody whose name is another's id is not taken for him.
	twin := b.user("rita3", "reviewer")
	b.user(twin.ID, "reviewer")
	require.NoError(t, b.db.Write(func(tx *db.Tx) error {
		_, err := b.guard.AllowModel(tx, audit.Event{}, "private", []string{"user:" + twin.ID}, "admin")
		return err
	}))
	require.Empty(t, may(b.as("rita3")))
	require.Equal(t, fault.NotFound, may(b.as(twin.ID)))
}

func TestDeletedOnceOfMany(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	rita := b.user("rita", "reviewer")
	errs := make([]error, 12)
	rows := b.rowsOf(func() {
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				if i%2 == 0 {
					errs[i] = b.DeleteUser(context.Background(), admin, rita.ID, ptr(int64(1)))
				} else {
					_, errs[i] = b.ChangeUser(context.Background(), admin, rita.ID, UserChange{Role: ptr("nurse"), Version: ptr(int64(1))})
				}
			})
		}
		wg.Wait()
	})
	require.Len(t, rows, len(errs))
	good := 0
	for _, err := range errs {
		if err == nil {
			good++
			continue
		}
		require.Contains(t, []fault.Code{fault.NotFound, fault.Stale}, fault.CodeOf(err))
	}
	require.Equal(t, 1, good)
}
