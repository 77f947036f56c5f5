package checkpoint

import (
	"context"
	"time"

	"guardhouse/internal/fault"
	"guardhouse/internal/proof"
)

// Start writes the checkpoint with which a server begins, after making a key where there is none. It fails where the key can
// be used by others or is not what it should be: a server that cannot sign must not pretend to. A database that takes no row
// now is no reason: the server says so itself, and Run writes the checkpoint as soon as it can be written.
func (s *Service) Start(ctx context.Context) error {
	err := s.begin(ctx)
	if code := fault.CodeOf(err); err != nil && code != fault.AuditUnavailable && code != fault.Busy {
		return err
	}
	s.noteWriting(ctx, err)
	s.mu.Lock()
	s.started, s.late = true, err != nil
	s.mu.Unlock()
	return nil
}

func (s *Service) begin(ctx context.Context) error {
	signer, err := s.current(ctx)
	if err != nil {
		return err
	}
	s.sweep(ctx, signer.ID())
	return s.Write(ctx, proof.CauseStart)
}

// Run writes checkpoints as the log grows and as time passes, and copies what could not be copied before, until ctx ends. At the
// beginning it looks through all of the folder of copies.
func (s *Service) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	go s.search(ctx) // nobody waits for it: a network mount may not answer
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.look(ctx)
		}
	}
}

// look writes a checkpoint that is due.
func (s *Service) look(ctx context.Context) {
	cause, err := s.due(ctx)
	if err == nil && cause != "" {
		err = s.Write(ctx, cause)
	}
	if err == nil && cause == proof.CauseStart {
		s.mu.Lock()
		s.late = false
		s.mu.Unlock()
	}
	s.noteWriting(ctx, err)
	s.retryCopy(ctx)
}

// due answers why a checkpoint is to be written now, "" where none is.
func (s *Service) due(ctx context.Context) (string, error) {
	last, err := ReadLast(ctx, s.db)
	if err != nil {
		return "", err
	}
	seq, err := headSeq(ctx, s.db)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	s.state.Last = last
	late := s.late
	s.mu.Unlock()
	// A clock that was set back is no reason to wait until it has caught up.
	passed := s.o.Now().Sub(last.At).Abs()
	switch {
	case late:
		return proof.CauseStart, nil
	case seq-last.Seq >= s.o.Rows:
		return proof.CauseRows, nil
	case seq > last.Seq && passed >= s.o.Every, passed >= aliveEvery:
		return proof.CauseTime, nil
	}
	return "", nil
}

// Stop writes the last checkpoint of a server that was started. Nothing may be appended to the log behind it.
func (s *Service) Stop(ctx context.Context) error {
	s.mu.Lock()
	started := s.started
	s.started = false
	s.mu.Unlock()
	if !started {
		return nil
	}
	return s.Write(ctx, proof.CauseStop)
}

// noteWriting keeps whether checkpoints can be written, and says it once when that changes.
func (s *Service) noteWriting(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	before := s.state.Problem
	s.state.Problem, s.state.Why = "", whyOf(err)
	if err != nil {
		s.state.Problem = fault.From(err).Message
	}
	changed := s.state.Problem != before
	s.mu.Unlock()
	if changed && err != nil {
		s.log.ErrorContext(ctx, "writing a checkpoint of the audit log", "err", err)
	} else if changed {
		s.log.InfoContext(ctx, "checkpoints of the audit log are written again")
	}
}
