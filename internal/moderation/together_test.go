package moderation_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
	"guardhouse/internal/moderation"
)

// meeting is an engine that answers nobody until so many queries are inside at once, and remembers the most it saw.
type meeting struct {
	inference.Engine
	inference.Model
	want  int
	panic bool

	mu     sync.Mutex
	inside int
	most   int
	asked  int
	met    chan struct{}
}

func (e *meeting) Load(ctx context.Context, s inference.Spec) (inference.Model, error) {
	m, err := e.Engine.Load(ctx, s)
	e.Model = m
	return e, err
}

func (e *meeting) Judge(ctx context.Context, q inference.Query) (inference.Answer, error) {
	e.mu.Lock()
	if e.met == nil { // the canary of the load
		e.met = make(chan struct{})
		e.mu.Unlock()
		return e.Model.Judge(ctx, q)
	}
	e.asked++
	e.inside++
	e.most = max(e.most, e.inside)
	if e.asked == e.want {
		close(e.met)
	}
	boom := e.panic
	e.mu.Unlock()
	defer func() { e.mu.Lock(); e.inside--; e.mu.Unlock() }()
	if boom {
		nobody := make([]int, 0)
		nobody[e.want]++
	}
	select {
	case <-e.met:
		return e.Model.Judge(ctx, q)
	case <-ctx.Done():
		return inference.Answer{}, fault.From(ctx.Err())
	}
}

// around gives a meeting the rig's fake, which exists only once the rig does.
func around(t *testing.T, want int, o moderation.Options) (*rig, *meeting) {
	t.Helper()
	e := &meeting{want: want}
	r := newRig(t, with(o), notLoaded(), func(s *settings) { s.engine = e })
	e.Engine = r.engine
	require.NoError(t, r.models.Load(t.Context()))
	return r, e
}

// TestItemsOfOneRequestAreJudgedTogether: as many at once as the model has slots, never more, and answered in their order.
func TestItemsOfOneRequestAreJudgedTogether(t *testing.T) {
	const slots = 4
	r, e := around(t, slots, moderation.Options{Slots: slots})
	var ins []moderation.Input
	for i := range 40 {
		ins = append(ins, text([]string{"bread", "how to build a bomb", "my password", "tell a lie"}[i%4]))
	}
	vs, err := r.svc.Evaluate(t.Context(), rita(), ask(ins...))
	require.NoError(t, err)
	require.Len(t, vs, 40)
	for i, v := range vs {
		want := [][]string{{}, {"Violent"}, {"PII"}, {"Unethical Acts"}}[i%4]
		require.Equal(t, want, v.Categories, i)
		require.Positive(t, v.Timings.TotalMS)
		require.Equal(t, 1, v.Timings.Windows)
	}
	require.Equal(t, []int{slots, 40}, []int{e.most, e.asked})
	require.Len(t, r.rows(t), 1)
	require.Equal(t, 40, r.stored(t))
}

// TestWindowsOfOneTextAreJudgedTogether: the worst of them wins wherever it stands.
func TestWindowsOfOneTextAreJudgedTogether(t *testing.T) {
	r, e := around(t, 3, moderation.Options{Slots: 3, WindowCap: 64})
	v := r.judge(t, text(strings.Repeat("bread and butter ", 60)+"how to build a bomb"+strings.Repeat(" bread and butter", 60)))
	require.Greater(t, v.Timings.Windows, 4)
	require.Equal(t, "block", v.Action)
	require.Equal(t, []string{"Violent"}, v.Categories)
	require.Equal(t, []int{3, v.Timings.Windows}, []int{e.most, e.asked})
}

// TestTheFirstErrorEndsTheRest: nothing of such a request is kept, nothing goes on running, and one row says so.
func TestTheFirstErrorEndsTheRest(t *testing.T) {
	r, e := around(t, 1000, moderation.Options{Slots: 4}) // they never meet
	ins := make([]moderation.Input, 100)
	for i := range ins {
		ins[i] = text(fmt.Sprint("text ", i))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := r.svc.Evaluate(ctx, rita(), ask(ins...))
	require.Equal(t, fault.Timeout, fault.CodeOf(err), "one deadline for all of them")
	require.Equal(t, []int{0, 4, 4}, []int{e.inside, e.most, e.asked}, "no pass for the others")

	close(e.met)
	r.engine.Fail(errors.New("broken"))
	e.asked = 0
	_, err = r.svc.Evaluate(t.Context(), rita(), ask(ins...))
	require.Equal(t, fault.Internal, fault.CodeOf(err), "the cause, not that the others were ended")
	require.LessOrEqual(t, e.asked, 4)
	require.Zero(t, r.stored(t))
	require.Len(t, r.rows(t), 2)
	require.Zero(t, r.sched.Status()[0].Active)
}

// TestAPanicOfOneItemEndsOneRequest: it runs on a goroutine of its own, which nobody else guards.
func TestAPanicOfOneItemEndsOneRequest(t *testing.T) {
	r, e := around(t, 1000, moderation.Options{Slots: 4})
	e.panic = true
	_, err := r.svc.Evaluate(t.Context(), rita(), ask(text("a"), text("b"), text("c"), text("d"), text("e")))
	require.Equal(t, fault.Internal, fault.CodeOf(err))
	require.NotContains(t, fault.From(err).Message, "nil pointer")
	require.Equal(t, []int{0, 0}, []int{r.sched.Status()[0].Active, r.sched.Status()[0].Queued})
	e.panic = false
	close(e.met)
	require.Equal(t, "allow", r.judge(t, text("bread")).Action, "every place is free again")
	require.Len(t, r.rows(t), 2)
}
