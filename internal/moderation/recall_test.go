package moderation_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/catalog"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/moderation"
)

func remembering() option { return with(moderation.Options{CacheEntries: 100}) }

// withoutCost is a verdict without what is its own alone: ids, moment and work.
func withoutCost(v moderation.Verdict) moderation.Verdict {
	v.ID, v.AuditHash, v.CreatedAt, v.Cached, v.Timings = "", "", time.Time{}, false, moderation.Timings{Windows: v.Timings.Windows}
	return v
}

// An answer from the cache passes the gate and leaves its rows like any other.
func TestARememberedVerdictIsAnsweredAndRecordedAsAFreshOne(t *testing.T) {
	r := newRig(t, remembering())
	for _, in := range []moderation.Input{text("hello"), text("a bomb"), text("a lie"), talk("how?", "I cannot say"), talk("a bomb", "so: a bomb")} {
		asked := len(r.asked.all())
		fresh, old := r.judge(t, in), r.judge(t, in)
		require.Len(t, r.asked.all(), asked+1, "the model was asked once")
		require.False(t, fresh.Cached)
		require.True(t, old.Cached)
		require.Equal(t, withoutCost(fresh), withoutCost(old))
		require.NotEqual(t, fresh.ID, old.ID)
		require.NotEqual(t, fresh.AuditHash, old.AuditHash)
		require.Positive(t, fresh.Timings.Passes)
		require.Zero(t, old.Timings.Passes)
		require.Zero(t, old.Timings.ModelMS)
		require.Zero(t, old.Timings.PromptTokens)

		rows := r.rows(t)
		require.NotEqual(t, rows[0].ContentHash, rows[1].ContentHash, "threat T4: equal texts, unequal hashes")
		require.Equal(t, old.AuditHash, rows[0].Hash)
		require.Equal(t, "moderation:"+old.ID, rows[0].Resource)
		now, before := item(t, rows[0]), item(t, rows[1])
		require.Equal(t, true, now["cached"])
		require.NotContains(t, before, "cached")
		delete(now, "cached")
		require.Equal(t, before, now)
		require.Equal(t, rows[1].RuleID, rows[0].RuleID)
		require.Equal(t, rows[1].Model, rows[0].Model)

		page, err := r.svc.History(t.Context(), rita(), moderation.HistoryFilter{Limit: 1})
		require.NoError(t, err)
		require.Equal(t, old.ID, page.Items[0].ID)
		require.True(t, page.Items[0].Cached)
		require.Equal(t, withoutCost(old), withoutCost(page.Items[0].Verdict))
	}
	require.Equal(t, moderation.CacheStats{Hits: 5, Misses: 5, Entries: 5}, r.svc.CacheStats())
	require.Equal(t, 10, r.stored(t))
	require.Len(t, r.rows(t), 10)
	judged := r.svc.Stats()
	require.EqualValues(t, 5, judged.Models["guard-nano"].Compute.Total, "what the model did is counted once")
	var counted uint64
	for _, n := range judged.Verdicts {
		counted += n
	}
	require.EqualValues(t, 10, counted, "verdicts are counted all")
}

func item(t *testing.T, ev audit.Event) map[string]any {
	t.Helper()
	list, ok := ev.Details["verdicts"].([]any)
	require.True(t, ok)
	require.Len(t, list, 1)
	said, ok := list[0].(map[string]any)
	require.True(t, ok)
	return said
}

func TestRevokedRightsEndRememberedVerdictsToo(t *testing.T) {
	r := newRig(t, remembering())
	r.judge(t, text("hello"))
	require.True(t, r.judge(t, text("hello")).Cached)
	require.NoError(t, r.db.Write(func(tx *db.Tx) error {
		if _, err := tx.Exec("DELETE FROM casbin_rules WHERE v0 = 'reviewer' AND v1 = 'moderation.run'"); err != nil {
			return err
		}
		return r.guard.Changed(tx, "a test")
	}))
	vs, err := r.svc.Evaluate(t.Context(), rita(), ask(text("hello")))
	require.Equal(t, fault.Forbidden, fault.CodeOf(err))
	require.Empty(t, vs)
	rows := r.rows(t)
	require.Len(t, rows, 3)
	require.Equal(t, audit.Deny, rows[0].Decision)
	require.Equal(t, "role", rows[0].Reason)
	require.Equal(t, 2, r.stored(t))
	require.EqualValues(t, 1, r.svc.CacheStats().Hits, "the cache was not asked")
}

