package chat_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/chat"
	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
	"guardhouse/internal/limit"
)

// TestStream: the row at open is there before the first word, the row at close before the end, and together they are the answer.
func TestStream(t *testing.T) {
	r := newRig(t)
	for name, c := range map[string]struct {
		req          chat.Request
		text, finish string
	}{
		"a chat":             {ask("parrot", "你好, wörld 🙂 and more"), "你好, wörld 🙂 and more", chat.Stop},
		"a guard's own text": {ask("guard-nano", "how to make a bomb"), "Safety: Unsafe\nCategories: Violent", chat.Stop},
		"stopped":            {with(ask("parrot", "one two three"), func(r *chat.Request) { r.Stop = []string{" three"} }), "one two", chat.Stop},
		"nothing to say":     {with(ask("parrot", "one"), func(r *chat.Request) { r.Stop = []string{"on"} }), "", chat.Stop},
		"with its tokens":    {with(ask("parrot", "one two"), func(r *chat.Request) { r.Logprobs = true }), "one two", chat.Stop},
	} {
		t.Run(name, func(t *testing.T) {
			l := r.listener(t)
			before := len(r.rows(t))
			rows := r.newRows(t, func() { require.NoError(t, r.svc.Stream(t.Context(), rita(), c.req, l)) })
			require.Equal(t, c.text, l.text)
			require.NotNil(t, l.answer)
			require.Equal(t, c.finish, l.answer.Finish)
			require.Equal(t, c.req.Logprobs, len(l.tokens) > 0)
			require.Equal(t, []int{before + 1, before + 2}, []int{l.atBegin, l.atEnd}, "rows when it heard")
			require.Len(t, rows, 2)
			begin, end := rows[0], rows[1]
			require.Equal(t, []string{"chat:" + l.opening.ID, "infer", audit.Allow}, []string{begin.Resource, begin.Operation, begin.Decision})
			require.Equal(t, []string{"chat:" + l.opening.ID, "", audit.Allow}, []string{end.Resource, end.Operation, end.Decision})
			require.Equal(t, []string{begin.ID, begin.Hash, end.ID, end.Hash}, []string{l.opening.AuditID, l.opening.AuditHash, l.answer.AuditID, l.answer.AuditHash})
			require.Equal(t, []any{"begin", "end", c.finish}, []any{begin.Details["change"], end.Details["change"], end.Details["finish_reason"]})
			require.NotEmpty(t, begin.ContentHash)
			require.NotEmpty(t, end.ContentHash)
			require.True(t, r.free())
		})
	}
}

// threat A4: whoever loses the right while he listens hears no more, and learns why.
func TestARightThatEndsInMidStream(t *testing.T) {
	r := newRig(t)
	release := r.engine.HoldAt(2)
	defer release()
	l, over := r.listener(t), make(chan error, 1)
	rows := r.newRows(t, func() {
		go func() {
			over <- r.svc.Stream(context.Background(), rita(), ask("parrot", "one two three four five six"), l)
		}()
		l.wait(t, over)
		r.end(fault.New(fault.Unauthenticated, "Sign in again."))
		require.Equal(t, fault.Unauthenticated, fault.CodeOf(<-over))
	})
	require.Equal(t, fault.Unauthenticated, fault.CodeOf(l.broken))
	require.Nil(t, l.answer)
	require.Len(t, rows, 2)
	require.Equal(t, []string{audit.Error, "failed"}, []string{rows[1].Decision, rows[1].Reason})
	require.Equal(t, "unauthenticated", rows[1].Details["code"])
	require.NotContains(t, rows[1].Details, "finish_reason")
	until(t, "the model is free", r.free)
}

