// Package export writes parts of the audit log so that whoever gets them can check them without the server: rows in order, the
// notes that cover them, and a signed manifest of order and count. It reads in short transactions and holds none while it
// writes. Every export leaves a row before its first byte and one behind its last; schedules do the same to a folder. It may
// import access, audit, db, fault and proof.
package export

import (
	"context"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/oklog/ulid/v2"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

const (
	// AtOnce is how many exports run at a time, schedules included: each reads all the while.
	AtOnce = 2
	// busyFor is when it is worth asking again.
	busyFor = 30 * time.Second
	// Longest ends an export whose reader takes a block now and then and would hold his place for days.
	Longest = time.Hour
	// recheckEvery is how often a running export asks whether its caller may still have it.
	recheckEvery = 5 * time.Second
)

// Reasons in the rows of exports that came to nothing.
const (
	reasonFailed   = "failed"
	reasonCanceled = "canceled"
)

// Prover answers what makes an export provable: who signs, and the notes of the log.
type Prover struct {
	// Install answers whose log it is.
	Install func(ctx context.Context) (string, error)
	// Sign answers the note of a text.
	Sign func(text []byte) ([]byte, error)
	// Notes hands over the notes that rows need to be checked: of keys, of the checkpoints that cover them and of rows that are
	// gone between them. kind is the name of the member that the note stands in.
	Notes func(ctx context.Context, first, last int64, each func(kind string, note []byte) error) error
}

// Deps are what exports are made with.
type Deps struct {
	DB    *db.DB
	Guard *access.Guard
	Log   *audit.Log
	Prover
	// Span widens rows that were written to all that there were between two times, those that are gone included; nil = it does not.
	Span func(ctx context.Context, from, to time.Time, first, last int64) (int64, int64, error)
	// Ready sees to it that the log has a key, without which nobody can check a pack; nil = it has.
	Ready func(ctx context.Context) error
	// Still answers a caller as he is now, and refuses him whose credential is no longer good; nil where nobody can say. Parts of
	// the machine itself are not asked about.
	Still func(ctx context.Context, p access.Principal) (access.Principal, error)
	// Folder is where schedules write, "" where they may not. Kept are the folders that it must lie outside of.
	Folder string
	Kept   []string
	// Loose answers the first folder above a path that others may write to, "" where there is none; nil where nobody looks.
	Loose func(path string) (folder, why string)
	// DiskLow says that the room that is left is the log's; nil where nobody looks.
	DiskLow func() bool
	Now     func() time.Time
	Logger  *slog.Logger // nil = nobody reads it
}

// Service makes exports. All methods may be called from any goroutine.
type Service struct {
	d     Deps
	turns chan struct{}
	fsync func(dir *os.File) error
}

// New answers the service over a log.
func New(d Deps) *Service {
	if d.Now == nil {
		d.Now = time.Now //nolint:forbidigo // the clock of whoever hands in none
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	return &Service{d: d, turns: make(chan struct{}, AtOnce), fsync: (*os.File).Sync}
}

// Sum is what an export came to. Bytes and SHA256 are of everything before the manifest. Missing is the first row that should be in it and is not
// in the log, under no tombstone, or was written again; 0 where none is, and where a filter leaves rows out.
type Sum struct {
	Rows, First, Last int64
	Missing           int64
	Bytes             int64
	SHA256            string
}

// Export is one that was let in: its opening row is durable, and it has one of the places. Whoever has it calls Write, or
// Abandon where nothing will be written.
type Export struct {
	ID     string
	Format Format

	s       *Service
	p       access.Principal
	pass    *access.Pass
	r       Request
	began   time.Time
	head    Head
	packed  bool              // it is part of a larger file
	notes   map[string][]byte // of a pack, by their kind
	release func()
}

// Head is the end of the chain.
type Head struct {
	Seq  int64
	Hash string
}

// target is how the audit log names an export.
func target(id string) string { return "export:" + id }

// Begin lets a holder of audit.export in and leaves the opening row, which is the export's end: nothing that is appended later
// is in it. It refuses what is no request (Invalid) and a third export at a time (Busy), with their row.
func (s *Service) Begin(ctx context.Context, p access.Principal, r Request) (_ *Export, err error) {
	id := "exp_" + ulid.Make().String()
	pass, err := s.d.Guard.Enter(ctx, p, access.Op{Action: access.AuditExport, Resource: target(id)})
	if err != nil {
		return nil, err
	}
	defer pass.Close(&err)
	if err := r.check(s.d.Now()); err != nil {
		return nil, err
	}
	return s.open(ctx, p, pass, id, r, nil)
}

// Check refuses what Begin would refuse of the request itself (Invalid), or because no place is free (Busy). It takes nothing and
// leaves no row: whoever asks has been let in already.
func (s *Service) Check(r Request) error {
	if err := r.check(s.d.Now()); err != nil {
		return err
	}
	if len(s.turns) == cap(s.turns) {
		return noPlace()
	}
	return nil
}

func noPlace() error {
	return fault.Newf(fault.Busy, "%d exports are running. Wait until one has ended.", AtOnce).WithRetry(busyFor)
}

// open takes a place and writes the opening row; more stands in its details.
func (s *Service) open(ctx context.Context, p access.Principal, pass *access.Pass, id string, r Request, more map[string]any) (*Export, error) {
	select {
	case s.turns <- struct{}{}:
	default:
		return nil, noPlace()
	}
	x := &Export{ID: id, Format: r.Format, s: s, p: p, pass: pass, r: r, began: s.d.Now(), notes: map[string][]byte{}, release: func() { <-s.turns }}
	details := map[string]any{"change": "begin", "format": string(r.Format), "filter": r.all()}
	for name, value := range more {
		details[name] = value
	}
	ev, err := pass.Commit(ctx, access.Outcome{Details: details}, nil)
	if err != nil {
		x.release()
		return nil, err
	}
	x.head = Head{ev.Seq, ev.Hash}
	return x, nil
}

// Abandon ends an export of which nothing was written, for a reason that its row tells.
func (x *Export) Abandon(why error) error {
	defer x.release()
	return x.broken(Sum{}, why)
}

// Write writes the export and leaves its closing row. w takes blocks of some 64 KiB; how long it may take over one is its own
// affair, nothing is held meanwhile. Whatever ends the export early leaves a row with the reason, and what was written then has
// no manifest. An error behind the last byte means that the closing row could not be made durable.
func (x *Export) Write(ctx context.Context, w io.Writer) (Sum, error) {
	defer x.release()
	sum, err := x.write(ctx, w)
	if err != nil {
		return sum, x.broken(sum, err)
	}
	_, err = x.pass.End(access.Outcome{Details: x.details(sum)}, nil)
	return sum, err
}

func (x *Export) details(sum Sum) map[string]any {
	out := map[string]any{
		"change": "end", "rows": sum.Rows, "first_seq": sum.First, "last_seq": sum.Last, "bytes": sum.Bytes, "sha256": sum.SHA256,
		"head_seq": x.head.Seq,
	}
	if sum.Missing > 0 {
		out["missing_seq"] = sum.Missing
	}
	return out
}

// broken leaves the closing row of an export that did not come to its end, and answers why.
func (x *Export) broken(sum Sum, why error) error {
	code := fault.CodeOf(why)
	out := access.Outcome{
		Decision: audit.Error, Reason: reasonFailed,
		Details: map[string]any{"change": "end", "rows": sum.Rows, "last_seq": sum.Last, "bytes": sum.Bytes, "code": string(code)},
	}
	if code == fault.Canceled {
		out.Reason = reasonCanceled
	}
	if word := WhyOf(why); word != "" {
		out.Details["why"] = word
	}
	if _, err := x.pass.End(out, nil); err != nil {
		x.s.d.Logger.Error("appending the row of an export that was broken off", "export", x.ID, "err", err)
		return err
	}
	return why
}
