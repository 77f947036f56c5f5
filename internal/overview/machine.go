package overview

import (
	"context"
	"sync"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/doctor"
	"guardhouse/internal/fault"
)

const (
	// roundMost bounds a round through the machine. What it had no time for says so.
	roundMost = 20 * time.Second
	// roundFresh is how long a round's report is shown to who does not ask for a new one.
	roundFresh = 5 * time.Minute
	// roundEvery keeps a round from following another at once, whoever asks.
	roundEvery = 3 * time.Second
)

// Machine is how the program and what it stands on are asked. Functions may be nil: what nobody can say is left out.
type Machine struct {
	Version, Commit, Go, Engine, Data string
	// Disk answers the database's size and the room that is left.
	Disk func() (Disk, error)
	// Certificate answers the one in force; nil for plain HTTP.
	Certificate func() Certificate
	// Worker is what a supervisor knows of this process; nil without one.
	Worker *Worker
	// Examine goes through the machine.
	Examine func(context.Context) doctor.Report
}

// Worker is how often the supervisor had to start the server again since it was started itself, and how and when the last one before this ended.
type Worker struct {
	Restarts int
	Ended    string // "" = none did
	EndedAt  time.Time
}

// Disk is what the database takes and what the disk has left.
type Disk struct {
	DatabaseBytes, WALBytes int64
	FreeBytes               uint64
	FreeShare               float64
}

// Certificate is the one that the server shows. Own says that it made it itself, and renews it.
type Certificate struct {
	Ends   time.Time
	Own    bool
	SHA256 string
}

func (m Machine) certificate() Certificate {
	if m.Certificate == nil {
		return Certificate{}
	}
	return m.Certificate()
}

func (m Machine) disk() (Disk, bool) {
	if m.Disk == nil {
		return Disk{}, false
	}
	d, err := m.Disk()
	return d, err == nil
}

// Round is one round through the machine: what the doctor found, and when.
type Round struct {
	doctor.Report
	At   time.Time
	Took time.Duration
}

// Failed answers the checks that failed.
func (r Round) Failed() (out []doctor.Check) {
	for _, c := range r.Checks {
		if c.Status == doctor.Fail {
			out = append(out, c)
		}
	}
	return out
}

// System is the machine: what the last round found, and what the program knows without one.
type System struct {
	Round
	Machine     Machine
	Started     time.Time
	Disk        *Disk
	Certificate *Certificate
	Backup      time.Time // the newest that was made with this data; zero = none is known
	Policy      int64
}

// System answers the machine as the last round saw it, or a new one where there is none, the last is old, or fresh asks for
// it. One round runs at a time; who comes meanwhile waits for it and is shown what it found. It refuses who may not manage
// settings: paths and versions are of use to who looks for a way in.
func (s *Service) System(ctx context.Context, p access.Principal, fresh bool) (System, error) {
	if !s.d.Guard.Can(p, access.SettingsManage) {
		return System{}, fault.New(fault.Forbidden, "You may not see the state of the machine.")
	}
	if s.d.Machine.Examine == nil {
		return System{}, fault.New(fault.NotAvailable, "This server does not look at its machine.")
	}
	most := roundFresh
	if fresh {
		most = roundEvery
	}
	round, err := s.rounds.get(ctx, most, s.now, s.d.Machine.Examine)
	if err != nil {
		return System{}, err
	}
	out := System{Round: round, Machine: s.d.Machine, Started: s.started, Policy: s.d.Guard.PolicyVersion()}
	if d, known := s.d.Machine.disk(); known {
		out.Disk = &d
	}
	if s.d.Machine.Certificate != nil {
		c := s.d.Machine.certificate()
		out.Certificate = &c
	}
	out.Backup, err = s.d.Log.LastChange(ctx, string(access.SettingsManage), "backup")
	return out, err
}

// rounds lets one round run at a time and keeps the last one's report.
type rounds struct {
	turn  chan struct{} // holds a token while nobody is on a round
	known *known
}

type known struct {
	mu    sync.Mutex
	round *Round
}

func newRounds() rounds {
	r := rounds{turn: make(chan struct{}, 1), known: &known{}}
	r.turn <- struct{}{}
	return r
}

func (r rounds) last() *Round {
	r.known.mu.Lock()
	defer r.known.mu.Unlock()
	return r.known.round
}

func (r rounds) keep(round *Round) {
	r.known.mu.Lock()
	defer r.known.mu.Unlock()
	r.known.round = round
}

// get answers the last round if it began within most, or while this caller waited for it; else it makes one. A round whose
// caller left is not kept: it says of half the machine that there was no time.
func (r rounds) get(ctx context.Context, most time.Duration, now func() time.Time, examine func(context.Context) doctor.Report) (Round, error) {
	came := now()
	select {
	case <-r.turn:
	case <-ctx.Done():
		return Round{}, fault.From(ctx.Err())
	}
	defer func() { r.turn <- struct{}{} }()
	if last := r.last(); last != nil && (came.Sub(last.At) < most || came.Before(last.At.Add(last.Took))) {
		return *last, nil
	}
	bounded, cancel := context.WithTimeout(ctx, roundMost)
	defer cancel()
	start := now()
	round := Round{Report: examine(bounded), At: start, Took: now().Sub(start)}
	if err := ctx.Err(); err != nil {
		return Round{}, fault.From(err)
	}
	r.keep(&round)
	return round, nil
}