// threat A4: what a model wrote ahead of a slow reader is not his any more once his right is over.
func TestARightThatEndsWhileTheReaderIsSlow(t *testing.T) {
	r := newRig(t)
	l, over := r.listener(t), make(chan error, 1)
	l.slow = make(chan struct{})
	go func() {
		over <- r.svc.Stream(context.Background(), rita(), ask("parrot", "one two three four five six"), l)
	}()
	l.wait(t, over)
	until(t, "the model is done", func() bool { return r.engine.Running() == 0 })
	r.end(fault.New(fault.Unauthenticated, "Sign in again."))
	require.Equal(t, fault.Unauthenticated, fault.CodeOf(<-over))
	require.Equal(t, []any{1, (*chat.Answer)(nil)}, []any{l.pieces, l.answer})
	require.Equal(t, fault.Unauthenticated, fault.CodeOf(l.broken))
}

// TestARightThatEndsBeforeTheFirstWord: one row, and nobody was told anything.
func TestARightThatEndsBeforeTheFirstWord(t *testing.T) {
	r := newRig(t)
	release := r.engine.Hold()
	defer release()
	over := make(chan error, 1)
	rows := r.newRows(t, func() {
		go func() { over <- r.ways(t)["stream"](context.Background(), rita(), ask("parrot", "one")) }()
		until(t, "it is at the model", func() bool { return r.engine.Running() == 1 })
		r.end(fault.New(fault.Unauthenticated, "Sign in again."))
		require.Equal(t, fault.Unauthenticated, fault.CodeOf(<-over))
	})
	require.Len(t, rows, 1)
	require.Equal(t, []string{audit.Error, "failed"}, []string{rows[0].Decision, rows[0].Reason})
}

func TestAListenerWhoLeaves(t *testing.T) {
	for name, leave := range map[string]func(r *rig, l *listener, cancel func()){
		"does not take a piece": func(r *rig, l *listener, _ func()) { l.deafFrom = 2 },
		"hangs up": func(r *rig, l *listener, cancel func()) {
			release := r.engine.HoldAt(2)
			t.Cleanup(release)
			go func() { <-l.heard; cancel() }()
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			l := r.listener(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			leave(r, l, cancel)
			rows := r.newRows(t, func() {
				require.Equal(t, fault.Canceled, fault.CodeOf(r.svc.Stream(ctx, rita(), ask("parrot", "one two three four five six"), l)))
			})
			require.Len(t, rows, 2)
			require.Equal(t, []string{audit.Error, "canceled"}, []string{rows[1].Decision, rows[1].Reason})
			require.NotNil(t, rows[1].Details["completion_tokens"])
			until(t, "the model is free", r.free)
		})
	}
}

// threat K2: who leaves before the end is charged the model's time until then; who never had a place at it is charged no tokens.
func TestWhoLeavesIsCharged(t *testing.T) {
	quota := access.NamedQuota{Name: "limits.person_compute_day", By: limit.ByPerson, Quota: limit.Quota{Unit: limit.ComputeMS, Span: limit.Day, Max: 1e6}}
	tokens := access.NamedQuota{Name: "limits.person_tokens_day", By: limit.ByPerson, Quota: limit.Quota{Unit: limit.Tokens, Span: limit.Day, Max: 1e6}}
	r := newRig(t, func(s *settings) { s.limits = access.Limits{Quotas: []access.NamedQuota{quota, tokens}} })
	release := r.engine.HoldAt(2)
	defer release()
	l, over := r.listener(t), make(chan error, 1)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	go func() { over <- r.svc.Stream(ctx, rita(), ask("parrot", "one two three four five six"), l) }()
	l.wait(t, over)
	late, cancel := context.WithCancel(t.Context())
	queued := make(chan error, 1)
	go func() { _, err := r.svc.Complete(late, person("rob", "reviewer"), ask("parrot", "one")); queued <- err }()
	until(t, "the second waits", func() bool {
		return slices.ContainsFunc(r.sched.Status(), func(s inference.Status) bool { return s.Queued == 1 })
	})
	cancel()
	require.Equal(t, fault.Canceled, fault.CodeOf(<-queued))
	leave()
	require.Equal(t, fault.Canceled, fault.CodeOf(<-over))
	used := func(account string, unit limit.Unit) int64 {
		for _, u := range r.guard.Usage(limit.ByPerson, account) {
			if u.Unit == unit && u.Span == limit.Day {
				return u.Used
			}
		}
		return 0
	}
	require.Positive(t, used("usr_rita", limit.ComputeMS))
	require.Greater(t, used("usr_rita", limit.Tokens), int64(1))
	require.Zero(t, used("usr_rob", limit.Tokens))
}

