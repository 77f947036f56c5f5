package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/limit"
	"guardhouse/internal/moderation"
	"guardhouse/internal/rule"
)

// TestConfiguredLimitsHoldOnEveryPath: those of a person, a key, an address and a model as a rule's do (threat K2).
func TestConfiguredLimitsHoldOnEveryPath(t *testing.T) {
	rate := &rule.Rate{N: 6, Per: time.Minute, Spelling: "6/min"}
	same := func(path) bool { return true }
	for name, c := range map[string]struct {
		limits access.Limits
		counts func(path) bool
		own    bool // nobody else uses it up, so every answer says how it stands
	}{
		"limits.person":  {access.Limits{Person: rate}, same, true},
		"limits.model":   {access.Limits{Model: rate}, same, false},
		"limits.address": {access.Limits{Address: rate}, func(p path) bool { return p.call.peer == "" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			b, _ := newLimited(t, access.Options{Limits: c.limits})
			counted := 0
			for _, p := range b.paths(1) {
				w := b.do(p.call)
				want := http.StatusOK
				if c.counts(p) {
					if counted++; counted > 6 {
						want = http.StatusTooManyRequests
					}
				}
				require.Equal(t, want, w.Code, "%d: %s: %s", counted, p.name, w.Body)
				require.Equal(t, c.own || want == http.StatusTooManyRequests, limitOf(w, name) != "", p.name)
			}
			require.Greater(t, counted, 30)
		})
	}
}

// TestAKeysRateIsTheKeys: each key has its own, and none is a way around its owner's.
func TestAKeysRateIsTheKeys(t *testing.T) {
	b, _ := newLimited(t, access.Options{Limits: access.Limits{
		Key: &rule.Rate{N: 2, Per: time.Minute, Spelling: "2/min"}, Person: &rule.Rate{N: 5, Per: time.Minute, Spelling: "5/min"},
	}})
	got := map[string][]int{}
	for _, name := range []string{"first", "second", "third"} {
		secret := b.key("rita", nil, nil)
		for range 3 {
			got[name] = append(got[name], b.do(call{method: "POST", path: moderations, header: bearing(secret), body: `{"input":"x"}`}).Code)
		}
	}
	require.Equal(t, map[string][]int{"first": {200, 200, 429}, "second": {200, 200, 429}, "third": {200, 429, 429}}, got)
	require.Equal(t, http.StatusTooManyRequests, b.do(call{method: "POST", path: moderations, header: map[string]string{"Authorization": b.bearer}, body: `{"input":"x"}`}).Code)
}

// TestQuotasHoldOnEveryPath: what is used up is used up on every path until the next day (threat K2). A remembered verdict takes
// no tokens, and is asked for room for them like any other.
func TestQuotasHoldOnEveryPath(t *testing.T) {
	quota := func(unit limit.Unit, most int64) access.Limits {
		return access.Limits{Quotas: []access.NamedQuota{{Name: "a-quota", By: limit.ByPerson, Quota: limit.Quota{Unit: unit, Span: limit.Day, Max: most}}}}
	}
	free, _ := newLimited(t, access.Options{})
	var first moderation.Verdict
	w := free.do(call{method: "POST", path: moderations, as: "rita", body: `{"input":"the same"}`})
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &first))
	one := int64(first.Timings.PromptTokens)
	for name, c := range map[string]struct {
		limits access.Limits
		fit    int
	}{
		"requests": {quota(limit.Requests, 6), 6},
		"tokens":   {quota(limit.Tokens, one+one/2), 1},
	} {
		t.Run(name, func(t *testing.T) {
			b, now := newLimited(t, access.Options{Limits: c.limits})
			all := b.paths(1)
			for day := range 2 {
				for i, p := range all {
					want := http.StatusOK
					if i >= c.fit {
						want = http.StatusTooManyRequests
					}
					if day == 1 && name == "tokens" && i < c.fit {
						p.call.body = strings.Replace(p.call.body, "the same", "some other", 1) // the first is remembered
					}
					require.Equal(t, want, b.do(p.call).Code, "day %d, %d: %s", day, i, p.name)
				}
				now.Advance(24 * time.Hour)
			}
		})
	}
}

// TestASpentQuotaIsNamed: whoever is refused reads which limit it was, how much is left and until when, and is told of no wrong
// password or hurry.
func TestASpentQuotaIsNamed(t *testing.T) {
	b, _ := newLimited(t, access.Options{Limits: access.Limits{Quotas: []access.NamedQuota{
		{Name: "limits.person_day_requests", By: limit.ByPerson, Quota: limit.Quota{Unit: limit.Requests, Span: limit.Day, Max: 1}},
	}}})
	ask := func(path string) *httptest.ResponseRecorder {
		return b.do(call{method: "POST", path: path, as: "rita", body: `{"input":"x"}`})
	}
	require.Equal(t, http.StatusOK, ask(moderations).Code)
	w := ask(moderations)
	var p struct {
		Code, Detail string
		Limit        struct {
			Name, Unit, Span string
			Max, Left        float64
			Until            time.Time
		}
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p), w.Body)
	require.Equal(t, []any{"rate_limited", "limits.person_day_requests", "requests", "day", 1.0, 0.0}, []any{p.Code, p.Limit.Name, p.Limit.Unit, p.Limit.Span, p.Limit.Max, p.Limit.Left})
	require.Zero(t, p.Limit.Until.Sub(p.Limit.Until.Truncate(24*time.Hour)), "a day is UTC's")
	require.Contains(t, p.Detail, "The quota limits.person_day_requests has no room for this until ")
	require.Contains(t, ask("/v1/moderations").Body.String(), "limits.person_day_requests", "programs of the other API read it as well")
}
