package chat

import (
	"crypto/rand"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"guardhouse/internal/access"
	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
	"guardhouse/internal/limit"
	"guardhouse/internal/manager"
)

// Deps are the services that chats stand on.
type Deps struct {
	Guard     *access.Guard
	Models    *manager.Service
	Scheduler *inference.Scheduler
	// Still answers a caller of a stream as he is now, and refuses him whose credential is no longer good.
	Still access.Still
	// Trust refuses a model that is in memory and must not be used; nil = none is refused.
	Trust func(m catalog.Model) error
}

// Options are the settings as they are at the start; Tune changes those that are in Tuning.
type Options struct {
	KeepContent string // hash (default) or none
	Build       string // this program's version and commit, for the provenance of answers
	Context     int    // most tokens of a conversation and its answer together that a chat model is loaded for; 0 = 4,096
	// Spec is how chat models are laid out; the file, the id and the context are Open's and the manager's to say.
	Spec inference.Spec
	Tuning
	Now func() time.Time
}

// Tuning is what may change while the service answers. A request works with the one that was in force when it began.
type Tuning struct {
	MaxTokens      int           // most tokens of an answer, 0 = 2,048
	MaxInputTokens int           // longest conversation, 0 = 32,768
	Deadline       time.Duration // from a request's start to its answer, or to the first token of a stream; 0 = none
}

const (
	defaultMaxTokens = 2048
	defaultMaxInput  = 32768
	defaultContext   = 4096
	// longest ends a stream whose model is slow and whose reader is patient.
	longest = 30 * time.Minute
	// pricing is how many large requests are cut into tokens at a time to find out their price, one of an account.
	pricing = 2
	// large is what takes more than some ten thousandths of a second.
	large = 4 << 10
)

// Service writes. Its methods may be called from several goroutines.
type Service struct {
	d       Deps
	o       Options
	tuning  atomic.Pointer[Tuning]
	entropy ulid.MonotonicReader
	pricing *limit.Places
	paces   paces
	streams streams
}

// New answers a service that writes with what Deps.Models has in memory.
func New(d Deps, o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the clock, where none was handed in
	}
	if o.Context <= 0 {
		o.Context = defaultContext
	}
	s := &Service{
		d: d, o: o, entropy: &ulid.LockedMonotonicReader{MonotonicReader: ulid.Monotonic(rand.Reader, 0)},
		pricing: limit.NewPlaces(pricing, "Several of your requests are being measured against your quota. Send fewer at a time."),
	}
	s.Tune(o.Tuning)
	return s
}

// Tune has t in force for every request that begins from now on.
func (s *Service) Tune(t Tuning) {
	if t.MaxTokens <= 0 {
		t.MaxTokens = defaultMaxTokens
	}
	if t.MaxInputTokens <= 0 {
		t.MaxInputTokens = defaultMaxInput
	}
	s.tuning.Store(&t)
}

// newID answers an id that sorts in the order in which this process made them.
func (s *Service) newID() (string, error) {
	id, err := ulid.New(ulid.Timestamp(s.o.Now()), s.entropy)
	if err != nil {
		return "", fault.Wrap(err, fault.Internal, "making the answer's id")
	}
	return "chatcmpl-" + id.String(), nil
}