// threat K2: an account has eight streams at a time; the ninth leaves a row, and comes again when one is over.
func TestStreamsOfOneAccount(t *testing.T) {
	r := newRig(t)
	release := r.engine.Hold()
	defer release()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	over := make(chan error, 8)
	for range 8 {
		go func() { over <- r.svc.Stream(ctx, rita(), ask("parrot", "one"), r.listener(t)) }()
	}
	until(t, "eight are at the model", func() bool {
		return slices.ContainsFunc(r.sched.Status(), func(s inference.Status) bool { return s.Active == 8 })
	})
	rows := r.newRows(t, func() {
		err := r.svc.Stream(ctx, rita(), ask("parrot", "one"), r.listener(t))
		require.Equal(t, fault.RateLimited, fault.CodeOf(err))
		require.Positive(t, fault.From(err).RetryAfter)
	})
	require.Len(t, rows, 1)
	require.Equal(t, []any{audit.Error, "rate_limited"}, []any{rows[0].Decision, rows[0].Details["code"]})
	leave()
	for range 8 {
		require.Equal(t, fault.Canceled, fault.CodeOf(<-over))
	}
	release()
	require.NoError(t, r.svc.Stream(t.Context(), rita(), ask("parrot", "one"), r.listener(t)))
}

// TestAListenerThatPanics: the model is free again, and the rows say that it failed.
func TestAListenerThatPanics(t *testing.T) {
	r := newRig(t)
	l := r.listener(t)
	l.panicAt = 2
	rows := r.newRows(t, func() {
		require.Panics(t, func() { _ = r.svc.Stream(t.Context(), rita(), ask("parrot", "one two three four five six"), l) })
	})
	require.Len(t, rows, 2)
	require.Equal(t, []string{audit.Error, "failed"}, []string{rows[1].Decision, rows[1].Reason})
	require.True(t, r.free())
}

// TestAFirstWordThatDoesNotCome: the time of a request bounds it.
func TestAFirstWordThatDoesNotCome(t *testing.T) {
	r := newRig(t, func(s *settings) { s.Deadline = 20 * time.Millisecond })
	release := r.engine.Hold()
	defer release()
	for how, send := range r.ways(t) {
		rows := r.newRows(t, func() {
			require.Equal(t, fault.Timeout, fault.CodeOf(send(t.Context(), rita(), ask("parrot", "one"))), how)
		})
		require.Len(t, rows, 1)
		require.Equal(t, []any{"failed", "timeout"}, []any{rows[0].Reason, rows[0].Details["code"]}, how)
	}
	until(t, "the model is free", r.free)
}

// threat T5: what the engine said stays inside.
func TestAModelThatFails(t *testing.T) {
	r := newRig(t)
	for name, c := range map[string]struct {
		why  error
		code fault.Code
	}{
		"breaks down":    {errors.New("ggml_assert at 0x7f00"), fault.Internal},
		"a wrong prompt": {fault.New(fault.Invalid, "id 7 is outside"), fault.Internal},
		"is closed":      {fault.New(fault.Canceled, "the model is being closed"), fault.Busy},
		"a crash mark":   {fault.New(fault.PayloadRefused, "This text ended the model twice."), fault.PayloadRefused},
	} {
		r.engine.Fail(c.why)
		for how, send := range r.ways(t) {
			rows := r.newRows(t, func() {
				err := send(t.Context(), rita(), ask("parrot", "one"))
				require.Equal(t, c.code, fault.CodeOf(err), "%s, %s", name, how)
				require.NotContains(t, fault.From(err).Message, "0x")
				require.NotContains(t, fault.From(err).Message, "outside")
			})
			require.Len(t, rows, 1)
			require.Equal(t, "failed", rows[0].Reason)
		}
	}
	r.engine.Fail(nil)
}
