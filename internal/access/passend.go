package access

import (
	"context"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// Open appends the row that a stream of answers owes before its first byte. Unlike after Commit the use goes on: the pass is valid
// until End, or Close, whose row tells what it came to and with which its quotas are settled. A caller whose ctx is done by then
// leaves an error row, the use is over, and the cause is answered, as by Commit.
func (p *Pass) Open(ctx context.Context, o Outcome) (audit.Event, error) {
	return p.commit(ctx, o, nil, running)
}

// End appends the row that closes what the pass's own row opened, and fn's rows with it, in one transaction: a stream has one
// row before its first byte and one behind its last. Only a committed or opened pass has it, once; who left meanwhile changes
// nothing, the row is owed. A failed End may be tried again.
func (p *Pass) End(o Outcome, fn func(tx *db.Tx, ev audit.Event) error) (ev audit.Event, err error) {
	before := settled
	if p == nil || p.guard == nil || !p.move(settled, busy) {
		if before = running; p == nil || p.guard == nil || !p.move(running, busy) {
			return audit.Event{}, fault.Wrap(errPass, fault.Internal, "the operation was not opened, or is closed already")
		}
	}
	e := p.guard.audit.Prepare(p.closing(o), p.guard.now())
	err = p.guard.write(func(tx *db.Tx) error {
		if ev, err = p.guard.audit.Append(tx, e); err != nil || fn == nil {
			return err
		}
		return fn(tx, ev)
	})
	if err != nil {
		p.move(busy, before)
		return audit.Event{}, err
	}
	if p.move(busy, ended); before == running {
		p.settle()
	}
	return ev, nil
}

// closing is the row behind a stream's last byte. It is no use of its own, so it names no operation, and its content is what was
// answered: what was asked stands in the row that it closes.
func (p *Pass) closing(o Outcome) audit.Entry {
	e := p.entry(o)
	e.Operation, e.Content = "", o.Content
	return e
}
