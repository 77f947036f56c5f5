package moderation_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
	"guardhouse/internal/inference/fake"
	"guardhouse/internal/limit"
	"guardhouse/internal/moderation"
)

const bread = "How do I bake bread?"

// aDay is a quota of each person.
func aDay(unit limit.Unit, most int64) option {
	return within(access.Limits{Quotas: []access.NamedQuota{{Name: "a-quota", By: limit.ByPerson, Quota: limit.Quota{Unit: unit, Span: limit.Day, Max: most}}}})
}

// tokensOf answers how many tokens the model is asked with about an input.
func tokensOf(t *testing.T, in moderation.Input, opts ...option) int64 {
	t.Helper()
	return int64(newRig(t, opts...).judge(t, in).Timings.PromptTokens)
}

// counted answers what rita has used and holds of a unit today.
func (r *rig) counted(unit limit.Unit) (used, held int64) {
	for _, u := range r.guard.Usage(limit.ByPerson, "usr_rita") {
		if u.Unit == unit && u.Span == limit.Day {
			return u.Used, u.Held
		}
	}
	return 0, 0
}

// threat K2: a list is held against a quota on tokens with all its texts, before the model is asked about the first.
func TestAListPassesNoQuotaOnTokens(t *testing.T) {
	one := tokensOf(t, text(bread))
	r := newRig(t, aDay(limit.Tokens, 3*one-1))
	_, err := r.svc.Evaluate(t.Context(), rita(), ask(text(bread), text(bread), text(bread)))
	require.Equal(t, fault.RateLimited, fault.CodeOf(err))
	require.NotContains(t, fault.From(err).Headers, "Retry-After", "so many never fit")
	require.Empty(t, r.asked.all(), "nothing of it ran")
	row := r.rows(t)[0]
	require.Equal(t, []any{"deny", "rate_limited", "a-quota"}, []any{row.Decision, row.Reason, row.Details["limit"]})
	used, held := r.counted(limit.Tokens)
	require.Zero(t, used+held)

	_, err = r.svc.Evaluate(t.Context(), rita(), ask(text(bread), text(bread)))
	require.NoError(t, err)
	used, held = r.counted(limit.Tokens)
	require.Equal(t, []int64{2 * one, 0}, []int64{used, held}, "what was held is what it came to")
	_, err = r.svc.Evaluate(t.Context(), rita(), ask(text(bread)))
	require.Equal(t, fault.RateLimited, fault.CodeOf(err))
	require.Contains(t, fault.From(err).Headers, "Retry-After")
}

// threat K2: of many requests at the same moment as many run as the quota has tokens for.
func TestManyAtOncePassNoQuotaOnTokens(t *testing.T) {
	const fit, all = 3, 40
	one := tokensOf(t, text(bread))
	release := make(chan struct{})
	r := newRig(t, aDay(limit.Tokens, fit*one+one/2), answering(func(p string) string {
		if strings.Contains(p, "bake") {
			<-release
		}
		return fake.Cues(p)
	}), notLoaded())
	open := make(chan struct{})
	go func() { // the canary is let through
		release <- struct{}{}
		close(open)
	}()
	require.NoError(t, r.models.Load(t.Context()))
	<-open

	answers := make(chan error, all)
	for range all {
		go func() {
			_, err := r.svc.Evaluate(context.Background(), rita(), ask(text(bread)))
			answers <- err
		}()
	}
	late := time.After(20 * time.Second)
	for range all - fit {
		select {
		case err := <-answers:
			require.Equal(t, fault.RateLimited, fault.CodeOf(err))
		case <-late:
			close(release)
			t.Fatal("more were let in than fit")
		}
	}
	used, held := r.counted(limit.Tokens)
	require.Equal(t, []int64{0, fit * one}, []int64{used, held})
	close(release)
	for range fit {
		require.NoError(t, <-answers)
	}
	used, held = r.counted(limit.Tokens)
	require.Equal(t, []int64{fit * one, 0}, []int64{used, held})
}

// What is held of a text of many windows, or of a conversation, is what is counted after.
func TestAPriceIsWhatIsCounted(t *testing.T) {
	small := moderation.Options{WindowCap: 64}
	for name, in := range map[string]moderation.Input{
		"windows":      text(strings.Repeat("Bread needs flour, water and patience. ", 40)),
		"conversation": talk("May I ask?", strings.Repeat("Of course you may. ", 30), bread),
	} {
		t.Run(name, func(t *testing.T) {
			all := tokensOf(t, in, with(small))
			r := newRig(t, with(small), aDay(limit.Tokens, all-1))
			_, err := r.svc.Evaluate(t.Context(), rita(), ask(in))
			require.Equal(t, fault.RateLimited, fault.CodeOf(err))
			require.Empty(t, r.asked.all())
			r = newRig(t, with(small), aDay(limit.Tokens, all))
			require.EqualValues(t, all, r.judge(t, in).Timings.PromptTokens)
		})
	}
}

