package chat_test

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/chat"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/limit"
	"guardhouse/internal/prompt"
)

func TestComplete(t *testing.T) {
	r := newRig(t)
	for name, c := range map[string]struct {
		req          chat.Request
		text, finish string
	}{
		"a guard's own text": {ask("guard-nano", "how to make a bomb"), "Safety: Unsafe\nCategories: Violent", chat.Stop},
		"of an answer":       {ask("guard-nano", "hello", "I cannot"), "Safety: Safe\nCategories: None\nRefusal: Yes", chat.Stop},
		"by an alias":        {ask("house", "hello"), "Safety: Safe\nCategories: None", chat.Stop},
		"a chat":             {ask("parrot", "你好, wörld 🙂"), "你好, wörld 🙂", chat.Stop},
		"cut":                {with(ask("parrot", "one two three"), func(r *chat.Request) { r.MaxTokens = new(1) }), "", chat.Length},
		"stopped":            {with(ask("parrot", "one two three two"), func(r *chat.Request) { r.Stop = []string{"three", " two"} }), "one", chat.Stop},
	} {
		t.Run(name, func(t *testing.T) {
			var a chat.Answer
			rows := r.newRows(t, func() {
				var err error
				a, err = r.svc.Complete(t.Context(), rita(), c.req)
				require.NoError(t, err)
			})
			if c.finish == chat.Length {
				require.True(t, strings.HasPrefix("one two three", a.Text), a.Text)
				require.Equal(t, 1, a.Usage.Completion)
			} else {
				require.Equal(t, c.text, a.Text)
			}
			require.Equal(t, c.finish, a.Finish)
			require.Empty(t, a.Tokens)
			require.Len(t, rows, 1)
			row := rows[0]
			require.Equal(t, []string{"chat.run", "infer", audit.Allow, "chat:" + a.ID, a.Model.ID, a.Model.SHA256, "req_rita"},
				[]string{row.Action, row.Operation, row.Decision, row.Resource, row.Model, row.ModelSHA256, row.RequestID})
			require.Equal(t, []string{row.ID, row.Hash}, []string{a.AuditID, a.AuditHash})
			require.NotEmpty(t, row.ContentHash)
			details, err := json.Marshal(row.Details)
			require.NoError(t, err)
			want, err := json.Marshal(map[string]any{"prompt_tokens": a.Usage.Prompt, "completion_tokens": a.Usage.Completion, "finish_reason": c.finish})
			require.NoError(t, err)
			require.JSONEq(t, string(want), string(details))
			require.True(t, r.free())
		})
	}
}

func with(r chat.Request, change func(*chat.Request)) chat.Request {
	change(&r)
	return r
}

