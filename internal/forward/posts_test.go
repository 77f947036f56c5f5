package forward_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
)

// A receiver tells a post that is made again by its delivery: it holds the same, although more rows wait by then.
func TestAPostThatIsMadeAgainIsTheSame(t *testing.T) {
	hook := newHook(t)
	hook.answer(http.StatusInternalServerError)
	h := newHouse(t, trusting(quick("127.0.0.1"), hook))
	target := h.create(toHook("hook", hook.URL))
	h.append(3)
	h.run()
	require.Eventually(t, func() bool { return hook.posts() > 0 }, 20*time.Second, time.Millisecond)
	h.append(4)
	more := hook.posts()
	require.Eventually(t, func() bool { return hook.posts() > more+1 }, 20*time.Second, time.Millisecond)
	hook.answer(http.StatusNoContent)
	h.current(target.ID, 20*time.Second)
	hook.mu.Lock()
	defer hook.mu.Unlock()
	held := map[string]string{}
	for _, b := range hook.bodies {
		var ids []string
		for _, ev := range b.Events {
			ids = append(ids, ev.ID)
		}
		what := strings.Join(ids, " ")
		if before, ok := held[b.Delivery]; ok {
			require.Equal(t, before, what, b.Delivery)
		}
		held[b.Delivery] = what
	}
	require.Equal(t, hook.bodies[0].Delivery, hook.taken[0].Delivery)
}

// threat D1: rows of the longest kind do not make a post of many megabytes.
func TestAPostIsBoundedInBytes(t *testing.T) {
	hook := newHook(t)
	h := newHouse(t, trusting(quick("127.0.0.1"), hook))
	target := h.create(toHook("hook", hook.URL))
	for range 40 {
		_, err := h.log.Record(audit.Entry{
			Actor: audit.Actor{Type: "user"}, Action: "moderation.run", Decision: audit.Allow, Details: map[string]any{"long": strings.Repeat("x", 60<<10)},
		})
		require.NoError(t, err)
	}
	h.run()
	h.current(target.ID, time.Minute)
	require.Equal(t, h.all(), hook.ids())
	hook.mu.Lock()
	defer hook.mu.Unlock()
	require.Greater(t, len(hook.raw), 2)
	for _, raw := range hook.raw {
		require.Less(t, len(raw), 1<<20+70<<10)
	}
}

// A receiver that asks to be left alone is, for as long as it asks and no longer than ten of the longest waits.
func TestAReceiverThatAsksToWaitIsLeftAlone(t *testing.T) {
	hook := newHook(t)
	hook.retry = "3600"
	hook.then = []int{http.StatusTooManyRequests}
	o := trusting(quick("127.0.0.1"), hook)
	h := newHouse(t, o)
	target := h.create(toHook("hook", hook.URL))
	h.append(1)
	h.run()
	require.Eventually(t, func() bool {
		target, err := h.Find(context.Background(), target.ID)
		return err == nil && target.Error == "status_429"
	}, 20*time.Second, time.Millisecond)
	first := time.Now()
	require.Eventually(t, func() bool { return hook.posts() > 1 }, 30*time.Second, time.Millisecond)
	require.Greater(t, time.Since(first), 5*o.RetryMost, "an attempt came early")
	h.current(target.ID, 20*time.Second)
}
