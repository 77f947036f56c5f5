package llamacpp

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"guardhouse/internal/inference"
)

const (
	// mostKnown bounds the trials that are remembered; the oldest are forgotten first.
	mostKnown = 64
	// mostTold bounds the text that they come to, well within what a parent has room for.
	mostTold = 48 << 10
)

// subject is what a trial depends on, beside the program and the machine, which stay as they are under one parent. It is the shape
// of a model and not its bytes: two models of one shape take the same time, and a layout decides about nothing else.
type subject struct {
	Model          string
	File           int64 // bytes
	Weights, Cell  int64
	Vocab, Heads   int
	Threads        int
	Layouts        string // that could be chosen from
	Kernels, Flash string
	CacheQ8        bool
}

// trialled is what a trial found, as one process tells it to the next. Without trials it did not end in time.
type trialled struct {
	Subject    subject
	Trials     []inference.Trial
	IDs        int
	Solo, Wide time.Duration
}

// trials go from one process to the next. What the one before found counts for the first load of a model alone: who
// loads it again has it tried again.
type trials struct {
	mu    sync.Mutex
	known []trialled        // oldest first
	taken map[subject]bool  // no longer told
	keep  func(text []byte) // nil = nobody keeps it
}

// Remember has the engine go by what an engine on the same machine told before, and tell what it finds itself. What cannot be read is
// nothing. It is for whoever makes the engine, before the first load.
func (e *Engine) Remember(told []byte, keep func(text []byte)) {
	e.trials = &trials{taken: map[subject]bool{}, keep: keep}
	var known []trialled
	if json.Unmarshal(told, &known) == nil && len(known) <= mostKnown {
		e.trials.known = known
	}
}

// take answers what is known of a subject. It refuses what no trial of it could have found: whatever the process before was made to
// write, this one does no more than choose among its own layouts.
func (k *trials) take(s subject, all []layout, guessed layout) (tried, bool) {
	if k == nil {
		return tried{}, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	i := slices.IndexFunc(k.known, func(t trialled) bool { return t.Subject == s })
	if i < 0 || k.taken[s] || !k.known[i].sound(all) {
		return tried{}, false
	}
	k.taken[s] = true
	t, found := k.known[i], tried{layout: guessed}
	if len(t.Trials) == 0 {
		found.late = true
		found.Why = guessed.String() + " by the size of the model: a trial before did not end in time"
		return found, true
	}
	found.Trials, found.IDs, found.Solo, found.Wide = t.Trials, t.IDs, t.Solo, t.Wide
	found.layout, found.Why = pick(t.Trials, guessed)
	found.Why += ", as tried before"
	return found, true
}

// sound says whether it may be what a trial of these layouts found.
func (t trialled) sound(all []layout) bool {
	if len(t.Trials) == 0 {
		return t.IDs == 0 && t.Solo == 0 && t.Wide == 0
	}
	same := slices.EqualFunc(t.Trials, all, func(t inference.Trial, l layout) bool {
		return (layout{t.Lanes, t.Threads}) == l && t.PerSecond > 0 && t.PerSecond < float64(time.Second)
	})
	took := func(d time.Duration) bool { return d > 0 && d < largeTrial }
	return same && t.IDs > 0 && t.IDs <= trialIDs && took(t.Solo) && took(t.Wide)
}

// note keeps what was found, in the place of what was known.
func (k *trials) note(s subject, found tried) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.taken[s] = true
	k.known = slices.DeleteFunc(k.known, func(t trialled) bool { return t.Subject == s })
	t := trialled{Subject: s, Trials: found.Trials, IDs: found.IDs, Solo: found.Solo, Wide: found.Wide}
	if found.cut { // what a busy machine made of a round or two is no answer for as long as the parent lives
		t = trialled{Subject: s}
	}
	k.known = append(k.known, t)
	k.tell()
}

// tell hands on as many as there is room for, the newest: what a process before was made to write is the first to go.
func (k *trials) tell() {
	for {
		k.known = slices.Delete(k.known, 0, max(0, len(k.known)-mostKnown))
		text, err := json.Marshal(k.known)
		if err != nil {
			return // not of what came out of JSON, or was measured
		}
		if len(text) <= mostTold {
			if k.keep != nil {
				k.keep(text)
			}
			return
		}
		k.known = slices.Delete(k.known, 0, 1)
	}
}

// subject answers what a trial of the plan is about.
func (p *plan) subject(s inference.Spec, m means, all []layout) subject {
	flash := choiceOff
	if p.lane.flash {
		flash = choiceOn
	}
	return subject{
		Model: s.ModelID, File: m.file, Weights: p.weightBytes, Cell: p.need.cell, Vocab: p.need.vocab, Heads: p.need.heads,
		Threads: p.threads, Layouts: fmt.Sprint(all), Kernels: m.kernels, Flash: flash, CacheQ8: p.lane.cacheQ8,
	}
}
