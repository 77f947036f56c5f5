package app

import (
	"runtime"

	"guardhouse/internal/config"
)

// spareProcessor lets Go run one goroutine more than there are processors, until restore is called. A pass of a model keeps
// the place of its goroutine for its milliseconds: with a pass on every processor nobody reads requests or writes answers
// until the runtime notices. Two processors at a load of 13, medians of ten rounds: one client waits 2.8 ms instead of 3.9,
// 16 have 4 % more verdicts, 4 the same. Who has set GOMAXPROCS knows better.
func spareProcessor() (restore func()) {
	if config.Lookup("GOMAXPROCS") != "" {
		return func() {}
	}
	before := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(before + 1)
	return func() { runtime.GOMAXPROCS(before) }
}
