package moderation_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/moderation"
	"guardhouse/internal/prompt"
)

func TestBadRequestsAreRefusedWithOneRow(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: make test runs it")
	}
	many := make([]prompt.Message, moderation.MaxMessages+1)
	for i := range many {
		many[i] = prompt.Message{Role: "user", Content: "x"}
	}
	cases := map[string]struct {
		q    moderation.Request
		code fault.Code
		says string
	}{
		"no input":        {ask(), fault.Invalid, "nothing to judge"},
		"empty talk":      {ask(moderation.Input{}), fault.Invalid, "nothing to judge"},
		"empty text":      {ask(text("")), fault.Invalid, "blank"},
		"blank":           {ask(text(" \n\t\u3000")), fault.Invalid, "blank"},
		"invisible only":  {ask(text(strings.Repeat("\u200b", 10))), fault.Invalid, "visible"},
		"blank second":    {ask(text("ok"), text(" ")), fault.Invalid, "blank"},
		"blank last turn": {ask(talk("hello", "")), fault.Invalid, "blank"},
		"too many turns":  {ask(moderation.Input{Messages: many}), fault.Invalid, "257"},
		"invalid UTF-8":   {ask(text("a\xffb")), fault.Invalid, "UTF-8"},
		"policy":          {moderation.Request{Inputs: []moderation.Input{text("x")}, Mode: "Strict"}, fault.Invalid, "policy"},
		"unknown role":    {ask(moderation.Input{Messages: []prompt.Message{{Role: "tool", Content: "x"}}}), fault.Invalid, "role"},
		"assistant first": {ask(moderation.Input{Messages: []prompt.Message{{Role: "assistant", Content: "x"}}}), fault.Invalid, "first"},
		"system last":     {ask(moderation.Input{Messages: []prompt.Message{{Role: "user", Content: "x"}, {Role: "system", Content: "x"}}}), fault.Invalid, "system"},
		"too many tokens": {ask(text(strings.Repeat("word ", 40000))), fault.TooLarge, "32768"},
		"too many in one": {ask(text("hello"), text(strings.Repeat("word ", 40000))), fault.TooLarge, "models.max_input_tokens"},
		"too many bytes":  {ask(text(strings.Repeat("x", 5<<20))), fault.TooLarge, "bytes"},
		"unknown model":   {moderation.Request{Model: "nope", Inputs: []moderation.Input{text("x")}}, fault.NotFound, "There is no such model."},
		"hostile model":   {moderation.Request{Model: strings.Repeat("../", 500), Inputs: []moderation.Input{text("x")}}, fault.NotFound, "There is no such model."},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			vs, err := r.svc.Evaluate(t.Context(), rita(), c.q)
			require.Empty(t, vs)
			require.Equal(t, c.code, fault.CodeOf(err), "%v", err)
			require.Contains(t, fault.From(err).Message, c.says)
			require.Empty(t, r.asked.all(), "the engine was not asked")
			rows := r.rows(t)
			require.Len(t, rows, 1)
			require.NotEqual(t, "allow", rows[0].Decision)
			require.Zero(t, r.stored(t))
			require.Equal(t, "allow", r.judge(t, text("bread")).Action, "and the next request is answered")
		})
	}
}

func TestTooLargeNamesTheCount(t *testing.T) {
	r := newRig(t, with(moderation.Options{MaxInputTokens: 50}))
	_, err := r.svc.Evaluate(t.Context(), rita(), ask(text(strings.Repeat("bread ", 200))))
	require.Equal(t, fault.TooLarge, fault.CodeOf(err))
	require.Regexp(t, `^The input has 20\d tokens; the limit models.max_input_tokens is 50\.$`, fault.From(err).Message)
}

// TestTheLimitIsOfEachInput: an array is as good as its texts sent one by one.
func TestTheLimitIsOfEachInput(t *testing.T) {
	r := newRig(t, with(moderation.Options{MaxInputTokens: 50}))
	ins := make([]moderation.Input, 200)
	for i := range ins {
		ins[i] = text(strings.Repeat("bread ", 40))
	}
	vs, err := r.svc.Evaluate(t.Context(), rita(), ask(ins...))
	require.NoError(t, err)
	require.Len(t, vs, len(ins))
	before := len(r.asked.all())
	ins[199] = text(strings.Repeat("bread ", 100))
	_, err = r.svc.Evaluate(t.Context(), rita(), ask(ins...))
	require.Equal(t, fault.TooLarge, fault.CodeOf(err))
	require.Equal(t, "input[199]", fault.From(err).Field)
	require.Len(t, r.asked.all(), before, "nothing was judged")
}

