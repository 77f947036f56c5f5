package moderation_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/moderation"
)

// TestTheTimeOfARequest: the shorter of the setting and what the caller says counts, at the model and in the line before it.
// Who runs out of it leaves one row that says so, no verdict, and nothing at the model.
func TestTheTimeOfARequest(t *testing.T) {
	const short, long = 20 * time.Millisecond, time.Hour
	for name, c := range map[string]struct{ setting, caller time.Duration }{
		"the setting": {short, 0}, "the caller": {0, short}, "the caller's is shorter": {long, short}, "the setting is shorter": {short, long},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, with(moderation.Options{Deadline: c.setting}))
			release := r.engine.Hold()
			defer release()
			inLine := make(chan error, 1)
			q := ask(text("a text that is held up"))
			q.Within = c.caller
			_, err := r.svc.Evaluate(t.Context(), rita(), q)
			require.Equal(t, fault.Timeout, fault.CodeOf(err), "%v", err)
			rows := r.rows(t)
			require.Len(t, rows, 1)
			require.Equal(t, []string{"error", "failed"}, []string{rows[0].Decision, rows[0].Reason})
			require.Equal(t, "timeout", rows[0].Details["code"])
			require.Zero(t, r.stored(t))
			st := r.sched.Status()[0]
			require.Equal(t, []int{0, 0}, []int{st.Active, st.Queued})
			require.Equal(t, uint64(1), st.Late)
			require.Zero(t, r.engine.Running())

			if c.setting == short {
				return // the first of the two below would run out of time too
			}
			ctx, leave := context.WithCancel(t.Context())
			ahead := make(chan error, 1)
			go func() { _, err := r.svc.Evaluate(ctx, person("ahead", "reviewer"), ask(text("x"))); ahead <- err }()
			until(t, "the model to be taken", func() bool { return r.engine.Running() == 1 })
			go func() { _, err := r.svc.Evaluate(context.Background(), rita(), q); inLine <- err }()
			f := fault.From(<-inLine)
			require.Equal(t, fault.Timeout, f.Code)
			require.Contains(t, f.Message, "while it waited")
			require.Positive(t, f.RetryAfter)
			require.NotNil(t, f.Line)
			require.Equal(t, []int{1, 0}, []int{r.sched.Status()[0].Active, r.sched.Status()[0].Queued})
			leave()
			require.Equal(t, fault.Canceled, fault.CodeOf(<-ahead))
		})
	}
	r := newRig(t)
	q := ask(text("x"))
	q.Within = -1
	_, err := r.svc.Evaluate(t.Context(), rita(), q)
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
}

// TestTimingsAddUp: the windows of a long text are judged side by side; what is said of their time is time that passed, and
// who waited learns which place he had.
func TestTimingsAddUp(t *testing.T) {
	r := newRig(t, with(moderation.Options{Slots: 4, WindowCap: 64}), answering(func(string) string {
		until := time.NewTimer(2 * time.Millisecond)
		<-until.C
		return " Safe\nCategories: None"
	}))
	v := r.judge(t, text(strings.Repeat("bread ", 1500)))
	require.Greater(t, v.Timings.Windows, 10)
	require.LessOrEqual(t, v.Timings.QueueMS+v.Timings.ModelMS, v.Timings.TotalMS)
	require.Zero(t, v.Timings.QueuePosition)

	release := r.engine.Hold()
	done := make(chan moderation.Verdict, 6)
	for range cap(done) {
		go func() {
			vs, err := r.svc.Evaluate(context.Background(), rita(), ask(text("x")))
			if err != nil {
				t.Error(err)
				vs = make([]moderation.Verdict, 1)
			}
			done <- vs[0]
		}()
	}
	until(t, "two to wait", func() bool { return r.sched.Status()[0].Queued == 2 })
	release()
	places := map[int]int{}
	for range cap(done) {
		places[(<-done).Timings.QueuePosition]++
	}
	require.Equal(t, map[int]int{0: 4, 1: 1, 2: 1}, places)
}
