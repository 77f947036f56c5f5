package access

import (
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// ended is the state of a pass that has its closing row too.
const ended = settled + 1

// End appends the row that closes what the pass's own row opened, and fn's rows with it, in one transaction: a stream has one
// row before its first byte and one behind its last. Only a committed pass has it, once; who left meanwhile changes nothing,
// the row is owed. A failed End may be tried again.
func (p *Pass) End(o Outcome, fn func(tx *db.Tx, ev audit.Event) error) (ev audit.Event, err error) {
	if p == nil || p.guard == nil || !p.move(settled, busy) {
		return audit.Event{}, fault.Wrap(errPass, fault.Internal, "the operation was not opened, or is closed already")
	}
	e := p.guard.audit.Prepare(p.entry(o), p.guard.now())
	err = p.guard.write(func(tx *db.Tx) error {
		if ev, err = p.guard.audit.Append(tx, e); err != nil || fn == nil {
			return err
		}
		return fn(tx, ev)
	})
	if err != nil {
		p.move(busy, settled)
		return audit.Event{}, err
	}
	p.move(busy, ended)
	return ev, nil
}
