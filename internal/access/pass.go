package access

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/limit"
	"guardhouse/internal/rule"
)

// Pass proves that Enter said yes, once. Only Enter makes a valid one; it can be committed once and is closed after.
type Pass struct {
	guard     *Guard
	principal Principal
	op        Op
	start     time.Time
	version   int64
	ruleID    string
	report    []rule.Reported
	limits    limit.Headers
	held      *limit.Reservation

	mu      sync.Mutex
	used    Cost
	state   state
	refused *audit.Entry // the row that Close owes when the check refused
}

type state int

const (
	open    state = iota
	busy          // a row is being written
	opening       // the row of a stream's beginning is being written, and the use goes on meanwhile
	failed        // nothing was kept: nothing more may be committed, and Close owes the row
	settled       // the row is durable
	running       // the row of a stream's beginning is durable, and the use goes on
	ended         // the closing row is durable too
)

// Outcome is what the operation came to. Empty members keep what Enter was told; Decision "" means allow. As is who an
// anonymous caller proved to be, so that a sign-in stands under its person's name; it changes no other caller. Check, if
// any, runs in the transaction before the row is written: it may refuse, and the details it answers stand in the row
// either way.
type Outcome struct {
	As                    *Principal
	Check                 func(tx *db.Tx) (details map[string]any, err error)
	Reason, Decision      string
	Details               map[string]any
	Resource, ModelSHA256 string
	Content               [][]byte
}

var errPass = errors.New("not a valid pass")

// Valid answers an error for a pass that is nil, was not made by Enter, or has been committed, ended or closed.
func (p *Pass) Valid() error {
	if p == nil || p.guard == nil {
		return fault.Wrap(errPass, fault.Internal, "the operation has no pass")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != open && p.state != opening && p.state != running {
		return fault.Wrap(errPass, fault.Internal, "the operation's pass is used up")
	}
	return nil
}

// Principal answers who entered.
func (p *Pass) Principal() Principal { return p.principal }

// Account answers on whose account the use is.
func (p *Pass) Account() string { return p.principal.Account() }

// Account answers on whose account a principal acts: the person's, whichever of his keys and sessions asks; else the key's or
// the command line's. Whoever shares something out among principals counts by it.
func (p Principal) Account() string {
	switch {
	case p.UserID != "":
		return p.UserID
	case p.KeyID != "":
		return KindKey + ":" + p.KeyID
	default:
		return p.Kind + ":" + p.Name
	}
}

// Op answers what was asked for.
func (p *Pass) Op() Op { return p.op }

// PolicyVersion answers the version that the decision was made under.
func (p *Pass) PolicyVersion() int64 { return p.version }

// RuleID answers the rule that allowed it, "" where none was needed.
func (p *Pass) RuleID() string { return p.ruleID }

// Limits answers the headers that say how the limits stand since this use was let in.
func (p *Pass) Limits() limit.Headers { return p.limits }

// Used says what the use came to so far, for quotas; what it is told adds up until the pass is committed or closed. A use that
// says nothing took nothing but its request.
func (p *Pass) Used(c Cost) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used.Tokens += c.Tokens
	p.used.Images += c.Images
	p.used.ComputeMS += c.ComputeMS
}

// settle gives back what was reserved and counts what was used, once.
func (p *Pass) settle() {
	p.mu.Lock()
	used := p.used
	p.mu.Unlock()
	p.held.Settle(p.guard.now(), used)
}

// Commit writes the audit row, then fn's rows, in one transaction, and returns when they are durable. fn may be nil and may
// run more than once. A caller whose ctx is done by then leaves an error row, with reason canceled if it was he who left, fn does not
// run, and the cause is answered: Canceled, Timeout, or why else the ctx was ended. When fn fails nothing is kept, and Close leaves the row. NotInForce is answered beside the
// event when all of it is durable, and the policy that it changed could not be read anew.
func (p *Pass) Commit(ctx context.Context, o Outcome, fn func(tx *db.Tx, ev audit.Event) error) (audit.Event, error) {
	return p.commit(ctx, o, fn, settled)
}