func TestAHiddenModelIsAnUnknownOne(t *testing.T) {
	r := newRig(t)
	guestless := person("nora", "nurse") // may see guard-nano but not run it
	_, err := r.svc.Evaluate(t.Context(), guestless, ask(text("x")))
	require.Equal(t, fault.Forbidden, fault.CodeOf(err))
	r.imported(t, "secret-guard")
	_, hidden := r.svc.Evaluate(t.Context(), rita(), moderation.Request{Model: "secret-guard", Inputs: []moderation.Input{text("x")}})
	_, unknown := r.svc.Evaluate(t.Context(), rita(), moderation.Request{Model: "no-such-guard", Inputs: []moderation.Input{text("x")}})
	require.Equal(t, unknown, hidden)
	require.Equal(t, fault.NotFound, fault.CodeOf(hidden))
	require.Zero(t, r.stored(t))
}

func TestACallerWhoLeavesGetsACanceledRow(t *testing.T) {
	r := newRig(t)
	release := r.engine.Hold()
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := r.svc.Evaluate(ctx, rita(), ask(text("hello")))
		done <- err
	}()
	until(t, "the engine to be asked", func() bool { return r.engine.Running() == 1 })
	cancel()
	require.Equal(t, fault.Canceled, fault.CodeOf(<-done))
	rows := r.rows(t)
	require.Len(t, rows, 1)
	require.Equal(t, "error", rows[0].Decision)
	require.Equal(t, "canceled", rows[0].Reason)
	require.Zero(t, r.stored(t))
	release()
	require.Equal(t, "allow", r.judge(t, text("hello")).Action)
}

// threat T5
func TestAnEngineThatFailsTellsNothing(t *testing.T) {
	r := newRig(t)
	r.engine.Fail(errors.New("ggml: out of memory at 0xdeadbeef in /usr/lib/x"))
	_, err := r.svc.Evaluate(t.Context(), rita(), ask(text("hello")))
	require.Equal(t, fault.Internal, fault.CodeOf(err))
	require.NotContains(t, fault.From(err).Message, "0x")
	require.NotContains(t, fault.From(err).Message, "/")
	rows := r.rows(t)
	require.Len(t, rows, 1)
	require.Equal(t, "error", rows[0].Decision)
	require.Equal(t, "failed", rows[0].Reason)
	require.Zero(t, r.stored(t))
	// Whatever the engine thinks of the query, it was ours: never a 4xx that blames the caller.
	r.engine.Fail(fault.New(fault.Invalid, "bad id"))
	_, err = r.svc.Evaluate(t.Context(), rita(), ask(text("hello")))
	require.Equal(t, fault.Internal, fault.CodeOf(err))
}

func TestAFullQueueIsBusyAndLeavesARow(t *testing.T) {
	r := newRig(t, queue(0))
	release := r.engine.Hold()
	done := make(chan error, 1)
	go func() {
		_, err := r.svc.Evaluate(context.Background(), rita(), ask(text("hello")))
		done <- err
	}()
	until(t, "the engine to be asked", func() bool { return r.engine.Running() == 1 })
	_, err := r.svc.Evaluate(t.Context(), rita(), ask(text("hello")))
	require.Equal(t, fault.Busy, fault.CodeOf(err))
	require.Positive(t, fault.From(err).RetryAfter)
	release()
	require.NoError(t, <-done)
	require.Len(t, r.rows(t), 2)
	require.Equal(t, 1, r.stored(t))
}

func TestNoVerdictLeavesWithoutItsRow(t *testing.T) {
	r := newRig(t)
	require.NoError(t, r.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec("PRAGMA max_page_count = 1") // as good as a full disk: the file may not grow
		return err
	}))
	answered := 0
	for range 500 {
		vs, err := r.svc.Evaluate(t.Context(), rita(), ask(text("bread"), text("butter"), text("bomb")))
		if err != nil {
			require.Equal(t, fault.AuditUnavailable, fault.CodeOf(err), "%v", err)
			require.Empty(t, vs)
			require.Equal(t, 3*answered, r.stored(t), "no half request")
			return
		}
		answered++
	}
	t.Fatal("the file grew beyond its limit")
}

func TestEveryRowSaysHowManyTextsItStandsFor(t *testing.T) {
	r := newRig(t)
	two := ask(text("hello"), text("world"))
	outcome := map[string]func() error{
		"allow": func() error { _, err := r.svc.Evaluate(t.Context(), rita(), two); return err },
		"deny":  func() error { _, err := r.svc.Evaluate(t.Context(), person("gus", "guest"), two); return err },
		"error": func() error {
			r.engine.Fail(errors.New("no"))
			_, err := r.svc.Evaluate(t.Context(), rita(), two)
			return err
		},
	}
	for _, decision := range []string{"allow", "deny", "error"} {
		err := outcome[decision]()
		require.Equal(t, decision == "allow", err == nil, "%s: %v", decision, err)
		row := r.rows(t)[0]
		require.Equal(t, decision, row.Decision)
		require.Equal(t, json.Number("2"), row.Details["items"], decision)
		require.Equal(t, decision == "allow", row.Details["verdicts"] != nil, decision)
	}
}
