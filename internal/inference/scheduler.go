package inference

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

// Options of a Scheduler.
type Options struct {
	Queue int // leases that may wait per model, over those that its slots serve; 0 = none
	// Weights are, by role, how many turns its people get for one of those of a role that is not named: 1 to 16.
	Weights map[string]int
	Marks   Marks            // nil = nobody notes what is in flight
	Now     func() time.Time // nil = the system's clock
}

// Scheduler owns the loaded models and decides who may use them when. Nobody gets a lease without a
// valid access.Pass for that very model.
type Scheduler struct {
	queue   int
	weights map[string]int
	marks   Marks
	now     func() time.Time

	mu      sync.Mutex
	entries map[string]*entry
	leases  int
	closed  bool
	drained chan struct{} // closed when a closed scheduler has no lease left
}

// entry is one model of the table, under the scheduler's lock but for model, which is set once.
type entry struct {
	id       string
	state    State
	code     fault.Code // why loading failed
	model    Model
	what     Description
	queue    *queue        // who gets a place next; nil until the model is ready
	active   int           // leases
	idle     chan struct{} // of a model that is removed: closed when its last lease is back
	ends     [ends]ended
	work     Work
	service  time.Duration // moving average of Answer.Compute
	loadedAt time.Time
}

// New answers a scheduler without models.
func New(o Options) *Scheduler {
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the clock, where none was handed in
	}
	if o.Marks == nil {
		o.Marks = unmarked{}
	}
	return &Scheduler{queue: max(0, o.Queue), weights: maps.Clone(o.Weights), marks: o.Marks, now: o.Now, entries: make(map[string]*entry), drained: make(chan struct{})}
}

// Add loads a model and puts it in the table. While it loads, Acquire answers fault.Loading. It refuses
// an id that is in the table with fault.Conflict, unless loading it failed before.
func (s *Scheduler) Add(ctx context.Context, engine Engine, spec Spec) error {
	e := &entry{id: spec.ModelID, state: Loading, ends: newEnds()}
	s.mu.Lock()
	old := s.entries[spec.ModelID]
	switch {
	case s.closed:
		s.mu.Unlock()
		return errStopping()
	case old != nil && old.state != Failed:
		s.mu.Unlock()
		return fault.New(fault.Conflict, "the model is loaded already")
	}
	s.entries[spec.ModelID] = e
	s.mu.Unlock()

	done := s.marks.Company()
	model, err := engine.Load(ctx, spec)
	done()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		e.state, e.code = Failed, fault.CodeOf(err)
		return err
	case s.closed:
		e.state, e.code = Failed, fault.Canceled
		return cmp.Or(model.Close(), error(errStopping()))
	}
	e.model, e.what, e.state, e.loadedAt = model, model.Describe(), Ready, s.now()
	e.queue = newQueue(max(1, e.what.Slots) + e.what.Lanes)
	return nil
}

// SetQueue changes how many leases may wait per model. Who waits already keeps his place.
func (s *Scheduler) SetQueue(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = max(0, n)
}

// Prime computes a model's fixed prefixes ahead of the first query. It refuses models that are not ready
// with fault.Loading.
func (s *Scheduler) Prime(ctx context.Context, modelID string, prefixes [][]int32) error {
	s.mu.Lock()
	e, err := s.ready(modelID)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	defer s.marks.Company()()
	return e.model.Prime(ctx, prefixes)
}

// Acquire answers a lease on the model that the pass is for. It never waits: it refuses nil, zero and
// closed passes and passes for another model or operation with fault.Internal, models that are unknown
// or not loaded with fault.Loading, and with fault.Busy, the place in the line and the time to come back, a full
// queue and an owner that holds his share of it.
func (s *Scheduler) Acquire(ctx context.Context, pass *access.Pass, modelID string) (*Lease, error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.From(err)
	}
	if err := checkPass(pass, modelID); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.ready(modelID)
	if err != nil {
		return nil, err
	}
	o, err := e.admit(pass.Account(), s.queue, s.weights[pass.Principal().Role])
	if err != nil {
		return nil, err
	}
	s.leases++
	return &Lease{scheduler: s, entry: e, owner: o, pass: pass}, nil
}

// Room refuses what Acquire would refuse an account (access.Principal.Account) now, and takes nothing: it is for whoever has work
// to do before he may ask.
func (s *Scheduler) Room(modelID, account string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.ready(modelID)
	if err != nil {
		return err
	}
	o := e.queue.owners[account]
	if o == nil {
		o = &owner{id: account}
	}
	return e.room(o, s.queue)
}

