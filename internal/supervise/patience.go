package supervise

import (
	"fmt"
	"slices"
	"syscall"
	"time"
)

const (
	// mostFailures in a row are the end, some minute after the first.
	mostFailures = 8
	firstWait    = time.Second
	longestWait  = 30 * time.Second
	// quiet is how long a worker must have served before its crash is one by itself and none of a row.
	quiet = 10 * time.Second
)

// Ended is how a worker ended.
type Ended struct {
	At     time.Time
	Ran    time.Duration
	Code   int // -1 where a signal ended it
	Signal syscall.Signal
	Served bool          // its ports were answered
	Whole  time.Duration // how long it ran with its models loaded, 0 = they never were
	// What it left behind: processes that were ended, and those that would not.
	left, stuck int
	err         error
}

// exitFault is the status that Go ends with after a fault in native code, an abort there, or a panic.
const exitFault = 2

// ByItself says that nobody killed it: native code or a panic did.
func (e Ended) ByItself() bool {
	faults := []syscall.Signal{syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGILL, syscall.SIGFPE, syscall.SIGABRT, syscall.SIGTRAP, syscall.SIGSYS}
	return e.Code == exitFault || e.Code < 0 && slices.Contains(faults, e.Signal)
}

// refused says that it did not want to start, and has told why.
func (e Ended) refused() bool { return !e.Served && e.Code >= 0 && e.Code != exitFault }

// failed says that the next worker may well end like this one. Models may be loaded before the ports are answered.
func (e Ended) failed() bool { return !e.Served || e.Whole == 0 || e.ByItself() && e.Whole < quiet }

// final is what the end of one that was asked to stop means for the parent.
func (e Ended) final() error {
	switch {
	case e.Code == 0, e.Signal == syscall.SIGTERM && !e.Served: // it had accepted nothing yet
		return nil
	case e.Code > 0 && !e.ByItself():
		return &ExitError{Code: e.Code}
	}
	return fmt.Errorf("the worker was to finish and ended with %s", e)
}

// String is for the log.
func (e Ended) String() string {
	if e.Code < 0 {
		return "signal " + e.Signal.String()
	}
	return fmt.Sprintf("status %d", e.Code)
}

// patience counts failures in a row.
type patience struct {
	failures int
	unblamed int // of them, those that no payload may have caused
}

// after answers how long to wait for the next start, and whether there is to be none: at once after a worker that had served, then
// ever longer. What payloads may have caused (blamed) is never the end: whoever sends them is found and stopped.
func (p *patience) after(e Ended, blamed bool) (wait time.Duration, enough bool) {
	if !e.failed() {
		*p = patience{}
		return 0, false
	}
	p.failures = min(p.failures+1, mostFailures)
	if !blamed {
		p.unblamed++
	}
	switch {
	case p.unblamed >= mostFailures:
		return 0, true
	case p.failures == 1:
		return 0, false
	}
	return min(longestWait, firstWait<<(p.failures-2)), false
}
