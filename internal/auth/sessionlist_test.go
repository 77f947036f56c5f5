package auth

import (
	"context"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

func from(ip, agent string) access.Origin {
	return access.Origin{IP: netip.MustParseAddr(ip), UserAgent: agent, RequestID: "req_1"}
}

const firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0"

func (b *bench) sessions(p access.Principal, userID string) []Session {
	b.t.Helper()
	page, err := b.ListSessions(context.Background(), p, userID, 0, "")
	require.NoError(b.t, err)
	return page.Items
}

func TestListSessionsSaysWhereSomebodyIsSignedIn(t *testing.T) {
	b := newBench(t)
	u := b.user("rita", "reviewer")
	b.user("olga", "guest")
	b.login("olga", true)
	start := b.clock.Now()
	in, err := b.signIn(from("10.1.2.3", firefox), "rita", adminPassword, true)
	require.NoError(t, err)
	b.clock.Advance(time.Second)
	prog, err := b.signIn(from("10.9.9.9", "python-requests/2.31"), "rita", adminPassword, false)
	require.NoError(t, err)
	b.clock.Advance(10 * time.Second)
	p, err := b.Authenticate(context.Background(), Credential{Cookie: in.CookieToken}, from("10.1.2.4", firefox))
	require.NoError(t, err)

	list := b.sessions(p, "")
	require.Len(t, list, 2)
	idle := b.clock.Now().Add(defaultSessionIdle)
	require.Equal(t, Session{
		ID: in.SessionID, UserID: u.ID, Username: "rita", Kind: "browser", Device: "Firefox on Windows", UserAgent: firefox,
		IP: "10.1.2.3", LastIP: "10.1.2.4", CreatedAt: start, LastUsedAt: b.clock.Now(), ExpiresAt: start.Add(defaultSessionMax),
		IdleUntil: &idle, Current: true,
	}, list[1])
	require.Equal(t, Session{
		ID: prog.SessionID, UserID: u.ID, Username: "rita", Kind: "program", Device: "python-requests", UserAgent: "python-requests/2.31",
		IP: "10.9.9.9", LastIP: "10.9.9.9", CreatedAt: start.Add(time.Second), LastUsedAt: start.Add(time.Second),
		ExpiresAt: start.Add(time.Second + defaultSessionMax),
	}, list[0])
	require.Equal(t, list, b.sessions(p, u.ID), "one's own id is oneself")
}

func TestListSessionsLeavesOutWhatHasEnded(t *testing.T) {
	b := newBench(t)
	u := b.user("rita", "reviewer")
	ended, idle := b.login("rita", true), b.login("rita", true)
	require.NoError(t, b.Logout(context.Background(), b.principal(ended.CookieToken)))
	b.clock.Advance(defaultSessionIdle - 30*time.Second)
	in, prog := b.login("rita", true), b.login("rita", false)
	ids := func() (out []string) {
		for _, s := range b.sessions(b.principal(in.CookieToken), "") {
			out = append(out, s.ID)
		}
		return out
	}
	require.Equal(t, []string{prog.SessionID, in.SessionID, idle.SessionID}, ids())
	b.clock.Advance(30*time.Second - time.Millisecond)
	require.Contains(t, ids(), idle.SessionID)
	b.clock.Advance(time.Millisecond)
	require.Equal(t, []string{prog.SessionID, in.SessionID}, ids(), "idle to the millisecond")
	for range 25 {
		b.clock.Advance(defaultSessionIdle - time.Millisecond)
		if b.clock.Now().Sub(fromMillis(int64(b.count("SELECT created_at FROM sessions WHERE id = ?", in.SessionID)))) >= defaultSessionMax {
			break
		}
		b.principal(in.CookieToken)
	}
	require.Empty(t, b.sessions(access.System("root"), u.ID), "past their maximum")
	again := b.login("rita", true)
	require.Len(t, b.sessions(access.System("root"), u.ID), 1)
	b.exec("UPDATE users SET epoch = epoch + 1 WHERE id = ?", u.ID)
	require.Empty(t, b.sessions(access.System("root"), u.ID), "void by epoch")
	requireRefused(t, b, Credential{Cookie: again.CookieToken})
	b.exec("UPDATE users SET epoch = epoch - 1, status = 'disabled' WHERE id = ?", u.ID)
	require.Empty(t, b.sessions(access.System("root"), u.ID), "the user is disabled")
}

// threat Z3
func TestWhoMayListSessions(t *testing.T) {
	b := newBench(t)
	admin, rita := b.admin(), b.user("rita", "reviewer")
	olga := b.user("olga", "nurse")
	b.login("olga", true)
	require.Len(t, b.sessions(admin, olga.ID), 1)
	_, key := b.key(admin, NewKey{Operations: []string{"infer"}})
	scoped, err := b.Authenticate(context.Background(), Credential{Bearer: key}, origin())
	require.NoError(t, err)
	own := b.as("rita")
	require.Len(t, b.sessions(own, ""), 1)
	for name, c := range map[string]struct {
		p  access.Principal
		id string
	}{
		"another's": {own, olga.ID}, "an unknown one's": {own, "usr_x"}, "nobody": {access.Anonymous(origin()), ""},
		"narrowed key": {scoped, ""}, "zero": {access.Principal{}, rita.ID},
	} {
		r := b.oneRow(func() {
			_, err := b.ListSessions(context.Background(), c.p, c.id, 0, "")
			requireCode(t, fault.Forbidden, err)
		})
		require.Equal(t, "deny", r.Decision, name)
	}
	require.Empty(t, b.rowsOf(func() { b.sessions(admin, olga.ID) }), "plain lists leave no row")
	_, err = b.ListSessions(context.Background(), admin, "usr_x", 0, "")
	requireCode(t, fault.NotFound, err)
	_, err = b.ListSessions(context.Background(), access.System("root"), "", 0, "")
	requireCode(t, fault.NotFound, err)
}

func TestListSessionsPages(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	olga := b.user("olga", "nurse")
	var want []string
	for range 7 {
		want = append([]string{b.login("rita", true).SessionID}, want...)
	}
	p := b.as("rita")
	want = append([]string{p.SessionID}, want...)
	var got []string
	cursor := ""
	for {
		page, err := b.ListSessions(context.Background(), p, "", 3, cursor)
		require.NoError(t, err)
		for _, s := range page.Items {
			got = append(got, s.ID)
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
		_, err = b.ListSessions(context.Background(), b.as("olga"), "", 3, cursor)
		requireCode(t, fault.Invalid, err)
		_, err = b.ListSessions(context.Background(), access.System("root"), olga.ID, 3, cursor)
		requireCode(t, fault.Invalid, err)
	}
	require.Equal(t, want, got)
	for _, limit := range []int{-1, 501} {
		_, err := b.ListSessions(context.Background(), p, "", limit, "")
		requireCode(t, fault.Invalid, err)
	}
}

func TestAddressesAreWrittenWhenTheyChangeButNotAtEveryStep(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	b := newBenchIn(t, dir, c, Options{})
	b.user("rita", "reviewer")
	in := b.login("rita", true)
	use := func(b *bench, ip string) {
		_, err := b.Authenticate(context.Background(), Credential{Cookie: in.CookieToken}, from(ip, "x"))
		require.NoError(t, err)
	}
	stored := func(ip string) int {
		return b.count("SELECT count(*) FROM sessions WHERE id = ? AND last_ip = ?", in.SessionID, ip)
	}
	c.Advance(moveEvery)
	use(b, "10.0.0.1")
	require.Equal(t, 1, stored("10.0.0.1"), "a new address within the minute")
	before, err := b.db.DataVersion(context.Background())
	require.NoError(t, err)
	for i := range 1000 {
		use(b, "10.0.1."+strconv.Itoa(i%200))
	}
	after, err := b.db.DataVersion(context.Background())
	require.NoError(t, err)
	require.Equal(t, before, after, "a thousand changes at once write nothing")
	require.Equal(t, "10.0.1.199", b.sessions(access.System("root"), b.userID("rita"))[0].LastIP, "but memory knows")
	c.Advance(moveEvery)
	use(b, "10.0.2.1")
	require.Equal(t, 1, stored("10.0.2.1"))
	use(b, "10.0.2.1")
	require.Equal(t, 1, stored("10.0.2.1"))

	// A process that has not seen the session goes by the database.
	c.Advance(time.Second)
	use(newBenchIn(t, dir, c, Options{}), "10.0.3.1")
	require.Equal(t, 1, stored("10.0.3.1"))
}

func (b *bench) userID(name string) string {
	b.t.Helper()
	u, err := b.UserByName(context.Background(), name)
	require.NoError(b.t, err)
	return u.ID
}