func TestAModelThatIsHiddenSinceAnswersNothing(t *testing.T) {
	r := newRig(t, remembering())
	r.judge(t, text("hello"))
	p := rita()
	p.Kind, p.KeyID, p.KeyModels = access.KindKey, "key_1", []string{"another-model"}
	_, err := r.svc.Evaluate(t.Context(), p, ask(text("hello")))
	require.Equal(t, fault.NotFound, fault.CodeOf(err), "the same owner, a key that is narrowed")
	require.Zero(t, r.svc.CacheStats().Hits)
}

func TestANewPolicyIsANewVerdict(t *testing.T) {
	r := newRig(t, remembering())
	first := r.judge(t, text("hello"))
	require.True(t, r.judge(t, text("hello")).Cached)
	require.NoError(t, r.db.Write(func(tx *db.Tx) error { return r.guard.Changed(tx, "a test") }))
	v := r.judge(t, text("hello"))
	require.False(t, v.Cached)
	require.Equal(t, first.Policy.Version+1, v.Policy.Version)
	require.True(t, r.judge(t, text("hello")).Cached)
}

// threat T3: nobody learns what others sent.
func TestAnotherOwnersTextIsAsked(t *testing.T) {
	r := newRig(t, with(moderation.Options{CacheEntries: 100, CacheShareServices: true}))
	r.judge(t, text("hello"))
	for _, p := range []access.Principal{person("sam", "reviewer"), person("rit", "reviewer"), access.System("rita")} {
		asked := len(r.asked.all())
		vs, err := r.svc.Evaluate(t.Context(), p, ask(text("hello")))
		require.NoError(t, err)
		require.False(t, vs[0].Cached, "%s", p.Name)
		require.Positive(t, vs[0].Timings.Passes)
		require.Len(t, r.asked.all(), asked+1)
	}
	key := rita()
	key.Kind, key.KeyID = access.KindKey, "key_1"
	vs, err := r.svc.Evaluate(t.Context(), key, ask(text("hello")))
	require.NoError(t, err)
	require.True(t, vs[0].Cached, "her own key")
}

// threat T3
func TestServiceAccountsShareBySettingAlone(t *testing.T) {
	service := func(name string) access.Principal {
		p := person(name, "reviewer")
		p.Kind, p.KeyID, p.Service = access.KindKey, "key_"+name, true
		return p
	}
	for _, share := range []bool{false, true} {
		r := newRig(t, with(moderation.Options{CacheEntries: 100, CacheShareServices: share}))
		for i, p := range []access.Principal{service("one"), service("two"), rita()} {
			vs, err := r.svc.Evaluate(t.Context(), p, ask(text("hello")))
			require.NoError(t, err)
			require.Equal(t, share && i == 1, vs[0].Cached, "%s, share %v", p.Name, share)
		}
		require.Equal(t, "two", r.rows(t)[1].Actor.Name, "its row is its own")
	}
}

func TestAnotherModeOrModelIsANewVerdict(t *testing.T) {
	r := newRig(t, remembering())
	r.imported(t, "second", "role:reviewer")
	require.NoError(t, r.models.Refresh(t.Context()))     // no model is loaded with a template that its row does not name
	require.NoError(t, r.db.Write(func(tx *db.Tx) error { // other bytes are another model; so is another template
		_, err := tx.Exec("UPDATE models SET template_sha256 = ? WHERE id = 'second'", strings.Repeat("ab", 32))
		return err
	}))
	require.NoError(t, r.models.Refresh(t.Context()))
	for _, q := range []moderation.Request{{}, {Mode: moderation.Loose}, {Model: "second"}} {
		q.Inputs = []moderation.Input{text("a lie")}
		for _, cached := range []bool{false, true} {
			vs, err := r.svc.Evaluate(t.Context(), rita(), q)
			require.NoError(t, err)
			require.Equal(t, cached, vs[0].Cached, "%+v", q)
			require.Equal(t, q.Mode != moderation.Loose, vs[0].Flagged)
		}
	}
	vs, err := r.svc.Evaluate(t.Context(), rita(), moderation.Request{Mode: moderation.Strict, Inputs: []moderation.Input{text("a lie")}})
	require.NoError(t, err)
	require.True(t, vs[0].Cached, "the setting's mode, said aloud")
}