// commit leaves the pass in the state after, or settled where the caller had left.
func (p *Pass) commit(ctx context.Context, o Outcome, fn func(tx *db.Tx, ev audit.Event) error, after state) (audit.Event, error) {
	during := busy
	if after == running {
		during = opening
	}
	if p == nil || p.guard == nil || !p.move(open, during) {
		return audit.Event{}, fault.Wrap(errPass, fault.Internal, "the operation has no pass, or it is used up")
	}
	e := p.guard.audit.Prepare(p.entry(o), p.guard.now())
	var ev audit.Event
	var gone error
	var refused *audit.Entry
	err := p.guard.write(func(tx *db.Tx) error {
		var err error
		if gone = context.Cause(ctx); gone != nil {
			ev, err = p.guard.audit.Append(tx, abandoned(e, gone))
			return err
		}
		row := e
		if refused = nil; o.Check != nil {
			details, err := o.Check(tx)
			row.Details = merge(e.Details, details)
			if err != nil {
				refused = &row
				return err
			}
		}
		if ev, err = p.guard.audit.Append(tx, row); err != nil || fn == nil {
			return err
		}
		return fn(tx, ev)
	})
	late := fault.CodeOf(err) == fault.NotInForce
	if err != nil && !late {
		p.keep(refused, err)
		p.move(during, failed)
		return audit.Event{}, err
	}
	if gone != nil {
		after = settled
	}
	if p.move(during, after); after == settled {
		p.settle()
	}
	if gone != nil {
		return ev, fault.From(gone)
	}
	return ev, err
}

// keep remembers what the row says of a use that its own check refused: deny where the right was lacking by then, error
// with the code where what was asked for can't be. A check that broke down is no refusal.
func (p *Pass) keep(refused *audit.Entry, err error) {
	if refused == nil {
		return
	}
	code := fault.CodeOf(err)
	switch code {
	case fault.Forbidden, fault.Unauthenticated, fault.ConfirmationRequired:
		refused.Decision = audit.Deny
	case fault.Invalid, fault.NotFound, fault.Conflict, fault.Stale, fault.Unprocessable:
		refused.Decision = audit.Error
	default:
		return
	}
	refused.Reason, refused.Resource = string(code), p.op.Resource // what would have been made is nowhere
	p.refused = refused
}

// Close settles a pass that was not committed, or was opened and not ended, with an error row: canceled when *err is the
// caller's leaving, the refusal's where the check refused, else failed.
// Use it as `defer pass.Close(&err)`. Where an answer without a row would leave, it replaces *err.
func (p *Pass) Close(err *error) {
	if p == nil || p.guard == nil {
		return
	}
	back := failed
	if p.move(running, busy) {
		back = running
	} else if !p.move(open, busy) && !p.move(failed, busy) {
		return
	}
	p.settle()
	e := p.owed(back == running)
	if err != nil && *err != nil {
		e = because(e, *err)
	}
	if _, werr := p.guard.audit.Record(e); werr != nil {
		p.guard.log.Error("appending the row of a failed operation", "request_id", e.RequestID, "err", werr)
		p.move(busy, back)
		if err != nil {
			*err = werr
		}
		return
	}
	p.move(busy, settled)
	if err != nil && *err == nil {
		*err = fault.Wrap(errPass, fault.Internal, "the operation ended without its record")
	}
}

// owed is the row of a use that came to nothing, or to nothing more.
func (p *Pass) owed(opened bool) audit.Entry {
	broken := Outcome{Decision: audit.Error, Reason: reasonFailed}
	switch {
	case opened:
		return p.closing(broken)
	case p.refused != nil:
		e := *p.refused
		e.Duration = p.guard.elapsed(p.start)
		return e
	}
	return p.entry(broken)
}

func (p *Pass) entry(o Outcome) audit.Entry {
	who := p.principal
	if o.As != nil && who.Kind == KindAnonymous {
		who = p.guard.current.Load().member(*o.As)
		who.Origin = p.principal.Origin
	}
	e := entry(who, p.op)
	e.Decision, e.Reason, e.RuleID, e.PolicyVersion = audit.Allow, o.Reason, p.ruleID, p.version
	e.Duration = p.guard.elapsed(p.start)
	if o.Decision != "" {
		e.Decision = o.Decision
	}
	if o.Resource != "" {
		e.Resource = o.Resource
	}
	if o.ModelSHA256 != "" {
		e.ModelSHA256 = o.ModelSHA256
	}
	if o.Content != nil {
		e.Content = o.Content
	}
	e.Details = merge(e.Details, o.Details)
	addReport(&e, p.report)
	return e
}

// abandoned is the row of a use that nobody waited for any more, or that nobody was to wait for.
func abandoned(e audit.Entry, why error) audit.Entry {
	e.Decision, e.Reason = audit.Error, reasonFailed
	return because(e, why)
}

// because adds the code of what ended a use.
func because(e audit.Entry, why error) audit.Entry {
	code := fault.CodeOf(why)
	if code == fault.Canceled {
		e.Decision, e.Reason = audit.Error, reasonCanceled
	}
	e.Details = merge(e.Details, map[string]any{"code": string(code)})
	return e
}

// merge answers a new map: entries are made more than once from the same operation.
func merge(a, b map[string]any) map[string]any {
	if len(b) == 0 {
		return a
	}
	out := make(map[string]any, len(a)+len(b))
	maps.Copy(out, a)
	maps.Copy(out, b)
	return out
}

func (p *Pass) move(from, to state) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != from {
		return false
	}
	p.state = to
	return true
}
