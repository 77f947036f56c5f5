package checkpoint

import (
	"context"
	"errors"
	"syscall"
	"time"

	"guardhouse/internal/fault"
)

// patience is how long a copy is waited for. What takes longer, a network mount whose server is away, goes on by itself.
const patience = 5 * time.Second

// copyOut brings the anchor up to the database, and waits for that. A folder that does not answer keeps nobody waiting for
// longer than the patience, and once State says so nobody at all.
func (s *Service) copyOut(ctx context.Context) {
	wait := time.NewTimer(s.o.Patience)
	defer wait.Stop()
	for {
		ended, mine, late := s.startCopy(ctx)
		if late {
			return
		}
		select {
		case <-ended:
			if mine {
				return
			}
		case <-wait.C:
			s.copyHangs(ctx, ended)
			return
		}
	}
}

// startCopy answers the copy that is under way, after starting one where none is.
func (s *Service) startCopy(ctx context.Context) (ended chan struct{}, mine, late bool) {
	a := s.anchor
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended != nil {
		return a.ended, false, a.late
	}
	a.ended, a.tried = make(chan struct{}), s.o.Now()
	go s.copy(context.WithoutCancel(ctx))
	return a.ended, true, false
}

// copy is the one copy that is under way.
func (s *Service) copy(ctx context.Context) {
	a := s.anchor
	outside := outside(s.o.DataDir, s.o.Anchor)
	foreign, err := a.update(ctx, s.db)
	a.mu.Lock()
	defer a.mu.Unlock()
	defer close(a.ended)
	if !errors.Is(err, syscall.EWOULDBLOCK) { // else another process is at it
		s.noteCopying(ctx, err, func(now *AnchorState) {
			now.Number, now.At, now.Foreign, now.Outside = a.done.Number, a.done.At, now.Foreign || foreign, outside
		})
	} else if a.late {
		s.noteCopying(ctx, nil, nil)
	}
	a.ended, a.late = nil, false
}

// copyHangs says that a copy is under way for too long, unless it has just ended.
func (s *Service) copyHangs(ctx context.Context, ended chan struct{}) {
	s.anchor.mu.Lock()
	defer s.anchor.mu.Unlock()
	if s.anchor.ended != ended || s.anchor.late {
		return
	}
	s.anchor.late = true
	s.noteCopying(ctx, silent(), nil)
}

func silent() error {
	return fault.Wrap(because(WhySilent, nil), fault.Unprocessable, "The folder of copies of checkpoints does not answer.")
}

// answered is what ask answers of the folder, or that it does not answer within the patience. Then ask goes on by itself: nothing
// ends a system call that waits for a network mount.
func answered[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	came := make(chan answer, 1)
	go func() {
		value, err := ask()
		came <- answer{value, err}
	}()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case a := <-came:
		return a.value, a.err
	case <-ctx.Done():
		var zero T
		return zero, silent()
	}
}

// noteCopying keeps how copying went, and says it once when that changes. change is nil where nothing else is known.
func (s *Service) noteCopying(ctx context.Context, err error, change func(*AnchorState)) {
	s.mu.Lock()
	before := s.state.Anchor
	after := before
	after.Problem, after.Why = "", whyOf(err)
	if change != nil {
		change(&after)
	}
	if err != nil {
		after.Problem = fault.From(err).Message
		if before.Problem == "" {
			after.Since = s.o.Now()
		}
	}
	s.state.Anchor = after
	s.mu.Unlock()
	if after.Foreign && !before.Foreign {
		s.sayForeign(ctx)
	}
	switch {
	case after.Problem != "" && after.Problem != before.Problem:
		s.log.ErrorContext(ctx, "copying checkpoints to the anchor", "err", err)
	case after.Problem == "" && before.Problem != "":
		s.log.InfoContext(ctx, "checkpoints are copied to the anchor again", "number", after.Number)
	}
}

// retryCopy copies what another process wrote or what could not be copied before.
func (s *Service) retryCopy(ctx context.Context) {
	s.mu.Lock()
	behind := s.state.Last.Number > s.state.Anchor.Number
	problem := s.state.Anchor.Problem != ""
	s.mu.Unlock()
	s.anchor.mu.Lock()
	waited := s.o.Now().Sub(s.anchor.tried).Abs() >= retryEvery
	s.anchor.mu.Unlock()
	if (behind || problem) && (waited || !problem) {
		s.copyOut(ctx)
	}
}