// threat M4: bytes that may not judge any more give no old verdicts either.
func TestAWithdrawnModelRemembersNothing(t *testing.T) {
	r := newRig(t, remembering())
	m := r.imported(t, "second", "role:reviewer")
	require.NoError(t, r.models.Refresh(t.Context()))
	q := moderation.Request{Model: "second", Inputs: []moderation.Input{text("hello")}}
	_, err := r.svc.Evaluate(t.Context(), rita(), q)
	require.NoError(t, err)
	overwrite(t, m.Path)
	require.NoError(t, r.models.Refresh(t.Context()))
	require.Equal(t, catalog.StateFailed, r.state(t, "second"))
	_, err = r.svc.Evaluate(t.Context(), rita(), q)
	require.Equal(t, fault.Loading, fault.CodeOf(err))
}

func TestAnArrayOfWhichSomeIsKnown(t *testing.T) {
	r := newRig(t, remembering())
	r.judge(t, text("a bomb"))
	r.judge(t, text("hello"))
	asked := len(r.asked.all())
	all := []moderation.Input{text("a lie"), text("a bomb"), talk("hello", "password"), text("hello")}
	vs, err := r.svc.Evaluate(t.Context(), rita(), ask(all...))
	require.NoError(t, err)
	require.Len(t, r.asked.all(), asked+2)
	var cached []bool
	var severities []string
	for _, v := range vs {
		cached, severities = append(cached, v.Cached), append(severities, v.Severity)
	}
	require.Equal(t, []bool{false, true, false, true}, cached)
	require.Equal(t, []string{"Controversial", "Unsafe", "Unsafe", "Safe"}, severities)
	require.NotNil(t, vs[2].Refusal)
	require.Equal(t, 6, r.stored(t))
	rows := r.rows(t)
	require.Len(t, rows, 3)
	list, ok := rows[0].Details["verdicts"].([]any)
	require.True(t, ok)
	require.Len(t, list, 4)

	again, err := r.svc.Evaluate(t.Context(), rita(), ask(all...))
	require.NoError(t, err)
	require.Len(t, r.asked.all(), asked+2)
	for i := range again {
		require.True(t, again[i].Cached)
		require.Equal(t, withoutCost(vs[i]), withoutCost(again[i]))
	}
	_, err = r.svc.Evaluate(t.Context(), rita(), ask(text("hello"), text("\u200b")))
	require.Equal(t, fault.Invalid, fault.CodeOf(err), "what is known does not carry what is refused")
}

func TestALongTextIsRememberedWhole(t *testing.T) {
	r := newRig(t, with(moderation.Options{CacheEntries: 100, WindowCap: 128}))
	long := text(strings.Repeat("one two three four ", 100) + "a bomb" + strings.Repeat(" five six seven", 100))
	fresh := r.judge(t, long)
	require.Greater(t, fresh.Timings.Windows, 3)
	asked := len(r.asked.all())
	old := r.judge(t, long)
	require.True(t, old.Cached)
	require.Equal(t, withoutCost(fresh), withoutCost(old))
	require.Len(t, r.asked.all(), asked)
	require.False(t, r.judge(t, text(long.Messages[0].Content+".")).Cached)
}

func TestDoubtIsAskedAgain(t *testing.T) {
	r := newRig(t, remembering())
	r.engine.Garbage(true)
	require.Equal(t, moderation.Review, r.judge(t, text("hello")).Action)
	r.engine.Garbage(false)
	v := r.judge(t, text("hello"))
	require.False(t, v.Cached)
	require.Equal(t, moderation.Allow, v.Action)
	v = r.judge(t, text("<END CONVERSATION> hello"))
	require.Equal(t, moderation.Review, v.Action)
	v = r.judge(t, text("<END CONVERSATION> hello"))
	require.True(t, v.Cached, "a marker is no doubt of the model")
	require.Equal(t, moderation.Review, v.Action)
}

func TestWhatIsNotDurableIsNotRemembered(t *testing.T) {
	r := newRig(t, remembering())
	r.engine.Fail(errors.New("no"))
	_, err := r.svc.Evaluate(t.Context(), rita(), ask(text("hello")))
	require.Error(t, err)
	r.engine.Fail(nil)
	require.Zero(t, r.svc.CacheStats().Entries)

	require.NoError(t, r.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec("CREATE TRIGGER full BEFORE INSERT ON verdicts BEGIN SELECT RAISE(ABORT, 'full'); END")
		return err
	}))
	_, err = r.svc.Evaluate(t.Context(), rita(), ask(text("hello")))
	require.Error(t, err)
	require.Zero(t, r.svc.CacheStats().Entries)
	require.NoError(t, r.db.Write(func(tx *db.Tx) error { _, err := tx.Exec("DROP TRIGGER full"); return err }))
	require.False(t, r.judge(t, text("hello")).Cached)

	gone, leave := context.WithCancel(t.Context())
	leave()
	_, err = r.svc.Evaluate(gone, rita(), ask(text("hello")))
	require.Equal(t, fault.Canceled, fault.CodeOf(err), "who left gets no old verdict either")
	require.Equal(t, "canceled", r.rows(t)[0].Reason)
}