// threat M7: what no model should hear is refused before any model hears anything, and leaves one row.
func TestBadRequests(t *testing.T) {
	r := newRig(t, func(s *settings) { s.MaxTokens = 100 })
	good := func() chat.Request { return ask("parrot", "hello") }
	for name, c := range map[string]struct {
		change func(*chat.Request)
		code   fault.Code
		field  string
	}{
		"no messages":          {func(r *chat.Request) { r.Messages = nil }, fault.Invalid, "messages"},
		"too many messages":    {func(r *chat.Request) { r.Messages = make([]prompt.Message, chat.MaxMessages+1) }, fault.Invalid, "messages"},
		"not UTF-8":            {func(r *chat.Request) { r.Messages[0].Content = "\xff" }, fault.Invalid, "messages"},
		"megabytes":            {func(r *chat.Request) { r.Messages[0].Content = strings.Repeat("a", 5<<20) }, fault.TooLarge, "messages"},
		"no model":             {func(r *chat.Request) { r.Model = "" }, fault.Invalid, "model"},
		"no token":             {func(r *chat.Request) { r.MaxTokens = new(0) }, fault.Invalid, "max_tokens"},
		"less than no token":   {func(r *chat.Request) { r.MaxTokens = new(-1) }, fault.Invalid, "max_tokens"},
		"over the setting":     {func(r *chat.Request) { r.MaxTokens = new(101) }, fault.Invalid, "max_tokens"},
		"as many as there are": {func(r *chat.Request) { r.MaxTokens = new(math.MaxInt) }, fault.Invalid, "max_tokens"},
		"cold":                 {func(r *chat.Request) { r.Temperature = new(-0.1) }, fault.Invalid, "temperature"},
		"hot":                  {func(r *chat.Request) { r.Temperature = new(2.1) }, fault.Invalid, "temperature"},
		"no number":            {func(r *chat.Request) { r.Temperature = new(math.NaN()) }, fault.Invalid, "temperature"},
		"endless":              {func(r *chat.Request) { r.Temperature = new(math.Inf(1)) }, fault.Invalid, "temperature"},
		"top_p":                {func(r *chat.Request) { r.TopP = new(1.5) }, fault.Invalid, "top_p"},
		"top_k":                {func(r *chat.Request) { r.TopK = -1 }, fault.Invalid, "top_k"},
		"min_p":                {func(r *chat.Request) { r.MinP = 2 }, fault.Invalid, "min_p"},
		"presence":             {func(r *chat.Request) { r.Presence = -2.5 }, fault.Invalid, "presence_penalty"},
		"frequency":            {func(r *chat.Request) { r.Frequency = 3 }, fault.Invalid, "frequency_penalty"},
		"many biases":          {func(r *chat.Request) { r.Bias = biased(chat.MaxBiased + 1) }, fault.Invalid, "logit_bias"},
		"a large bias":         {func(r *chat.Request) { r.Bias = map[int32]float64{1: 101} }, fault.Invalid, "logit_bias"},
		"a bias on no token":   {func(r *chat.Request) { r.Bias = map[int32]float64{-1: 1} }, fault.Invalid, "logit_bias"},
		"many stops":           {func(r *chat.Request) { r.Stop = []string{"a", "b", "c", "d", "e"} }, fault.Invalid, "stop"},
		"an empty stop":        {func(r *chat.Request) { r.Stop = []string{""} }, fault.Invalid, "stop"},
		"a long stop":          {func(r *chat.Request) { r.Stop = []string{strings.Repeat("a", chat.MaxStopBytes+1)} }, fault.Invalid, "stop"},
		"a broken stop":        {func(r *chat.Request) { r.Stop = []string{"\xc3"} }, fault.Invalid, "stop"},
		"many alternatives":    {func(r *chat.Request) { r.Logprobs, r.Top = true, chat.MaxTop+1 }, fault.Invalid, "top_logprobs"},
		"fewer than none":      {func(r *chat.Request) { r.Logprobs, r.Top = true, -1 }, fault.Invalid, "top_logprobs"},
		"alternatives alone":   {func(r *chat.Request) { r.Top = 1 }, fault.Invalid, "top_logprobs"},
		"no time":              {func(r *chat.Request) { r.Within = -1 }, fault.Invalid, "wait"},
	} {
		req := good()
		c.change(&req)
		for how, send := range r.ways(t) {
			rows := r.newRows(t, func() {
				err := send(t.Context(), rita(), req)
				require.Equal(t, c.code, fault.CodeOf(err), "%s, %s", name, how)
				require.Equal(t, c.field, fault.From(err).Field, "%s, %s", name, how)
			})
			require.Len(t, rows, 1, "%s, %s", name, how)
			require.Equal(t, []string{audit.Error, string(c.code), ""}, []string{rows[0].Decision, rows[0].Reason, rows[0].Operation}, "%s, %s", name, how)
		}
	}
	require.Zero(t, r.engine.Written(), "the engine never heard of it")
}

func biased(n int) map[int32]float64 {
	out := map[int32]float64{}
	for i := range n {
		out[int32(i)] = 1
	}
	return out
}

// ways are both ways to ask; a listener of a refused request hears nothing at all.
func (r *rig) ways(t testing.TB) map[string]func(context.Context, access.Principal, chat.Request) error {
	return map[string]func(context.Context, access.Principal, chat.Request) error{
		"whole": func(ctx context.Context, p access.Principal, req chat.Request) error {
			_, err := r.svc.Complete(ctx, p, req)
			return err
		},
		"stream": func(ctx context.Context, p access.Principal, req chat.Request) error {
			l := r.listener(t)
			err := r.svc.Stream(ctx, p, req, l)
			if err != nil {
				require.Zero(t, l.atBegin, "heard of a request that was refused")
				require.NoError(t, l.broken)
			}
			return err
		},
	}
}

