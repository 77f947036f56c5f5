package crash

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

// alonePatience is how long a suspect keeps others waiting until it is alone.
const alonePatience = 5 * time.Second

// errNoPlace never happens while models have fewer places than the table.
var errNoPlace = errors.New("more payloads are in flight than can be marked")

// Marks is the worker's side: inference tells it of every payload before native code sees it.
type Marks struct {
	table    *Table
	verdicts Verdicts
	refused  map[Digest]bool
	stopped  map[Digest]time.Time
	now      func() time.Time
	gate     *gate

	mu       sync.Mutex
	free     []int
	suspects []Suspect // with the zero Until once it is cleared
}

// NewMarks answers marks in the table that go by what the parent found.
func NewMarks(t *Table, v Verdicts, now func() time.Time) *Marks {
	m := &Marks{
		table: t, verdicts: v, refused: map[Digest]bool{}, stopped: map[Digest]time.Time{}, now: now, gate: newGate(),
		suspects: slices.Clone(v.Suspects),
	}
	for _, p := range v.Refused {
		m.refused[p] = true
	}
	for _, s := range v.Stopped {
		m.stopped[s.Principal] = s.Until
	}
	for i := range places {
		m.free = append(m.free, places-1-i)
	}
	return m
}

// Admit refuses a payload that ended the worker twice while it ran alone with fault.PayloadRefused, and a principal whose
// payloads did so three times in ten minutes with fault.CrashStopped. A suspect waits here until it is its turn to be alone, and is
// refused with fault.Busy while a model is loaded.
func (m *Marks) Admit(ctx context.Context, payload [32]byte, principal string) (inference.Mark, error) {
	k := &mark{marks: m, pair: Pair{m.verdicts.payload(payload), m.verdicts.principal(principal)}, place: -1}
	if m.refused[k.pair.Payload] {
		return nil, fault.New(fault.PayloadRefused, "This input ended the model's process twice, each time while nothing else ran. It is not tried again.")
	}
	now := m.now()
	if until := m.stopped[k.pair.Principal]; now.Before(until) {
		return nil, stopped(until.Sub(now))
	}
	if k.alone = m.suspected(k.pair, now); k.alone {
		if m.gate.long.Load() > 0 {
			return nil, inCompany()
		}
		if err := m.gate.queue(ctx); err != nil {
			return nil, fault.From(err)
		}
	}
	return k, nil
}

// inCompany is the refusal of a suspect beside which nobody could tell what ended the process.
func inCompany() *fault.Error {
	return fault.New(fault.Busy, "This input has to run alone, and a model is being loaded.").WithRetry(alonePatience)
}

// stopped is the refusal of a principal, with what a 429 says of limits.
func stopped(left time.Duration) *fault.Error {
	seconds := int(math.Ceil(left.Seconds()))
	return fault.New(fault.CrashStopped, "Your inputs ended the model's process three times in ten minutes. No model takes any of yours for a while.").
		WithRetry(left).WithHeaders(map[string]string{
		"Retry-After": strconv.Itoa(seconds), "RateLimit": fmt.Sprintf(`"crashes";r=0;t=%d`, seconds),
		"RateLimit-Policy": fmt.Sprintf(`"crashes";q=%d;w=%d`, mostOfOne, int(Window.Seconds())),
	})
}

// suspected says whether a payload, or anything of its principal, was in flight in a crash that nobody was found guilty of, or in one of
// his own.
func (m *Marks) suspected(p Pair, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.suspects, func(s Suspect) bool {
		return (s.Payload == p.Payload || s.Principal == p.Principal) && now.Before(s.Until)
	})
}

// Company marks work of the engine itself until done is called: while it runs nobody is alone, and no suspect runs. It waits for the
// one that is alone, so whoever calls it has no payload in flight.
func (m *Marks) Company() (done func()) {
	m.gate.long.Add(1)
	_ = m.gate.enter(context.Background()) // which never ends
	leave := func() {
		m.gate.leave()
		m.gate.long.Add(-1)
	}
	place, err := m.take()
	if err != nil { // then a thousand payloads are in flight, and nobody is alone either
		return leave
	}
	m.table.mark(place, nobodys, Pair{})
	return func() {
		m.give(place)
		leave()
	}
}

func (m *Marks) take() (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.free) == 0 {
		return 0, errNoPlace
	}
	place := m.free[len(m.free)-1]
	m.free = m.free[:len(m.free)-1]
	return place, nil
}

func (m *Marks) give(place int) {
	m.table.unmark(place)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free = append(m.free, place)
}

// clear notes that a suspect ran alone to its end.
func (m *Marks) clear(p Pair) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, s := range m.suspects {
		if s.Pair == p && !s.Until.IsZero() {
			m.suspects[i].Until = time.Time{}
			m.table.clearSuspect(i)
		}
	}
}

// mark is one payload's.
type mark struct {
	marks *Marks
	pair  Pair
	alone bool // it holds the turn
	place int  // -1 until it is written
}

// Begin writes it into the table. A suspect waits until nothing else runs, and is refused with fault.Busy where that takes
// too long, unless it goes on with what it began.
func (k *mark) Begin(ctx context.Context, goesOn bool) error {
	if err := k.enter(ctx, goesOn); err != nil {
		return err
	}
	place, err := k.marks.take()
	if err != nil {
		k.leave()
		return fault.Wrap(err, fault.Busy, "The model's queue is full.").WithRetry(time.Second)
	}
	k.place = place
	k.marks.table.mark(place, running, k.pair)
	return nil
}

// Crowded says whether others wait for the end of this one.
func (k *mark) Crowded() bool { return k.marks.gate.crowded(k.alone) }

func (k *mark) enter(ctx context.Context, goesOn bool) error {
	if !k.alone {
		if err := k.marks.gate.enter(ctx); err != nil {
			return fault.From(err)
		}
		return nil
	}
	within := ctx
	if !goesOn {
		var cancel context.CancelFunc
		within, cancel = context.WithTimeout(ctx, alonePatience)
		defer cancel()
	}
	err := k.marks.gate.enterAlone(within)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errLong):
		return inCompany()
	case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		return fault.Wrap(err, fault.Busy, "This input was with the model when its process ended and has to run alone; others kept it from that.").WithRetry(alonePatience)
	}
	return fault.From(err)
}

func (k *mark) leave() {
	if k.alone {
		k.marks.gate.leaveAlone()
		return
	}
	k.marks.gate.leave()
}

// End takes it away again; whole says that the payload was run to its end.
func (k *mark) End(whole bool) {
	if k.place >= 0 {
		k.marks.give(k.place)
		if k.alone && whole {
			k.marks.clear(k.pair)
		}
		k.leave()
	}
	if k.alone {
		k.marks.gate.pass()
	}
}
