package rehearsal

import (
	"context"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
)

const (
	// maxUses is how many uses one rehearsal looks at: a few seconds' work.
	maxUses = 200_000
	// longest is how long one look over the log takes.
	longest = 20 * time.Second
	// maxDays is how far back anybody looks.
	maxDays     = 90
	maxCounts   = 100
	maxSamples  = 20
	defaultDays = 14
	retryAfter  = time.Second
	hoursOfDay  = 24 * time.Hour
)

// Result is what a proposed set would have made of the recorded uses. A caller without audit.read is told no Models, Samples and
// Days.
type Result struct {
	From, To           time.Time
	Rows, Skipped      int
	Cut                bool
	Gain, Lose, Change int
	People, Models     []Count
	PeopleTotal        int
	Samples            []Sample
	Days               []Day
	PolicyVersion      int64
}

// Count is what differs for one account or model. ID and Name of accounts are empty for a caller without audit.read.
type Count struct {
	ID, Name           string
	Gain, Lose, Change int
}

// Day is what differs on one day of UTC.
type Day struct {
	Day        string
	Gain, Lose int
}

// Effects of a proposed set on a use.
const (
	Gain   = "gain"
	Lose   = "lose"
	Change = "change"
)

// Sample is one use that differs.
type Sample struct {
	Use           audit.Use
	Effect        string
	Before, After Cell
}

// Rehearse puts the uses of the last days to the rules in force and to the proposed ones. It refuses a caller without
// acl.manage (with its row), days outside 1 to 90, what writing the rules would refuse, and a second rehearsal of one account
// at a time (Busy), and what Turn refuses. It ends with ctx.
func (s *Service) Rehearse(ctx context.Context, caller access.Principal, p Proposal, days int) (Result, error) {
	if err := s.administers(ctx, caller); err != nil {
		return Result{}, err
	}
	if days == 0 {
		days = defaultDays
	}
	if days < 1 || days > maxDays {
		return Result{}, fault.Newf(fault.Invalid, "days must be between 1 and %d", maxDays).WithField("days")
	}
	done, err := s.begin(caller.Account())
	if err != nil {
		return Result{}, err
	}
	defer done()
	p.Given = true
	set, _, err := s.set(ctx, caller, p)
	if err != nil {
		return Result{}, err
	}
	now := s.Now()
	r := s.replay(set, now.Add(-time.Duration(days)*hoursOfDay), now)
	var span audit.Uses
	late, err := s.look(ctx, caller.Account(), func(ctx context.Context) (err error) {
		span, err = s.Log.EachUse(ctx, r.out.From, r.out.To, maxUses, func(u audit.Use) error { return r.use(ctx, u) })
		return err
	})
	if err != nil {
		return Result{}, err
	}
	r.out.From, r.out.Cut = span.From, span.Cut || late
	if late {
		r.out.To = r.last
		if r.out.To.Before(r.out.From) { // nothing was put to the sets yet
			r.out.To = r.out.From
		}
	}
	return r.result(s.Guard.Can(caller, access.AuditRead)), nil
}

// begin lets one rehearsal of an account run at a time.
func (s *Service) begin(account string) (done func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running[account] {
		return nil, fault.New(fault.Busy, "Another rehearsal of yours is under way.").WithRetry(retryAfter)
	}
	s.running[account] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.running, account)
	}, nil
}
