package supervise

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// process is one running worker.
type process struct {
	process *os.Process
	life    *os.File // its end tells the worker that the parent is gone
	word    *os.File
	began   time.Time
	serving chan struct{} // closed once its ports are answered
	served  atomic.Bool   // the same
	whole   atomic.Int64  // since when, in ns after began; 0 = not yet
	now     func() time.Time
	ended   chan Ended
	// leftovers are ended before its end is told.
	leftovers *leftovers
}

const (
	// mostWords is more than a worker has to say. Nobody listens to one that says more.
	mostWords = 16
	// lastWords is how long what a dead worker said is waited for. Its end of the pipe closed with it, unless somebody whom it left
	// behind has that too.
	lastWords = time.Second
)

// start starts a worker: this very binary, whatever lies under its name now.
func (s *supervisor) start(with Start) (_ *process, err error) {
	with.Parent, with.Config, with.Crashes = os.Getpid(), s.Config, s.book.Verdicts(s.Now())
	given, err := s.files()
	if err != nil {
		return nil, err
	}
	for _, f := range given {
		with.Names = append(with.Names, f.Name)
	}
	told, err := with.seal()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, told.Close()) }()
	lifeThere, lifeHere, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("making a pipe to the worker: %w", err)
	}
	defer func() { err = errors.Join(err, lifeThere.Close()) }()
	wordHere, wordThere, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making a pipe from the worker: %w", err), lifeHere.Close())
	}
	defer func() { err = errors.Join(err, wordThere.Close()) }()
	files := []*os.File{s.Std[0], s.Std[1], s.Std[2], told, lifeThere, wordThere, s.table.File(), s.notes}
	for _, f := range given {
		files = append(files, f.File)
	}
	p := &process{life: lifeHere, word: wordHere, began: s.Now(), now: s.Now, serving: make(chan struct{}), ended: make(chan Ended, 1), leftovers: s.leftovers}
	p.process, err = os.StartProcess("/proc/self/exe", s.Args, &os.ProcAttr{
		Env: s.Environ, Files: files, Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the worker: %w", err), p.close())
	}
	go p.watch()
	return p, nil
}

// files answers what a worker gets of whoever runs this parent.
func (s *supervisor) files() ([]File, error) {
	if s.Files == nil {
		return nil, nil
	}
	return s.Files()
}

func (p *process) close() error { return errors.Join(p.life.Close(), p.word.Close()) }

// listen hears what the worker says: each word counts once.
func (p *process) listen() {
	word := make([]byte, 1)
	for range mostWords {
		if _, err := io.ReadFull(p.word, word); err != nil {
			return // it is gone, or soon will be
		}
		switch word[0] {
		case wordServing:
			if p.served.CompareAndSwap(false, true) {
				close(p.serving)
			}
		case wordWhole:
			p.whole.CompareAndSwap(0, int64(max(1, p.now().Sub(p.began))))
		}
	}
}

// watch waits until the worker is gone, and tells how it ended. It goes by the kernel alone: what a worker says or leaves open keeps
// no parent from noticing.
func (p *process) watch() {
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		p.listen() // until close at the latest
	}()
	state, err := p.process.Wait()
	e := Ended{At: p.now(), err: err}
	if err == nil { // else the worker may live
		e.left, e.stuck = p.leftovers.end(leftoversFor)
	}
	timer := time.NewTimer(lastWords)
	defer timer.Stop()
	select {
	case <-heard:
	case <-timer.C:
	}
	e.Ran, e.Served = e.At.Sub(p.began), p.served.Load()
	if whole := time.Duration(p.whole.Load()); whole > 0 {
		e.Whole = max(1, e.Ran-whole)
	}
	if err == nil {
		e.Code = state.ExitCode()
		if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			e.Signal = status.Signal()
		}
	}
	p.ended <- e
}

// terminate asks the worker to finish. One that is gone already needs no asking.
func (p *process) terminate() { _ = p.process.Signal(syscall.SIGTERM) }

// hangUp passes on that the log file is to be opened anew.
func (p *process) hangUp() { _ = p.process.Signal(syscall.SIGHUP) }

// kill ends one that does not finish.
func (p *process) kill() { _ = p.process.Kill() }