// TestWhoMayChat: role, rules and kind decide, each refusal leaves its row, and what one may not see is unknown.
func TestWhoMayChat(t *testing.T) {
	r := newRig(t)
	narrow := rita()
	narrow.Kind, narrow.KeyID, narrow.KeyModels = access.KindKey, "key_1", []string{"parrot"}
	looking := narrow
	looking.KeyModels, looking.KeyOperations = nil, []string{"view"}
	cases := []struct {
		name     string
		p        access.Principal
		model    string
		code     fault.Code
		decision string
		reason   string
	}{
		{"reviewer", rita(), "parrot", "", audit.Allow, ""},
		{"a role without the action", person("nora", "nurse"), "parrot", fault.Forbidden, audit.Deny, "role"},
		{"nobody", access.Anonymous(access.Origin{}), "parrot", fault.Forbidden, audit.Deny, "anonymous"},
		{"no rule", person("ada", "admin"), "parrot", fault.Forbidden, audit.Deny, "no_rule_allows"},
		{"unknown", rita(), "no-such-model", fault.NotFound, audit.Deny, "unknown_model"},
		{"any text", rita(), "a text; nothing else", fault.NotFound, audit.Deny, "unknown_model"},
		{"a key for it", narrow, "parrot", "", audit.Allow, ""},
		{"a key for another", narrow, "guard-nano", fault.NotFound, audit.Deny, "not_visible"},
		{"a key for looking", looking, "parrot", fault.Forbidden, audit.Deny, "key_scope"},
		{"a model that does not write", rita(), "mute", fault.Invalid, audit.Error, "failed"},
	}
	for _, c := range cases {
		for how, send := range r.ways(t) {
			rows := r.newRows(t, func() {
				require.Equal(t, c.code, fault.CodeOf(send(t.Context(), c.p, ask(c.model, "hello"))), "%s, %s", c.name, how)
			})
			require.NotEmpty(t, rows, c.name)
			require.Equal(t, []string{c.decision, c.reason, "chat.run", "infer"}, []string{rows[0].Decision, rows[0].Reason, rows[0].Action, rows[0].Operation}, "%s, %s", c.name, how)
			require.NotContains(t, rows[0].Model, " ")
			if c.code != "" {
				require.Len(t, rows, 1)
				require.Empty(t, rows[0].Resource, "of what never was")
			}
		}
	}
}

// TestWhatDoesNotFit: the context and the model's own vocabulary bound a request that passed every other bound.
func TestWhatDoesNotFit(t *testing.T) {
	r := newRig(t, func(s *settings) { s.slot, s.MaxInputTokens = 200, 150 })
	for name, c := range map[string]struct {
		req   chat.Request
		code  fault.Code
		field string
	}{
		"the context":     {ask("parrot", strings.Repeat("word ", 400)), fault.TooLarge, "messages"},
		"the setting":     {ask("parrot", strings.Repeat("word ", 155)), fault.TooLarge, "messages"},
		"a guard's roles": {chat.Request{Model: "guard-nano", Messages: []prompt.Message{{Role: "assistant", Content: "I begin"}}}, fault.Invalid, "messages"},
	} {
		for how, send := range r.ways(t) {
			rows := r.newRows(t, func() {
				err := send(t.Context(), rita(), c.req)
				require.Equal(t, c.code, fault.CodeOf(err), "%s, %s", name, how)
				require.Equal(t, c.field, fault.From(err).Field, "%s, %s", name, how)
			})
			require.Len(t, rows, 1)
			require.Equal(t, []string{audit.Error, "failed"}, []string{rows[0].Decision, rows[0].Reason})
			require.Equal(t, string(c.code), rows[0].Details["code"])
		}
	}
	a, err := r.svc.Complete(t.Context(), rita(), with(ask("parrot", strings.Repeat("word ", 60)), func(r *chat.Request) { r.MaxTokens = new(2000) }))
	require.NoError(t, err)
	require.LessOrEqual(t, a.Usage.Prompt+a.Usage.Completion, 200, "an answer ends where the context does")
}

func TestLogprobs(t *testing.T) {
	r := newRig(t)
	a, err := r.svc.Complete(t.Context(), rita(), with(ask("parrot", "日本 is far"), func(r *chat.Request) { r.Logprobs, r.Top = true, 2 }))
	require.NoError(t, err)
	require.Len(t, a.Tokens, a.Usage.Completion)
	var all []byte
	for _, token := range a.Tokens {
		require.InDelta(t, math.Log(.9), token.Logprob, 1e-9)
		require.Len(t, token.Top, 2)
		all = append(all, token.Bytes...)
	}
	require.Equal(t, a.Text, string(all))
}