// A remembered verdict takes no tokens, and is asked for room for them like any other: nobody knows before whether it is one.
func TestARememberedVerdictIsAskedForRoom(t *testing.T) {
	one := tokensOf(t, text(bread))
	for _, most := range []int64{2 * one, 2*one - 1} {
		r := newRig(t, with(moderation.Options{CacheEntries: 8}), aDay(limit.Tokens, most))
		require.False(t, r.judge(t, text(bread)).Cached)
		vs, err := r.svc.Evaluate(t.Context(), rita(), ask(text(bread)))
		if most < 2*one {
			require.Equal(t, fault.RateLimited, fault.CodeOf(err))
			continue
		}
		require.NoError(t, err)
		require.True(t, vs[0].Cached)
		used, held := r.counted(limit.Tokens)
		require.Equal(t, []int64{one, 0}, []int64{used, held})
	}
}

// What is refused for its texts is refused for them whatever quota there is, and takes none of it.
func TestAQuotaHidesNoOtherRefusal(t *testing.T) {
	r := newRig(t, with(moderation.Options{MaxInputTokens: 20}), aDay(limit.Tokens, 1000))
	for code, in := range map[fault.Code]moderation.Input{fault.TooLarge: text(strings.Repeat("bread ", 100)), fault.Invalid: talk("hi", "")} {
		_, err := r.svc.Evaluate(t.Context(), rita(), ask(text(bread), in))
		require.Equal(t, code, fault.CodeOf(err))
	}
	r = newRig(t, notLoaded(), aDay(limit.Tokens, 1000))
	_, err := r.svc.Evaluate(t.Context(), rita(), ask(text(bread)))
	require.Equal(t, fault.Loading, fault.CodeOf(err))
	used, held := r.counted(limit.Tokens)
	require.Zero(t, used+held)
}

// Large requests are cut a few at a time, whoever sends them; nobody waits with a short text behind them, and who gives up
// while he waits takes nothing.
func TestLargeRequestsWaitToBePriced(t *testing.T) {
	r := newRig(t, aDay(limit.Tokens, 1_000_000))
	release, err := r.svc.Pricing(t.Context())
	require.NoError(t, err)
	require.False(t, r.judge(t, text(bread)).Flagged)
	used, _ := r.counted(limit.Tokens)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	long := text(strings.Repeat("Bread needs flour. ", 220))
	_, err = r.svc.Evaluate(ctx, rita(), ask(long))
	require.Equal(t, fault.Canceled, fault.CodeOf(err))
	after, held := r.counted(limit.Tokens)
	require.Equal(t, []int64{used, 0}, []int64{after, held})
	release()
	require.False(t, r.judge(t, long).Flagged)
}

// Of one account one large request is cut at a time and eight wait, so that its requests are no work without end; what waits
// holds nothing, and others don't wait for it.
func TestAnAccountHasOneLargeRequestPriced(t *testing.T) {
	const sent, wait = 12, 8
	r := newRig(t, aDay(limit.Tokens, 1_000_000))
	release, err := r.svc.Measuring(t.Context(), rita().Account())
	require.NoError(t, err)
	long := text(strings.Repeat("Bread needs flour. ", 220))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	answers := make(chan error, sent)
	for range sent {
		go func() {
			_, err := r.svc.Evaluate(ctx, rita(), ask(long))
			answers <- err
		}()
	}
	for range sent - wait {
		err := <-answers
		require.Equal(t, fault.Busy, fault.CodeOf(err))
		require.Positive(t, fault.From(err).RetryAfter)
	}
	require.Empty(t, r.asked.all())
	other := rita()
	other.UserID, other.Name = "usr_bo", "bo"
	_, err = r.svc.Evaluate(t.Context(), other, ask(long))
	require.NoError(t, err)
	stop()
	for range wait {
		require.Equal(t, fault.Canceled, fault.CodeOf(<-answers))
	}
	release()
	used, held := r.counted(limit.Tokens)
	require.Equal(t, []int64{0, 0}, []int64{used, held})
	require.False(t, r.judge(t, long).Flagged)
}

// Where the model's queue has no room, a large request is told so before it is cut.
func TestALargeRequestIsNotPricedForAFullQueue(t *testing.T) {
	release := make(chan struct{})
	started := make(chan struct{}, 4)
	r := newRig(t, queue(0), with(moderation.Options{CacheEntries: 8, Slots: 1}), aDay(limit.Tokens, 1_000_000), answering(func(p string) string {
		if strings.Contains(p, "bake") {
			started <- struct{}{}
			<-release
		}
		return fake.Cues(p)
	}), notLoaded())
	go func() { // the canary is let through
		<-started
		release <- struct{}{}
	}()
	require.NoError(t, r.models.Load(t.Context()))
	known, long := text(strings.Repeat("Bread needs salt. ", 240)), text(strings.Repeat("Bread needs flour. ", 240))
	require.False(t, r.judge(t, known).Cached)
	slow := make(chan error, 1)
	let := sync.OnceFunc(func() { close(release) })
	defer let()
	go func() {
		_, err := r.svc.Evaluate(context.Background(), rita(), ask(text(bread)))
		slow <- err
	}()
	<-started
	places, err := r.svc.Pricing(t.Context()) // whoever waited for one of these would wait for ever
	require.NoError(t, err)
	defer places()
	_, err = r.svc.Evaluate(t.Context(), rita(), ask(long))
	require.Equal(t, fault.Busy, fault.CodeOf(err))
	require.NotNil(t, fault.From(err).Line)
	require.Equal(t, "busy", r.rows(t)[0].Details["code"])
	require.True(t, r.judge(t, known).Cached, "what is remembered needs no queue")
	let()
	require.NoError(t, <-slow)
}
