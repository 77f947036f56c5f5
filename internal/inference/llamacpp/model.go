package llamacpp

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

// model is a loaded model: its lanes, and the one queue they all take from.
type model struct {
	plan        plan
	vocab       int
	description inference.Description
	now         func() time.Time
	crew        *crew
	lanes       []*lane
	jobs        chan *job // without room: a query is either with its caller or with a lane
	closing     chan struct{}
	release     func() // frees what the lanes stood on
	once        sync.Once
}

// newModel starts one goroutine per core. It takes the cores over: Close closes them and calls release.
func newModel(p plan, cores []core, now func() time.Time, release func()) *model {
	m := &model{
		plan: p, now: now, release: release,
		jobs: make(chan *job), closing: make(chan struct{}),
	}
	m.crew = newCrew(p.threads, len(cores), p.weightBytes, now)
	m.crew.gauge.seed(p.choice)
	if p.late {
		m.crew.gauge.distrust()
	}
	for _, c := range cores {
		i := c.info()
		l := &lane{
			core: c, crew: m.crew, temperature: p.temperature, now: now, jobs: m.jobs,
			own: make(chan *job), primes: make(chan *primeJob), closing: m.closing, ended: make(chan struct{}),
		}
		for id := range i.slots {
			l.slots = append(l.slots, &slot{id: id, row: -1})
		}
		for k := range i.shelves {
			l.shelf = append(l.shelf, &slot{id: i.slots + k, row: -1})
		}
		m.lanes = append(m.lanes, l)
	}
	for _, l := range m.lanes {
		m.crew.slots += len(l.slots)
	}
	m.vocab = cores[0].info().vocab
	m.description = describe(p, cores)
	for _, l := range m.lanes {
		go l.run()
	}
	return m
}

// Describe answers the model's real numbers.
func (m *model) Describe() inference.Description { return m.description }

// Judge refuses what check refuses, waits for a slot, and answers within one pass after ctx ended.
func (m *model) Judge(ctx context.Context, q inference.Query) (inference.Answer, error) {
	if err := check(q, m.vocab, m.plan.slotTokens); err != nil {
		return inference.Answer{}, err
	}
	m.crew.join()
	defer m.crew.leave()
	j := &job{ctx: ctx, q: q, done: make(chan result, 1), queued: m.now()}
	if err := m.send(ctx, j); err != nil {
		return inference.Answer{}, err
	}
	// The lane reads the query's slices: it is always waited for. It ends within a pass of ctx.
	r := <-j.done
	if r.err != nil {
		return inference.Answer{}, r.err
	}
	return r.answer, nil
}

// Prime refuses prefixes outside the model with fault.Invalid. Lanes that are at work are primed when
// they next have none.
func (m *model) Prime(ctx context.Context, prefixes [][]int32) error {
	var useful [][]int32
	for _, p := range prefixes {
		if len(p) > m.plan.slotTokens {
			return fault.New(fault.TooLarge, "the prefix is longer than the model's context")
		}
		if err := checkIDs(p, m.vocab); err != nil {
			return err
		}
		if len(p) > 0 {
			useful = append(useful, slices.Clone(p))
		}
	}
	if len(useful) == 0 {
		return nil
	}
	for _, l := range m.lanes {
		if err := l.askPrime(ctx, useful); err != nil {
			return err
		}
	}
	return nil
}

func (l *lane) askPrime(ctx context.Context, prefixes [][]int32) error {
	p := &primeJob{ctx: ctx, prefixes: prefixes, done: make(chan error, 1)}
	select {
	case l.primes <- p:
	case <-ctx.Done():
		return fault.From(ctx.Err())
	case <-l.closing:
		return errClosed()
	}
	err := <-p.done
	if err == nil || ctx.Err() != nil {
		return asError(fault.From(ctx.Err()))
	}
	return fault.Wrap(fmt.Errorf("priming model: %w", err), fault.Internal, "the model failed")
}

// Close ends running queries, waits for the lanes and frees the model.
func (m *model) Close() error {
	m.once.Do(func() {
		close(m.closing)
		for _, l := range m.lanes {
			l.stop()
		}
		for _, l := range m.lanes {
			<-l.ended
			l.core.close()
		}
		m.release()
	})
	return nil
}

func errClosed() error { return fault.New(fault.Canceled, "the model is being closed") }

// asError keeps a nil *fault.Error from becoming a non-nil error.
func asError(e *fault.Error) error {
	if e == nil {
		return nil
	}
	return e
}
