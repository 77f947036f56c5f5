package metrics

import (
	"time"

	"guardhouse/internal/tally"
)

// Sources are the functions that a scrape asks. Each may be nil: its metrics are then absent. They are called from
// several goroutines, should take milliseconds, and answer nothing that names a person.
type Sources struct {
	Models          func() []Model
	Memory          func() Memory
	Canaries        func() []Canary
	Verdicts        func() map[Verdict]uint64
	Cache           func() Cache
	Commits         func() Commits
	AuditRows       func() map[AuditRow]uint64
	Appending       func() Appending
	Verified        func() Verification
	People          func() (People, error)
	Streams         func() Streams
	Forwarding      func() ([]Forward, error)
	Limits          func() Limits
	Storage         func() (Storage, error)
	CertificateEnds func() time.Time // zero = there is none
	ACLFileValid    func() bool      // whether acl.file is in force as it stands there
	NotReady        func() []string  // codes of what is wrong; none = ready
	Degraded        func() []string  // codes of what is wrong and keeps nobody waiting
	LogDropped      func() uint64    // lines that the log file did not take
	Restarts        func() uint64    // workers that served before this one; nil = there is no supervisor
	Started         time.Time
	Build           Build
}

// Model is one model of the scheduler's table.
type Model struct {
	ID, State                string
	Active, Waiting          int
	Capacity, Slots          int
	Queued                   int
	OldestWait               time.Duration
	SlotTokens, Threads      int
	Lanes                    int
	WeightBytes, CacheBytes  int64
	MemoryBytes              int64 // the most that the model can need, weights and cache with it
	DeviceBytes              int64 // what a GPU holds of it
	PromptTokens             uint64
	Evaluated                uint64 // ids that were computed
	Drafted, Accepted        uint64 // of them, those guessed ahead and those guessed right
	Written                  uint64 // of texts
	Ended                    []Ended
	QueueSeconds, RunSeconds tally.Distribution
}

// Memory is the memory for models. Budget is 0 where it is unknown; what a GPU holds is not in Taken.
type Memory struct {
	Budget, Taken int64
	Predicted     []Predicted
	Devices       []Device
}

// Predicted is what a model is held to take, in memory or not: of the machine's memory and of a GPU's.
type Predicted struct {
	Model         string
	Bytes, Device int64
}

// Device is a GPU's memory: what models took of it, and what they may still take.
type Device struct {
	Name               string
	Total, Taken, Free int64
}

// Ended are the queries of a model that ended in one way, and how long they had waited for a place. How is judged, failed,
// canceled (the caller left) or timeout (his time was over).
type Ended struct {
	How         string
	Queries     uint64
	WaitSeconds tally.Distribution
}

// Verdict is what verdicts are counted by.
type Verdict struct{ Model, Severity, Action string }

// Canary is what the last look at a guard's canaries found.
type Canary struct {
	Model   string
	Passed  bool
	Drifted int
	At      time.Time
}

// Cache is how remembered verdicts are doing.
type Cache struct {
	Hits, Misses uint64
	Entries      int
}

// Commits is how the one writer is doing.
type Commits struct {
	Seconds, GroupSize tally.Distribution
	Failed             uint64
	Waiting            int
}

// AuditRow is what rows of the log are counted by.
type AuditRow struct{ Action, Decision, Reason string }

// Appending is how rows of the log come onto the disk and into its index.
type Appending struct {
	Seconds       tally.Distribution
	IndexFailures uint64
}

// Streams is how the event streams are doing.
type Streams struct {
	Open    int
	Dropped uint64 // ended because their reader was too slow
}

// Forward is how one target of forwarding is doing: rows that it does not have, messages that it took and attempts that failed.
type Forward struct {
	ID, Kind     string
	Backlog      int64
	Sent, Failed uint64
}

// Limits is how the counts of rates and quotas are doing.
type Limits struct {
	Kept      int
	Forgotten uint64 // they still counted, and had to go because there were too many
}

// Verification is the last walk over the chain in this process; At is zero before the first.
type Verification struct {
	At time.Time
	OK bool
}

// People counts what lives: sessions that still let somebody in, keys that still do.
type People struct{ Sessions, Keys int64 }

// Storage is what the data folder takes and has left.
type Storage struct {
	DatabaseBytes, WALBytes int64
	FreeShare               float64
	FreeBytes               uint64
}

// Build says what runs.
type Build struct{ Version, Commit, Go, Engine string }
