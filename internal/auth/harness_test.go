package auth

import (
	"context"
	"database/sql"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/auth/password"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

const (
	adminName     = "alice"
	adminPassword = "correct horse battery staple"
)

// cheap keeps the tests fast; password.StandardCost is measured and asserted on its own.
func cheap() password.Cost { return password.Cost{Memory: 64, Time: 1, Threads: 1} }

func newClock() *apptest.Clock {
	return apptest.NewClock(time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC))
}

// bench is one server: a real database, gate and log under a clock of its own.
type bench struct {
	*Service
	t     testing.TB
	dir   string
	clock *apptest.Clock
	db    *db.DB
	guard *access.Guard
	log   *audit.Log
}

func newBench(t testing.TB) *bench { return newBenchIn(t, t.TempDir(), newClock(), Options{}) }

// newBenchIn starts one more process, so to speak, on the data folder.
func newBenchIn(t testing.TB, dir string, c *apptest.Clock, o Options) *bench {
	t.Helper()
	ctx := context.Background()
	d, err := db.Open(ctx, db.Options{Path: filepath.Join(dir, "guardhouse.db"), Now: c.Now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	_, err = d.Migrate(ctx)
	require.NoError(t, err)
	keys, err := OpenKeys(dir)
	require.NoError(t, err)
	log := audit.New(d, keys.Sub("content-hash"))
	guard, err := access.New(ctx, d, log, access.Options{Now: c.Now})
	require.NoError(t, err)
	o.DataDir, o.Root, o.Now = dir, keys, c.Now
	s, err := New(d, guard, o)
	require.NoError(t, err)
	require.NoError(t, s.useCost(cheap()))
	return &bench{Service: s, t: t, dir: dir, clock: c, db: d, guard: guard, log: log}
}

func origin() access.Origin {
	return access.Origin{IP: netip.MustParseAddr("10.1.2.3"), UserAgent: "test/1", RequestID: "req_1"}
}

// admin makes the first admin through the set-up and answers it signed in.
func (b *bench) admin() access.Principal {
	b.t.Helper()
	return b.principal(b.finishSetup().CookieToken)
}

func (b *bench) finishSetup() SignIn {
	b.t.Helper()
	token, needed, err := b.SetupToken(context.Background())
	require.NoError(b.t, err)
	require.True(b.t, needed)
	in, err := b.CompleteSetup(context.Background(), origin(), token, adminName, adminPassword)
	require.NoError(b.t, err)
	return in
}

// CompleteSetup is FinishSetup for a browser.
func (s *Service) CompleteSetup(ctx context.Context, o access.Origin, token, username, password string) (SignIn, error) {
	return s.FinishSetup(ctx, o, Setup{Token: token, Username: username, Password: password, Browser: true})
}

func (b *bench) principal(cookie string) access.Principal {
	b.t.Helper()
	p, err := b.Authenticate(context.Background(), Credential{Cookie: cookie}, origin())
	require.NoError(b.t, err)
	p.Unconfirmed = false // what a password confirms is asked for in confirm_test.go
	return p
}

// user makes a person with adminPassword, as the command line would.
func (b *bench) user(name, role string) User {
	b.t.Helper()
	u, err := b.CreateUser(context.Background(), access.System("root"), NewUser{Username: name, Password: adminPassword, Role: role})
	require.NoError(b.t, err)
	return u
}

func (b *bench) service(name, role string) User {
	b.t.Helper()
	u, err := b.CreateUser(context.Background(), access.System("root"), NewUser{Kind: KindService, Username: name, Role: role})
	require.NoError(b.t, err)
	return u
}

func (b *bench) login(name string, browser bool) SignIn {
	b.t.Helper()
	in, err := b.signIn(origin(), name, adminPassword, browser)
	require.NoError(b.t, err)
	return in
}

// signIn is Login from a device that has no token.
func (b *bench) signIn(o access.Origin, name, password string, browser bool) (SignIn, error) {
	return b.Login(context.Background(), o, LoginRequest{Username: name, Password: password, Browser: browser})
}

// as signs name in by cookie and answers the principal.
func (b *bench) as(name string) access.Principal {
	b.t.Helper()
	return b.principal(b.login(name, true).CookieToken)
}

func (b *bench) exec(query string, args ...any) {
	b.t.Helper()
	require.NoError(b.t, b.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	}))
}

func (b *bench) count(query string, args ...any) int {
	b.t.Helper()
	var n int
	require.NoError(b.t, b.db.ReadSQL().QueryRowContext(context.Background(), query, args...).Scan(&n))
	return n
}

// row is what the tests ask of an audit row.
type row struct{ Actor, Action, Decision, Reason, Resource string }

// rowsOf runs f and answers the audit rows it left.
func (b *bench) rowsOf(f func()) []row {
	b.t.Helper()
	var before sql.NullInt64
	require.NoError(b.t, b.db.ReadSQL().QueryRowContext(context.Background(), "SELECT max(seq) FROM audit_events").Scan(&before))
	f()
	rows, err := b.db.ReadSQL().QueryContext(context.Background(),
		"SELECT actor_type, action, decision, reason, resource FROM audit_events WHERE seq > ? ORDER BY seq", before.Int64)
	require.NoError(b.t, err)
	defer rows.Close()
	var out []row
	for rows.Next() {
		var r row
		require.NoError(b.t, rows.Scan(&r.Actor, &r.Action, &r.Decision, &r.Reason, &r.Resource))
		out = append(out, r)
	}
	require.NoError(b.t, rows.Err())
	return out
}

// oneRow runs f, demands exactly one audit row, and answers it.
func (b *bench) oneRow(f func()) row {
	b.t.Helper()
	rows := b.rowsOf(f)
	require.Len(b.t, rows, 1)
	return rows[0]
}

func requireCode(t testing.TB, code fault.Code, err error) {
	t.Helper()
	require.Equal(t, code, fault.CodeOf(err), "%v", err)
}

func requireRefused(t testing.TB, b *bench, c Credential) {
	t.Helper()
	p, err := b.Authenticate(context.Background(), c, origin())
	requireCode(t, fault.Unauthenticated, err)
	require.Zero(t, p)
}

type dbTx = db.Tx
