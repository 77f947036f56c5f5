package events_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/catalog"
	"guardhouse/internal/db"
	"guardhouse/internal/events"
	"guardhouse/internal/fault"
	"guardhouse/internal/moderation"
)

// sees is which types each shipped role gets, written down on its own: nothing of it comes from the code.
func sees() map[string][]string {
	return map[string][]string{
		"admin":       {"audit", "key", "models", "policy", "user", "verdict"},
		"reviewer":    {"models", "policy"}, // and verdicts of its own
		"radiologist": {"models", "policy"},
		"nurse":       {"models", "policy"},
		"guest":       {"policy"},
	}
}

func kinds(s *stream) []string {
	var out []string
	list, _ := s.frames()
	for _, f := range list {
		out = append(out, f.kind)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestRolesSeeWhatTheirListsShow(t *testing.T) {
	r := newRig(t)
	streams := map[string]*stream{}
	for role := range sees() {
		streams[role] = r.follow(user(role), events.FromNow)
	}
	r.verdict("usr_other")
	r.row(audit.Entry{Action: "user.manage", Resource: "user:usr_someone"}, "usr_admin", 0)
	r.row(audit.Entry{Action: "key.own", Resource: "key:key_1"}, "usr_other", 0)
	r.row(audit.Entry{Action: "user.manage", Resource: "user:usr_someone", Decision: audit.Deny}, "usr_other", 0)
	for role, want := range sees() {
		r.settle(streams[role])
		require.Equal(t, want, kinds(streams[role]), role)
	}
	require.Len(t, streams["admin"].of(events.TypeUser), 1, "what was refused changed nothing")
	require.Equal(t, `{"id":"usr_someone"}`, streams["admin"].of(events.TypeUser)[0].data)
	require.Equal(t, `{"id":"key_1"}`, streams["admin"].of(events.TypeKey)[0].data)
	models := streams["nurse"].of(events.TypeModels)
	require.Len(t, models, 1, "a model that is not open to a role does not exist for it")
	require.Equal(t, `{"id":"guard-nano","state":"ready"}`, models[0].data)
	require.Len(t, streams["admin"].of(events.TypeModels), 2)
}

// TestOnesOwnIsSeen: a person learns of his own verdicts, keys and account without administering anything.
func TestOnesOwnIsSeen(t *testing.T) {
	r := newRig(t)
	s := r.follow(user("reviewer"), events.FromNow)
	r.verdict("usr_reviewer")
	r.row(audit.Entry{Action: "key.own", Resource: "key:key_1"}, "usr_reviewer", 0)
	r.row(audit.Entry{Action: "user.manage", Resource: "user:usr_reviewer"}, "usr_admin", 0)
	r.settle(s)
	require.Equal(t, []string{"key", "models", "policy", "user", "verdict"}, kinds(s))
}

// TestRequestsAndReviews: whoever asked learns of it, and whoever manages rules; nobody else learns that there is one.
func TestRequestsAndReviews(t *testing.T) {
	r := newRig(t)
	admin, asker, other := r.follow(user("admin"), events.FromNow), r.follow(user("reviewer"), events.FromNow), r.follow(user("nurse"), events.FromNow)
	asked := map[string]any{"user": "usr_reviewer"}
	r.row(audit.Entry{Action: "session.own", Resource: "request:arq_1", Details: asked}, "usr_reviewer", 0)
	r.row(audit.Entry{Action: "acl.manage", Resource: "request:arq_1", Details: asked}, "usr_admin", 0)
	r.row(audit.Entry{Action: "session.own", Resource: "request:arq_2", Details: asked, Decision: audit.Error}, "usr_reviewer", 0)
	r.row(audit.Entry{Action: "session.own", Resource: "review:arv_1"}, "usr_reviewer", 0)
	r.row(audit.Entry{Action: "acl.manage", Resource: "review:arv_1"}, "usr_admin", 0)
	for s, want := range map[*stream][2]int{admin: {2, 2}, asker: {2, 1}, other: {0, 0}} {
		r.settle(s)
		require.Len(t, s.of(events.TypeRequest), want[0])
		require.Len(t, s.of(events.TypeReview), want[1])
	}
	require.Equal(t, `{"id":"arq_1"}`, asker.of(events.TypeRequest)[0].data)
}

// TestAnothersVerdictsNeverAppear holds every stream against what the history gives to the same principal.
func TestAnothersVerdictsNeverAppear(t *testing.T) { // threat Z3
	r := newRig(t)
	history := moderation.New(moderation.Deps{DB: r.db, Guard: r.guard}, moderation.Options{})
	random := rand.New(rand.NewPCG(3, 4))
	for range 8 {
		start := r.verdict("usr_guest")
		for range 1 + random.IntN(30) {
			owners := []string{"usr_admin", "usr_reviewer", "usr_guest", "usr_nurse", "usr_x"}
			r.row(audit.Entry{}, owners[random.IntN(len(owners))], random.IntN(4))
		}
		for role := range sees() {
			p := user(role)
			s := r.follow(p, start)
			r.settle(s)
			require.ElementsMatch(t, listed(t, history, p, start), data(s.of(events.TypeVerdict)), role)
			s.end()
		}
	}
}

// listed answers what the history's list gives to p of the rows after one, nothing to whom it refuses.
func listed(t *testing.T, history *moderation.Service, p access.Principal, after int64) (out []string) {
	t.Helper()
	page, err := history.History(t.Context(), p, moderation.HistoryFilter{Limit: 200})
	if p.Role != "admin" && p.Role != "reviewer" {
		require.Equal(t, fault.Forbidden, fault.CodeOf(err))
		return nil
	}
	require.NoError(t, err)
	for _, row := range page.Items {
		if row.AuditSeq > after {
			raw, err := json.Marshal(row)
			require.NoError(t, err)
			out = append(out, string(raw))
		}
	}
	return out
}

func data(list []frame) (out []string) {
	for _, f := range list {
		out = append(out, f.data)
	}
	return out
}

// TestANarrowedKeyGetsNoStream: a key that was made for a model is not meant to watch.
func TestANarrowedKeyGetsNoStream(t *testing.T) {
	r := newRig(t)
	p := user("admin")
	p.Kind, p.KeyID, p.KeyModels = access.KindKey, "key_1", []string{"guard-nano"}
	_, err := r.hub.Subscribe(t.Context(), p, events.FromNow)
	require.Equal(t, fault.Forbidden, fault.CodeOf(err))
	_, err = r.hub.Subscribe(t.Context(), access.Anonymous(access.Origin{}), events.FromNow)
	require.Equal(t, fault.Forbidden, fault.CodeOf(err))
	require.Zero(t, r.hub.Streams())
}

// TestTheStreamEndsWithTheSession: within five seconds of a disabling that nothing told of, and by an event that says so.
func TestTheStreamEndsWithTheSession(t *testing.T) { // threat A4
	r := newRig(t)
	s := r.follow(user("admin"), events.FromNow)
	r.settle(s)
	r.rights.set(func(x *rights) { x.gone["usr_admin"] = true })
	r.clock.Advance(events.RecheckEvery - time.Millisecond)
	select {
	case <-s.done:
		require.FailNow(t, "too early: nothing was asked")
	default:
	}
	r.clock.Advance(time.Millisecond)
	s.ended(t)
	list, _ := s.frames()
	require.Equal(t, frame{kind: "session", data: `{"ended":true}`, lastID: list[len(list)-1].lastID}, list[len(list)-1])
	require.LessOrEqual(t, events.RecheckEvery, 5*time.Second)
	require.Zero(t, r.hub.Streams())
	require.Zero(t, r.clock.running(), "its ticks are stopped")
}

// TestASlowReaderDoesNotOutliveHisRights: a write that is under way is given up when the session ends.
func TestASlowReaderDoesNotOutliveHisRights(t *testing.T) { // threat A4
	r := newRig(t)
	s := r.follow(user("admin"), events.FromNow)
	r.settle(s)
	before := len(s.text())
	release := s.hold()
	defer release()
	r.verdict("usr_x")
	require.Eventually(t, func() bool { return s.bound(-1) == events.WriteWithin }, 10*time.Second, time.Millisecond, "a write is under way")
	r.rights.set(func(x *rights) { x.gone["usr_admin"] = true })
	r.clock.Advance(events.RecheckEvery)
	s.ended(t)
	require.Len(t, s.text(), before, "nothing follows half a frame")
}

// bound answers the last bound but so many: -1 is the last.
func (r *reader) bound(i int) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bounds[len(r.bounds)+i]
}

// TestAnActOfAdministrationIsAskedAboutAtOnce: the row that took somebody's rights is not shown to him.
func TestAnActOfAdministrationIsAskedAboutAtOnce(t *testing.T) { // threat A4
	for name, c := range map[string]struct {
		change func(*rights)
		ended  bool
	}{
		"disabled": {func(x *rights) { x.gone["usr_admin"] = true }, true},
		"demoted":  {func(x *rights) { x.role["usr_admin"] = "guest" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			s := r.follow(user("admin"), events.FromNow)
			r.settle(s)
			seen := len(s.of(events.TypeAudit))
			r.rights.set(c.change)
			r.row(audit.Entry{Action: "user.manage", Resource: "user:usr_admin"}, "usr_other", 0)
			if c.ended {
				s.ended(t)
				require.Len(t, s.of(events.TypeSession), 1)
			} else {
				r.settle(s)
				require.Empty(t, s.of(events.TypeSession))
			}
			require.Len(t, s.of(events.TypeAudit), seen)
		})
	}
}

// TestARoleThatLosesAnActionStopsShowing: also when another process edits the role, and the row of the edit is not shown.
func TestARoleThatLosesAnActionStopsShowing(t *testing.T) {
	path := apptest.DBPath(t)
	r := rigOver(t, apptest.OpenDBAt(t, path, time.Now))
	s := r.follow(user("admin"), events.FromNow)
	r.settle(s)
	seen := len(s.of(events.TypeAudit))
	require.Positive(t, seen)
	other := apptest.OpenDBAt(t, path, time.Now)
	otherLog := audit.New(other, []byte("content key of a test"))
	require.NoError(t, other.Write(func(tx *db.Tx) error {
		if _, err := tx.Exec(`DELETE FROM casbin_rules WHERE v0 = 'admin' AND v1 IN ('audit.read', 'moderation.read_all')`); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO policy_versions (version, changed_at, reason) SELECT max(version) + 1, 0, 'test' FROM policy_versions`); err != nil {
			return err
		}
		_, err := otherLog.Append(tx, audit.Entry{Actor: audit.Actor{Type: "system", Name: "cli:root"}, Action: "user.manage", Resource: "role:admin", Decision: audit.Allow})
		return err
	}))
	for range 5 {
		_, err := otherLog.Record(audit.Entry{Actor: audit.Actor{Type: "system", Name: "cli:root"}, Action: "auth.login", Decision: audit.Allow})
		require.NoError(t, err)
	}
	r.verdict("usr_x")
	r.settle(s)
	require.Len(t, s.of(events.TypeAudit), seen)
	require.Len(t, s.of(events.TypeVerdict), 0)
}

// TestRightsThatCantBeReadAreNone: the stream ends, and does not say that the session has.
func TestRightsThatCantBeReadAreNone(t *testing.T) {
	r := newRig(t)
	s := r.follow(user("admin"), events.FromNow)
	r.settle(s)
	r.rights.set(func(x *rights) {
		x.broken = fault.Wrap(errors.New("disk"), fault.Internal, "the database cannot be read")
	})
	r.clock.Advance(events.RecheckEvery)
	s.ended(t)
	require.Empty(t, s.of(events.TypeSession))
	require.Contains(t, r.out.String(), "event stream ended")
}

func TestStatesAreToldWhenTheyChange(t *testing.T) {
	r := newRig(t)
	s := r.follow(user("nurse"), events.FromNow)
	next := func(n int, want string) {
		s.until(t, func() bool { return len(s.of(events.TypeModels)) == n })
		require.Equal(t, want, s.of(events.TypeModels)[n-1].data)
		require.Equal(t, n == 0, s.of(events.TypeModels)[n-1].id != "", "a state moves no place")
	}
	next(1, `{"id":"guard-nano","state":"ready"}`)
	r.models.set(catalog.Model{ID: "guard-nano", State: catalog.StateFailed}, catalog.Model{ID: "closed", State: catalog.StateReady})
	next(2, `{"id":"guard-nano","state":"failed"}`)
	r.models.set(catalog.Model{ID: "closed", State: catalog.StateLoading})
	next(3, `{"id":"guard-nano","state":"gone"}`)
	require.NoError(t, r.db.Write(func(tx *db.Tx) error {
		_, err := r.guard.AllowModel(tx, audit.Event{}, "closed", []string{"role:nurse"}, "admin")
		return err
	}))
	next(4, `{"id":"closed","state":"loading","progress":0}`)
	require.Len(t, s.of(events.TypePolicy), 2)
	require.NotContains(t, fmt.Sprint(s.frames()), "cli:")
}