func checkPass(pass *access.Pass, modelID string) error {
	if err := pass.Valid(); err != nil {
		return fault.Wrap(err, fault.Internal, "the model was asked for without a valid pass")
	}
	if op := pass.Op(); op.Model != modelID || op.Operation != access.Infer {
		return fault.New(fault.Internal, "the pass is for another use than this")
	}
	return nil
}

// ready answers the entry of a model that can run. The caller holds the lock.
func (s *Scheduler) ready(modelID string) (*entry, error) {
	e := s.entries[modelID]
	switch {
	case s.closed:
		return nil, errStopping()
	case e == nil || e.state == Loading:
		return nil, fault.New(fault.Loading, "the model is not loaded yet").WithRetry(time.Second)
	case e.state == Failed:
		return nil, fault.New(fault.Loading, "the model could not be loaded")
	case e.state == Removing:
		return nil, fault.New(fault.Loading, "the model was withdrawn")
	}
	return e, nil
}

func errStopping() *fault.Error {
	return fault.New(fault.Busy, "the server is stopping").WithRetry(time.Second)
}

// Remove refuses new leases on a model, waits for those out until ctx ends, closes the model and takes it out of the
// table, so that the id may be added again. It answers ctx's error if it did not wait for all: the model stays shut, and
// another Remove goes on. A model that is still loading is refused with fault.Conflict; one that is not there is gone.
func (s *Scheduler) Remove(ctx context.Context, modelID string) error {
	e, err := s.retire(modelID)
	if e == nil || err != nil {
		return err
	}
	select {
	case <-e.idle:
	case <-ctx.Done():
		return fault.From(ctx.Err())
	}
	// Closed before it leaves the table: an Add meanwhile would hold the memory twice.
	if e.model != nil {
		err = e.model.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries[modelID] == e {
		delete(s.entries, modelID)
	}
	return err
}

// retire shuts a model to new leases and answers its entry, nil where there is none.
func (s *Scheduler) retire(modelID string) (*entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[modelID]
	switch {
	case e == nil:
		return nil, nil //nolint:nilnil // no entry is no mistake
	case e.state == Loading:
		return nil, fault.New(fault.Conflict, "the model is being loaded")
	case e.idle == nil:
		e.state, e.idle = Removing, make(chan struct{})
		if e.active == 0 {
			close(e.idle)
		}
	}
	return e, nil
}

// Status answers a snapshot of the table, by id.
func (s *Scheduler) Status() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Status, 0, len(s.entries))
	for _, e := range s.entries {
		list = append(list, e.status(s.queue, s.now))
	}
	slices.SortFunc(list, func(a, b Status) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

func (e *entry) status(queue int, now func() time.Time) Status {
	st := Status{
		ID: e.id, State: e.state, Code: e.code, Description: e.what, Active: e.active,
		Waiting: e.waiting(), Capacity: e.capacity(queue), Service: e.service, LoadedAt: e.loadedAt, Work: e.work,
		Judged: e.ends[judged].queries, Failed: e.ends[failed].queries, Left: e.ends[left].queries, Late: e.ends[late].queries,
		Waits: Waits{
			Judged: e.ends[judged].waits.Snapshot(), Failed: e.ends[failed].waits.Snapshot(),
			Left: e.ends[left].waits.Snapshot(), Late: e.ends[late].waits.Snapshot(),
		},
	}
	if e.queue == nil {
		return st
	}
	st.Queued = e.queue.waiting
	if since := e.queue.oldest(); !since.IsZero() {
		st.OldestWait = max(0, now().Sub(since))
	}
	return st
}

// Close refuses new leases, waits for those out until ctx ends, and closes the models; queries that
// still run or wait then end with fault.Canceled. It answers ctx's error if it did not wait for all.
func (s *Scheduler) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	if s.leases == 0 {
		close(s.drained)
	}
	s.mu.Unlock()
	var result error
	select {
	case <-s.drained:
	case <-ctx.Done():
		result = fault.From(ctx.Err())
	}
	s.mu.Lock()
	var models []Model
	for _, e := range s.entries {
		if e.model != nil {
			e.queue.close(fault.New(fault.Canceled, "the model is being closed"))
			models = append(models, e.model)
		}
	}
	s.mu.Unlock()
	for _, m := range models {
		if err := m.Close(); err != nil && result == nil {
			result = err
		}
	}
	return result
}
