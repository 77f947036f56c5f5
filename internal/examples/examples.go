// Package examples shows what the default guard says of a few shipped texts, to people who may not judge any of their own.
// Nothing is canned but the texts: the verdicts are the model's, given through the gate to the server itself, recorded like
// any other, and asked for again when the model or the policy is another. It may import access, fault, moderation and prompt.
package examples

import (
	"context"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
	"guardhouse/internal/moderation"
	"guardhouse/internal/prompt"
)

// Bounds. However many ask and however often rules change, the model is asked once in askEvery for each language.
const (
	askEvery  = 10 * time.Second
	askWithin = time.Minute // a large model on a small processor
	patience  = 3 * time.Second
)

// Example is a text, the level that its authors meant, and what the model says of it.
type Example struct {
	Text
	Verdict moderation.Verdict
}

// Set is what there is to show in one language.
type Set struct {
	Language string
	Standard moderation.Standard
	At       time.Time
	Items    []Example
}

// Judge is what the service asks of moderation.
type Judge interface {
	Standard(ctx context.Context) (moderation.Standard, error)
	Evaluate(ctx context.Context, p access.Principal, r moderation.Request) ([]moderation.Verdict, error)
}

// Service answers the examples. Its methods may be called from several goroutines. Reading changes nothing: Run, which the
// server owns, is who asks the model, and it asks only for what somebody reads.
type Service struct {
	guard *access.Guard
	judge Judge
	now   func() time.Time
	wake  chan struct{}

	mu      sync.Mutex
	running bool
	shelves map[string]*shelf // by language
}

// shelf is what is known in one language.
type shelf struct {
	set   *Set
	asked time.Time     // when the model was asked last, whatever came of it
	next  chan struct{} // somebody waits for the model to be asked; closed when it was. nil = nobody does
}

// New answers a service that has asked nothing yet.
func New(g *access.Guard, j Judge, now func() time.Time) *Service {
	if now == nil {
		now = time.Now //nolint:forbidigo // the clock, where none was handed in
	}
	s := &Service{guard: g, judge: j, now: now, wake: make(chan struct{}, 1), shelves: map[string]*shelf{}}
	for _, language := range Languages() {
		s.shelves[language] = &shelf{}
	}
	return s
}

// List answers the examples in one of Languages. It refuses a principal without example.read, and with fault.Loading while
// there are no verdicts and the default guard cannot give any. A set that cannot be renewed now is answered as it is: it says
// itself by which model and policy it was given.
func (s *Service) List(ctx context.Context, p access.Principal, language string) (Set, error) {
	if !s.guard.Can(p, access.ExampleRead) {
		return Set{}, fault.New(fault.Forbidden, "You may not see the examples.")
	}
	standard, err := s.judge.Standard(ctx)
	set, renewed := s.look(language, standard, err == nil)
	if renewed != nil {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		select {
		case <-renewed:
		case <-ctx.Done(): // what there is by now is the answer
		}
		set, _ = s.look(language, standard, false)
	}
	switch {
	case set != nil:
		return *set, nil
	case err != nil:
		return Set{}, err
	}
	return Set{}, fault.New(fault.Loading, "The examples have not been judged yet.").WithRetry(patience)
}

// look answers what there is, and what closes when there may be more: nil where the set is the standard's own, or nobody can
// or may ask for another now.
func (s *Service) look(language string, standard moderation.Standard, able bool) (*Set, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.shelves[language]
	if !ok {
		return nil, nil
	}
	fresh := h.set != nil && h.set.Standard == standard
	soon := !h.asked.IsZero() && s.now().Sub(h.asked) < askEvery
	if fresh || !able || !s.running || soon && h.next == nil {
		return h.set, nil
	}
	if h.next == nil {
		h.next = make(chan struct{})
		select {
		case s.wake <- struct{}{}:
		default: // it is awake
		}
	}
	return h.set, h.next
}

// Run asks the model for what readers wait for, until ctx ends. It is to be called once.
func (s *Service) Run(ctx context.Context) {
	s.run(true)
	defer s.run(false)
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		for _, language := range Languages() {
			if s.begin(language) {
				set, err := s.ask(ctx, language)
				s.end(language, set, err)
			}
		}
	}
}

func (s *Service) run(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = on
}

// begin answers whether somebody waits for a language, and notes that the model is asked now.
func (s *Service) begin(language string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.shelves[language]
	if h.next == nil {
		return false
	}
	h.asked = s.now()
	return true
}

// end puts a new set up and lets those go who wait. What kept the server from its own model is in the audit log.
func (s *Service) end(language string, set Set, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.shelves[language]
	if err == nil {
		h.set = &set
	}
	close(h.next)
	h.next = nil
}

// ask has the model judge all texts of a language: one request, one row of the audit log.
func (s *Service) ask(ctx context.Context, language string) (Set, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	texts := textsIn(language)
	r := moderation.Request{Inputs: make([]moderation.Input, len(texts))}
	for i, t := range texts {
		r.Inputs[i] = moderation.Input{Messages: []prompt.Message{{Role: "user", Content: t.Content}}}
	}
	p := access.Server("examples")
	p.Origin.RequestID = "req_" + ulid.Make().String()
	verdicts, err := s.judge.Evaluate(ctx, p, r)
	if err != nil {
		return Set{}, err
	}
	set := Set{Language: language, Items: make([]Example, len(texts))}
	for i, v := range verdicts {
		set.Items[i] = Example{texts[i], v}
		set.At, set.Standard = v.CreatedAt, moderation.Standard{Model: v.Model, Policy: v.Policy}
	}
	return set, nil
}
