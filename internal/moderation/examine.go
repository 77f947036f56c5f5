package moderation

import (
	"context"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/catalog"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// Running is a guard in memory.
type Running struct {
	Model   catalog.Model
	Runtime RuntimeRef
	Load    uint64 // which load brought it: one that left memory and came back is another
}

// Running answers the guards in memory, by id. It uses none of them.
func (s *Service) Running(ctx context.Context) ([]Running, error) {
	all, err := s.d.Catalog.All(ctx)
	if err != nil {
		return nil, err
	}
	var out []Running
	for _, m := range all {
		if d, loaded := s.d.Models.Layout(m.ID); loaded && m.Kind == catalog.KindGuard {
			out = append(out, Running{m, runtimeOf(s.o.Build, d), s.d.Models.Loaded(m.ID)})
		}
	}
	return out, nil
}

// Concluded is what somebody made of what a guard said: the row's outcome, and what is written beside it.
type Concluded struct {
	Outcome access.Outcome
	Write   func(tx *db.Tx, ev audit.Event) error // nil = nothing
}

// Examine has a guard in memory judge inputs, for whoever holds it against what it should say: strictly, whatever is remembered, and
// also while it is not trusted. No verdict is recorded; the one row says what conclude makes of the answers. It refuses what
// Evaluate refuses, and a guard that is out of memory, which it does not bring back.
func (s *Service) Examine(ctx context.Context, p access.Principal, action access.Action, id string, inputs []Input, conclude func([]Rejudged) Concluded) (err error) {
	if err := (Request{Inputs: inputs}).check(); err != nil {
		return err
	}
	held, err := s.d.Models.Take(ctx, catalog.KindGuard, id)
	if err != nil {
		return err
	}
	defer held.Done()
	if _, err := held.Resident(); err != nil {
		return err
	}
	tuning := *s.tuning.Load()
	tuning.MaxInputTokens = max(tuning.MaxInputTokens, defaultMaxInput)
	j := &job{s: s, held: held, start: s.o.Now(), tuning: &tuning, mode: Strict, fresh: true, examined: true}
	j.pass, err = s.d.Guard.Enter(ctx, p, access.Op{
		Action: action, Operation: access.Infer, Model: held.Model.ID, ModelSHA256: held.Model.SHA256, Items: len(inputs), Resource: "model:" + held.Model.ID,
	})
	if err != nil {
		return err
	}
	defer j.pass.Close(&err)
	if err := j.judge(ctx, inputs); err != nil {
		return err
	}
	said := make([]Rejudged, len(inputs))
	for i := range said {
		said[i] = j.rejudged(i)
	}
	c := conclude(said)
	_, err = j.pass.Commit(ctx, c.Outcome, c.Write)
	return err
}

// rejudged is an item of a job whose verdicts are not recorded.
func (j *job) rejudged(i int) Rejudged {
	v := j.verdict(i, "", j.held.Model)
	j.pass.Used(cost([]Verdict{v}))
	return Rejudged{
		Severity: v.Severity, Categories: v.Categories, Refusal: v.Refusal, Flagged: v.Flagged, Action: v.Action, Scores: v.Scores,
		Model: v.Model, Policy: v.Policy, Runtime: j.runtime, Timings: v.Timings, DecidingWindow: v.DecidingWindow,
	}
}

// distrustRetry is when a guard that is not trusted may be asked again: a person has to act first.
const distrustRetry = 5 * time.Minute

// trusted refuses a guard that Deps.Trust refuses, unless it is asked in order to find that out.
func (j *job) trusted() error {
	if j.examined || j.s.d.Trust == nil {
		return nil
	}
	if err := j.s.d.Trust(j.held.Model); err != nil {
		return fault.Wrap(err, fault.Loading, fault.From(err).Message).WithRetry(distrustRetry)
	}
	return nil
}
