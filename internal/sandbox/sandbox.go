// Package sandbox runs one piece of work in a throw-away child: this very program, started anew with nothing but what it is
// given, which lays down every right it can before it reads a byte. What native code makes of a hostile file then ends with
// the child. It knows neither models nor engines, and imports nothing of ours but fault.
package sandbox

import (
	"os"
	"syscall"
	"time"
)

// Command is the first argument of a child.
const Command = "__child"

// Child is one piece of work.
type Child struct {
	Name  string     // which of the jobs
	Files []*os.File // it finds them as its descriptors from 3 on; opened for reading only, at most 8
	Stdin []byte     // the order
	// Wide leaves it the file system, devices and system calls, for work that has to load a driver. Never with a file of a stranger.
	Wide   bool
	Limits Limits
}

// Limits bound a child. Zero of Wall and Output is the usual: a minute, 64 KiB.
type Limits struct {
	Memory int64         // bytes that it may hold in memory, its program's own included; 0 = no limit
	CPU    time.Duration // of all its threads together; 0 = no limit
	Wall   time.Duration // from its start to its end
	Output int           // bytes on its standard output
}

// Guards says what held a child. All but Landlock must hold, or it does nothing.
type Guards struct {
	NoNewPrivs bool `json:"no_new_privs"`
	Seccomp    bool `json:"seccomp"`
	Landlock   int  `json:"landlock"` // the version in force; 0 = the kernel has none
}

// Result is how a child ended.
type Result struct {
	Guards Guards
	Stdout []byte         // its answer, JSON; whoever wrote it may be hostile
	Stderr []byte         // the last words of a crash, for a log and never for a person
	Exit   int            // its exit code; -1 = a signal ended it
	Signal syscall.Signal // 0 = none did
	Late   bool           // it was ended for want of time
	Flood  bool           // it was ended because it wrote too much
	Heavy  bool           // it was ended because it took too much memory
}

// Exit codes of a child that did nothing.
const (
	exitNoJob   = 64 // no such job
	exitNoGuard = 65 // it could not be confined
)

// Unconfined says that the child did nothing, because the kernel lacks what it must be confined with.
func (r Result) Unconfined() bool { return r.Exit == exitNoGuard }

// Good says that the child ended by itself and gave an answer.
func (r Result) Good() bool { return r.Exit == 0 && r.Signal == 0 && !r.Late && !r.Flood && !r.Heavy }
