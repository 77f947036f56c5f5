package catalog

import (
	"errors"
	"io/fs"
	"time"
)

// What a loading model is doing.
const (
	StageWaiting   = "waiting"   // for the models before it
	StageChecking  = "checking"  // its bytes are held against their hash
	StageReading   = "reading"   // its weights are read
	StagePreparing = "preparing" // it is laid out, and asked for the first time
)

// Why a model failed, for whoever tells it in his own language.
const (
	FileChanged  = "file_changed"  // not the bytes that were imported
	FileMissing  = "file_missing"  // there is none
	FileWritable = "file_writable" // others may change it
	FileRefused  = "file_refused"  // the engine or a check before it refuses what is in it
	NoMemory     = "no_memory"     // it does not fit
	NoEngine     = "no_engine"     // this build cannot run it
	Broken       = "internal"      // a mistake of ours; the log says which
)

// Why a model that could be in memory is not.
const (
	ByHand = "by_hand" // somebody took it out, or another took its place
	Idle   = "idle"    // nobody used it for long: it comes back when somebody does
)

// The reasons that only this package can tell apart.
var (
	errChanged  = errors.New("other bytes than were imported")
	errWritable = errors.New("the file is not read-only")
)

// FileFault answers the reason code of an error of Open, "" for one that says nothing of the file itself.
func FileFault(err error) string {
	switch {
	case errors.Is(err, errChanged):
		return FileChanged
	case errors.Is(err, errWritable):
		return FileWritable
	case errors.Is(err, fs.ErrNotExist):
		return FileMissing
	}
	return ""
}

// state is what became of loading one model in this process.
type state struct {
	name, reason, code string
	since              time.Time
	stage              string // while it loads
	done               float64
	unproven           bool // only of one that is ready
}

// SetState records what became of loading a model in this process. reason must be safe to show.
func (s *Service) SetState(id, name, reason string) {
	s.set(id, state{name: name, reason: reason})
}

// SetFailed is SetState for a model that failed, with one of the codes above.
func (s *Service) SetFailed(id, code, reason string) {
	s.set(id, state{name: StateFailed, reason: reason, code: code})
}

// SetUnloaded is SetState for a model that is not in memory for one of the reasons above.
func (s *Service) SetUnloaded(id, code string) {
	s.set(id, state{name: StateUnloaded, code: code})
}

// SetUnproven is SetState for a model that is ready, but for the place of a default that serves: SetProven or SetFailed follow.
func (s *Service) SetUnproven(id string) {
	s.set(id, state{name: StateReady, unproven: true})
}

// SetProven lets a model that is ready take another's place. It says nothing of one that is not.
func (s *Service) SetProven(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.states[id]; st.name == StateReady && st.unproven {
		st.unproven = false
		s.states[id] = st
	}
}

func (s *Service) set(id string, st state) {
	st.since = s.o.Now()
	if st.name == StateLoading {
		st.stage = StageWaiting
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states[id] = st
	if st.name != StateFailed {
		delete(s.givenUp, id) // it is another try
	}
}

// SetProgress records how far loading is: its stage, and how much of the whole is done, 0 to 1. It never goes back, and says
// nothing of a model that is not loading.
func (s *Service) SetProgress(id, stage string, done float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.states[id]
	if !ok || st.name != StateLoading || done < st.done {
		return
	}
	st.stage, st.done = stage, min(done, 1)
	s.states[id] = st
}

// Touch says that something is new of a model beside its state: whoever shows it reads it again.
func (s *Service) Touch(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.touched[id]++
}

// apply shows a state in a model's row.
func (st state) apply(m *Model) {
	m.State, m.StateReason, m.StateCode, m.StateSince = st.name, st.reason, st.code, st.since
	m.Stage, m.Progress, m.Unproven = st.stage, st.done, st.unproven
}
