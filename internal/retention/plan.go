package retention

import (
	"context"
	"fmt"
	"time"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/proof"
)

// Why nothing goes.
const (
	// StoppedOff: no kind has a number of days.
	StoppedOff = "off"
	// StoppedClock: questions about the clock are open.
	StoppedClock = "clock"
	// StoppedYoung: there is no checkpoint yet that is old enough.
	StoppedYoung = "young"
	// StoppedProof: a checkpoint that would decide is not proved by our keys, or does not fit the log.
	StoppedProof = "proof"
)

// Plan is what a run would remove now. Rows to go are those up to AuditSeq that are neither held nor gone yet; verdicts are
// those of rows up to VerdictSeq; sessions those that ended before SessionsBefore. AsOf is the signed time that ages are counted to.
type Plan struct {
	Days                        Days
	Stopped                     string // "" where a run would go ahead
	Questions                   []Question
	AsOf                        time.Time
	AuditSeq, VerdictSeq        int64
	AuditBefore, VerdictsBefore time.Time // signed times of the checkpoints that decide
	SessionsBefore              time.Time
	Rows, Verdicts, Sessions    int64
	FirstSeq, LastSeq           int64     // of the rows to go
	From, To                    time.Time // their times
	Held                        int64     // rows old enough that holds keep
	Unsent                      int64     // rows old enough that are not forwarded yet
	Unexported                  int64     // rows old enough that a schedule has yet to export
	holds                       string    // what they kept when this was counted
	segments                    []span
}

// Empty says that a run would remove nothing.
func (p *Plan) Empty() bool { return p.Rows+p.Verdicts+p.Sessions == 0 }

// plan looks and changes nothing. A run removes what it answers.
func (s *Service) plan(ctx context.Context) (Plan, error) {
	p, err := s.decided(ctx)
	if err != nil || p.Stopped != "" {
		return p, err
	}
	return p, s.count(ctx, &p)
}

// days answers what is set. Audit rows are kept for the least number of days whatever a stored setting says.
func (s *Service) days() Days {
	d := s.d.Days()
	if d.Audit > 0 {
		d.Audit = max(d.Audit, leastAudit)
	}
	return d
}

// decided answers up to where each kind may go, and counts nothing.
func (s *Service) decided(ctx context.Context) (Plan, error) {
	p := Plan{Days: s.days()}
	if p.Days == (Days{}) {
		p.Stopped = StoppedOff
	}
	line, err := s.timeline(ctx)
	if err != nil {
		return Plan{}, err
	}
	if n := len(line.marks); n > 0 {
		p.AsOf = line.marks[n-1].At
	}
	if p.Questions = line.questions; len(p.Questions) > 0 && p.Stopped == "" {
		p.Stopped = StoppedClock
	}
	if p.Stopped != "" {
		return p, nil
	}
	return p, s.cuts(ctx, &p, line)
}

// timeline reads the checkpoints and the present moment.
func (s *Service) timeline(ctx context.Context) (timeline, error) {
	marks, err := readMarks(ctx, s.d.DB)
	if err != nil {
		return timeline{}, err
	}
	rows, err := sayings(asking(ctx, s.d.DB), clockRows)
	if err != nil {
		return timeline{}, err
	}
	boot, up, err := s.d.Uptime()
	if err != nil {
		return timeline{}, fault.Wrap(err, fault.Internal, "the machine does not say for how long it runs")
	}
	return read(marks, confirmedBy(rows, marks), mark{At: s.d.Now().UTC(), Boot: boot, Up: up}), nil
}

// cuts finds the checkpoints that decide, and proves them.
func (s *Service) cuts(ctx context.Context, p *Plan, line timeline) error {
	if len(line.marks) == 0 {
		p.Stopped = StoppedYoung
		return nil
	}
	newest := line.marks[len(line.marks)-1]
	deciding := []mark{newest}
	if m, ok := line.cut(p.Days.Audit); ok {
		p.AuditSeq, p.AuditBefore = m.Seq, m.At
		deciding = append(deciding, m)
	}
	if m, ok := line.cut(p.Days.verdicts()); ok {
		p.VerdictSeq, p.VerdictsBefore = m.Seq, m.At
		deciding = append(deciding, m)
	}
	if m, ok := line.cut(p.Days.Sessions); ok {
		p.SessionsBefore = m.At
		deciding = append(deciding, m)
	}
	if len(deciding) == 1 {
		p.Stopped = StoppedYoung
		return nil
	}
	keys, err := s.d.Keys(ctx)
	if err != nil {
		return err
	}
	for _, m := range deciding {
		fits, err := s.proved(ctx, keys, m)
		if err != nil {
			return err
		}
		if !fits {
			*p = Plan{Days: p.Days, AsOf: p.AsOf, Stopped: StoppedProof}
			return nil
		}
	}
	return s.waits(ctx, p)
}

// proved says whether a checkpoint is signed by us, says what its row says, and fits the audit row that it names.
func (s *Service) proved(ctx context.Context, keys proof.Keys, m mark) (bool, error) {
	own, note, err := noteOf(ctx, s.d.DB, m.Number)
	if err != nil {
		return false, err
	}
	c, _, err := proof.ParseCheckpoint(note, keys)
	if err != nil {
		s.d.Log.ErrorContext(ctx, "a checkpoint is not proved by our keys: nothing is removed", "number", m.Number, "err", err)
		return false, nil
	}
	if c.Number != m.Number || c.Seq != m.Seq || c.Hash != own || !c.At.Equal(m.At) {
		return false, nil
	}
	hash, there, err := hashOf(ctx, s.d.DB, m.Seq)
	return err == nil && (!there || hash == own), err
}

// waits keeps back what has not reached everybody whom rows are sent to, and what a schedule has yet to export.
func (s *Service) waits(ctx context.Context, p *Plan) error {
	due := p.AuditSeq
	for _, w := range []struct {
		far  func(ctx context.Context) (seq int64, limited bool, err error)
		keep *int64
	}{{s.d.Forwarded, &p.Unsent}, {s.d.Exported, &p.Unexported}} {
		if w.far == nil || due == 0 {
			continue
		}
		seq, limited, err := w.far(ctx)
		if err != nil {
			return err
		}
		if limited && seq < due {
			*w.keep, p.AuditSeq = due-seq, min(p.AuditSeq, seq)
		}
	}
	return nil
}

// count fills in how much would go.
func (s *Service) count(ctx context.Context, p *Plan) (err error) {
	tx, err := s.d.DB.ReadSQL().BeginTx(ctx, nil)
	if err != nil {
		return db.Translate(err)
	}
	defer func() { err = joined(err, tx.Rollback()) }() // a read has nothing to commit
	r := reader{ctx, tx}
	if p.holds, err = heldNow(r.ask); err != nil {
		return err
	}
	if p.AuditSeq > 0 {
		if err = r.segments(p); err != nil {
			return err
		}
	}
	if p.Verdicts, err = r.verdicts(p); err != nil {
		return err
	}
	p.Sessions, err = r.sessions(p)
	return err
}

// rule is how a tombstone names what its rows went by.
func (p *Plan) rule() string { return fmt.Sprintf("retention.audit=%dd", p.Days.Audit) }