// threat K2: both ways to ask are charged in one place, and the one too many is refused.
func TestLimits(t *testing.T) {
	for how := range (&rig{}).ways(t) {
		t.Run(how, func(t *testing.T) {
			quota := access.NamedQuota{Name: "limits.person_tokens_day", By: limit.ByPerson, Quota: limit.Quota{Unit: limit.Tokens, Span: limit.Day, Max: 60}}
			r := newRig(t, func(s *settings) { s.limits = access.Limits{Quotas: []access.NamedQuota{quota}} })
			send := r.ways(t)[how]
			small := with(ask("parrot", "hi"), func(r *chat.Request) { r.MaxTokens = new(20) })
			require.Equal(t, fault.RateLimited, fault.CodeOf(send(t.Context(), rita(), with(small, func(r *chat.Request) { r.MaxTokens = new(60) }))), "all that it may have has to fit")
			require.NoError(t, send(t.Context(), rita(), small))
			used := func() int64 {
				for _, u := range r.guard.Usage(limit.ByPerson, "usr_rita") {
					if u.Unit == limit.Tokens && u.Span == limit.Day {
						require.Zero(t, u.Held)
						return u.Used
					}
				}
				return 0
			}
			one := used()
			require.Positive(t, one)
			require.Less(t, one, int64(20), "what it came to, not what it might have")
			for used() < 60-20 {
				if err := send(t.Context(), rita(), small); err != nil {
					require.Equal(t, fault.RateLimited, fault.CodeOf(err))
					return
				}
			}
			require.Equal(t, fault.RateLimited, fault.CodeOf(send(t.Context(), rita(), with(small, func(r *chat.Request) { r.MaxTokens = new(40) }))))
		})
	}
}

func TestAFullQueue(t *testing.T) {
	r := newRig(t, func(s *settings) { s.queue = 0 })
	release := r.engine.Hold()
	defer release()
	first := make(chan error, 1)
	go func() { _, err := r.svc.Complete(context.Background(), rita(), ask("parrot", "hello")); first <- err }()
	until(t, "the first is at the model", func() bool { return r.engine.Running() == 1 })
	for how, send := range r.ways(t) {
		rows := r.newRows(t, func() {
			require.Equal(t, fault.Busy, fault.CodeOf(send(t.Context(), person("rob", "reviewer"), ask("parrot", "hello"))), how)
		})
		require.Equal(t, "failed", rows[0].Reason)
	}
	release()
	require.NoError(t, <-first)
	until(t, "the model is free", r.free)
}

// TestACallerWhoLeaves: the model stops, its slot is free, and the row says that he left.
func TestACallerWhoLeaves(t *testing.T) {
	r := newRig(t)
	release := r.engine.Hold()
	defer release()
	ctx, leave := context.WithCancel(t.Context())
	answered := make(chan error, 1)
	rows := r.newRows(t, func() {
		go func() { _, err := r.svc.Complete(ctx, rita(), ask("parrot", "hello")); answered <- err }()
		until(t, "it is at the model", func() bool { return r.engine.Running() == 1 })
		leave()
		require.Equal(t, fault.Canceled, fault.CodeOf(<-answered))
	})
	require.Len(t, rows, 1)
	require.Equal(t, []string{audit.Error, "canceled"}, []string{rows[0].Decision, rows[0].Reason})
	until(t, "the model is free", r.free)
}

// TestNoRowNoText: where a row can't be made durable nobody hears a word.
func TestNoRowNoText(t *testing.T) {
	r := newRig(t)
	require.NoError(t, r.db.Write(func(tx *db.Tx) error {
		return tx.QueryRow("PRAGMA max_page_count = 1").Scan(new(int)) // as full as it is now
	}))
	var err error
	for err == nil { // until the pages that are there are used up
		l := r.listener(t)
		if err = r.svc.Stream(t.Context(), rita(), ask("parrot", "hello"), l); err != nil {
			require.Nil(t, l.answer)
		}
	}
	require.Equal(t, fault.AuditUnavailable, fault.CodeOf(err))
	l := r.listener(t)
	require.Equal(t, fault.AuditUnavailable, fault.CodeOf(r.svc.Stream(t.Context(), rita(), ask("parrot", "hello"), l)))
	require.Empty(t, l.opening.ID)
	require.NoError(t, l.broken, "nobody heard a beginning")
	a, err := r.svc.Complete(t.Context(), rita(), ask("parrot", "hello"))
	require.Equal(t, fault.AuditUnavailable, fault.CodeOf(err))
	require.Empty(t, a.Text)
	require.NoError(t, r.db.Write(func(tx *db.Tx) error {
		return tx.QueryRow("PRAGMA max_page_count = 100000").Scan(new(int))
	}))
	until(t, "the model is free", r.free)
}

func TestContentIsKeptAsFarAsTheSettingSays(t *testing.T) {
	r := newRig(t, func(s *settings) { s.KeepContent = "none" })
	rows := r.newRows(t, func() {
		for how, send := range r.ways(t) {
			require.NoError(t, send(t.Context(), rita(), ask("parrot", "secret words")), how)
		}
	})
	require.Len(t, rows, 3)
	for _, row := range rows {
		require.Empty(t, row.ContentHash)
		require.NotContains(t, string(audit.Canonical(row)), "secret")
	}
}
