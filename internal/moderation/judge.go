package moderation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
	"guardhouse/internal/manager"
	"guardhouse/internal/prompt"
)

// job is one request on its way from pass to verdicts.
type job struct {
	s      *Service
	held   *manager.Hold
	pass   *access.Pass
	start  time.Time
	tuning *Tuning // what was in force when the request began
	mode   string
	items  []outcome
	totals []time.Duration // from the request's start to each item's verdict
	known  []recalled      // what the cache said of each item
	priced priced          // what price has found, if it was asked
	// runtime is what the verdicts are computed with, or were.
	runtime RuntimeRef
	// refused is why price found nothing, where that refuses the use.
	refused error
	// reference asks for the unforced answers too, which go into references beside items.
	reference  bool
	references []Reference
	// fresh has the model asked whatever is remembered.
	fresh bool
	// examined is of a guard that is held against what it should say: it is asked whether it is trusted or not.
	examined bool
}

// judge fills items. The lease is given back before anything is written: a slot of the model is not
// held while a disk flushes.
func (j *job) judge(ctx context.Context, inputs []Input) (err error) {
	m := j.held.Model
	call := j.held.Call
	if j.examined {
		call = j.held.Resident // a probe is no use by anybody, and of a guard that is not proven yet
	}
	l, err := guardOf(call())
	if err != nil {
		return err
	}
	if err := j.trusted(); err != nil {
		return err
	}
	j.runtime = runtimeOf(j.s.o.Build, l.what)
	if j.recall(m, l, inputs) {
		return nil
	}
	if j.refused != nil {
		return j.refused
	}
	lease, err := j.s.d.Scheduler.Acquire(ctx, j.pass, m.ID)
	if err != nil {
		return err
	}
	defer lease.Release()
	windows, err := j.take(ctx, l, inputs)
	if err != nil {
		return err
	}
	defer j.charge(windows, j.s.o.Now(), &err)
	readings, err := l.readTogether(ctx, lease, windows, j.s.o.Now, func(i int, at time.Time) { j.totals[i] = at.Sub(j.start) })
	if err != nil {
		return err
	}
	for i, in := range inputs {
		if j.known[i].hit {
			continue
		}
		j.items[i] = combine(readings[i], j.mode, marked(in.Messages))
		if j.reference {
			ref, err := l.compare(ctx, lease, windows[i], readings[i])
			if err != nil {
				return err
			}
			j.references = append(j.references, ref)
		}
	}
	return nil
}

// charge tells the pass what the model was asked with. A use that failed or was given up counts its tokens too, and the time
// that it took: else whoever leaves before the end would use a model beyond every quota.
func (j *job) charge(windows [][]window, began time.Time, err *error) {
	c := access.Cost{Tokens: tokensOf(windows)}
	if *err != nil {
		c.ComputeMS = max(0, j.s.o.Now().Sub(began).Milliseconds())
	}
	j.pass.Used(c)
}

// encode answers the whole prompt of each input that is not known. It refuses a request with an input longer than limit, and
// content that normalising leaves blank. What all inputs cost together is bounded by their number and by
// the size of the request, which check has seen.
func (l *loaded) encode(ctx context.Context, inputs []Input, limit int, known []recalled) ([]prompt.Prompt, error) {
	prompts := make([]prompt.Prompt, len(inputs))
	for i, in := range inputs {
		if known[i].hit {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		last := in.Messages[len(in.Messages)-1]
		if strings.TrimSpace(l.guard.Prompt.Normalize(last.Content)) == "" {
			return nil, invalid("There is nothing to judge: the text holds no visible character.")
		}
		p, err := l.guard.Prompt.Encode(in.Messages)
		if err != nil {
			return nil, err
		}
		if p.BodyIDs > limit {
			return nil, fault.Newf(fault.TooLarge, "The input has %d tokens; the limit models.max_input_tokens is %d.", p.BodyIDs, limit).WithField(fieldOf(i, len(inputs)))
		}
		prompts[i] = p
	}
	return prompts, nil
}

// fieldOf names an input as the caller sent it: alone, or in an array.
func fieldOf(i, n int) string {
	if n == 1 {
		return "input"
	}
	return fmt.Sprintf("input[%d]", i)
}

// judger is what reading needs of a lease.
type judger interface {
	Judge(ctx context.Context, q inference.Query) (inference.Answer, error)
}

func (l *loaded) readOne(ctx context.Context, j judger, w window) (reading, error) {
	a, err := j.Judge(ctx, l.query(w.prompt))
	if err != nil {
		return reading{}, failed(err)
	}
	r, err := l.read(a, w.prompt)
	r.judged = w.judged
	return r, err
}

// failed hides what the engine said about our own prompt: an invalid query is our mistake, not the
// caller's. Leaving, waiting too long, a full queue and what crashed before stay what they are.
func failed(err error) error {
	if slices.Contains([]fault.Code{fault.Canceled, fault.Timeout, fault.Busy, fault.Loading, fault.PayloadRefused, fault.CrashStopped}, fault.CodeOf(err)) {
		return err
	}
	return fault.Wrap(err, fault.Internal, "the model could not judge this")
}

// query asks for the three verdicts at the forced position, and for what follows the worst of them.
func (l *loaded) query(p prompt.Prompt) inference.Query {
	tails := l.promptTails
	if p.Response {
		tails = l.responseTails
	}
	return inference.Query{
		Prompt: slices.Concat(p.IDs, l.guard.Prompt.LeadIn()), Prefix: p.Prefix,
		Labels: l.labels, Tails: tails, MaxTail: l.maxTail, Stop: l.guard.Stop,
		Hints: l.drafter.hints,
		Draft: func(label int, hints []float32, tail []int32) []int32 {
			return l.drafter.draft(p.Response, label, hints, tail)
		},
	}
}

// read turns an answer into a reading: the largest of the three verdicts is the severity, whatever else
// the model might have said; what it wrote after is read strictly.
func (l *loaded) read(a inference.Answer, p prompt.Prompt) (reading, error) {
	scores, err := scoresOf(a)
	if err != nil {
		return reading{}, err
	}
	r := reading{
		severity: severities()[a.Best], scores: scores, categories: []string{},
		tokens: len(p.IDs), passes: a.Passes, queue: a.Queue, compute: a.Compute, place: a.Place,
	}
	tail := l.guard.Tokenizer.Decode(a.Tail)
	switch {
	case r.severity == Safe && !p.Response:
		r.readable = true
	case !a.Stopped: // ran on past any answer of the format
	case r.severity == Safe:
		r.refusal, r.readable = parseRefusal(tail)
	default:
		r.categories, r.refusal, r.readable = parseAnswer(tail, p.Response)
	}
	if !r.readable {
		r.categories, r.refusal = []string{}, nil
		return r, nil
	}
	l.drafter.learn(p.Response, a, r.refusal)
	return r, nil
}
