package inference

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
)

// Marks is told of every payload before native code sees it, so that a crash is laid at the right door (threat M8).
type Marks interface {
	// Admit refuses payloads and principals that ended the process before. A suspect waits for its turn to run alone; nobody holds
	// a place at a model meanwhile.
	Admit(ctx context.Context, payload [32]byte, principal string) (Mark, error)
	// Company notes work that is no payload's, such as loading a model, until done is called.
	Company() (done func())
}

// Mark is one payload's.
type Mark interface {
	// Begin writes the payload down. One that has to run alone waits until nothing else runs: a moment, or as long as ctx lasts
	// where it goes on with what it began.
	Begin(ctx context.Context, goesOn bool) error
	// Crowded says whether others wait for this one's end: for their turn beside one that runs alone, or for one to be alone.
	Crowded() bool
	// End takes it away, once, whether it began or not; whole says that the payload was run to its end.
	End(whole bool)
}

// unmarked is what a scheduler without marks goes by.
type unmarked struct{}

func (unmarked) Admit(context.Context, [32]byte, string) (Mark, error) { return unmarked{}, nil }
func (unmarked) Company() (done func())                                { return func() {} }
func (unmarked) Begin(context.Context, bool) error                     { return nil }
func (unmarked) Crowded() bool                                         { return false }
func (unmarked) End(bool)                                              {}

// mark asks for the ids that go to the model on the account of the lease's pass.
func (l *Lease) mark(ctx context.Context, ids []int32) (Mark, error) {
	marks := l.scheduler.marks
	if _, none := marks.(unmarked); none {
		return unmarked{}, nil
	}
	return marks.Admit(ctx, payload(l.entry.id, ids), l.pass.Account())
}

// payload names ids at a model.
func payload(model string, ids []int32) (sum [sha256.Size]byte) {
	data := make([]byte, 0, len(model)+1+4*len(ids))
	data = append(append(data, model...), 0)
	for _, id := range ids {
		data = binary.LittleEndian.AppendUint32(data, uint32(id))
	}
	return sha256.Sum256(data)
}