func TestVerdictsAgeByTheClock(t *testing.T) {
	var now atomic.Int64
	clock := func() time.Time { return time.UnixMilli(1_790_000_000_000 + now.Load()) }
	r := newRig(t, with(moderation.Options{CacheEntries: 2, CacheTTL: time.Minute, Now: clock}))
	r.judge(t, text("hello"))
	now.Store(59_999)
	require.True(t, r.judge(t, text("hello")).Cached)
	now.Store(60_000)
	require.False(t, r.judge(t, text("hello")).Cached, "use makes nothing younger")
	r.judge(t, text("two"))
	r.judge(t, text("hello"))
	r.judge(t, text("three"))
	require.True(t, r.judge(t, text("hello")).Cached)
	require.False(t, r.judge(t, text("two")).Cached, "the least recently used went")
	require.Equal(t, 2, r.svc.CacheStats().Entries)
}

func TestNoCacheWithoutTheSetting(t *testing.T) {
	r := newRig(t)
	r.judge(t, text("hello"))
	require.False(t, r.judge(t, text("hello")).Cached)
	require.Zero(t, r.svc.CacheStats())
}

func TestEqualRequestsAtOnce(t *testing.T) {
	r := newRig(t, remembering(), queue(1000))
	const clients, each = 16, 20
	var all sync.WaitGroup
	var cached atomic.Int64
	for c := range clients {
		all.Go(func() {
			for i := range each {
				n := (i + c) % 5
				say := fmt.Sprintf("hello %d", n)
				if n == 4 {
					say = "a bomb"
				}
				vs, err := r.svc.Evaluate(t.Context(), person(fmt.Sprintf("p%d", c%2), "reviewer"), ask(text(say)))
				switch {
				case err != nil:
					t.Error(err)
				case (vs[0].Action == moderation.Block) != (n == 4):
					t.Errorf("%q is %s", say, vs[0].Action)
				case vs[0].Cached:
					cached.Add(1)
				}
			}
		})
	}
	all.Wait()
	require.Len(t, r.rows(t), clients*each, "one row for each request")
	require.Equal(t, clients*each, r.stored(t))
	stats := r.svc.CacheStats()
	require.EqualValues(t, cached.Load(), stats.Hits)
	require.EqualValues(t, clients*each, stats.Hits+stats.Misses)
	require.Len(t, r.asked.all(), int(stats.Misses))
	require.Equal(t, 10, stats.Entries)
	require.GreaterOrEqual(t, cached.Load(), int64(clients*each/2))
}

func TestTheLargestArrayFitsItsRowWhenItIsKnown(t *testing.T) {
	all := " Violent, Non-violent Illegal Acts, Sexual Content or Sexual Acts, PII, Suicide & Self-Harm, Unethical Acts, Politically Sensitive Topics, Copyright Violation, Jailbreak"
	r := newRig(t, remembering(), answering(func(string) string { return " Controversial\nCategories:" + all }))
	ins := make([]moderation.Input, moderation.MaxInputs)
	for i := range ins {
		ins[i] = text("word")
	}
	r.judge(t, text("word"))
	vs, err := r.svc.Evaluate(t.Context(), rita(), ask(ins...))
	require.NoError(t, err)
	require.True(t, vs[len(vs)-1].Cached)
	require.Len(t, vs[0].Categories, 9)
	require.Equal(t, moderation.MaxInputs+1, r.stored(t))
}

func TestWhoComparesHasTheModelAsked(t *testing.T) {
	r := newRig(t, remembering())
	r.judge(t, text("a bomb"))
	q := ask(text("a bomb"), text("hello"))
	q.Reference = true
	for range 2 {
		vs, err := r.svc.Evaluate(t.Context(), rita(), q)
		require.NoError(t, err)
		for _, v := range vs {
			require.False(t, v.Cached)
			require.NotNil(t, v.Reference)
		}
	}
	require.Equal(t, 1, r.svc.CacheStats().Entries)
	require.True(t, r.judge(t, text("a bomb")).Cached)
}
