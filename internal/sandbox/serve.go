package sandbox

// #include "confine.h"
import "C"

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
)

// maxOrder bounds what a parent may ask for at once.
const maxOrder = 1 << 20

// Job is what a child does with an order and the files it was given. Its answer becomes JSON; an error ends the child
// with exit code 1 and one line on its standard error.
type Job func(order []byte, files []*os.File) (any, error)

// Serve is the child's side of Run: where args are those of a child, it confines the process, does the job of that name and
// answers the exit code. child is false for every other command line. It must be called before anything else is started.
func Serve(args []string, jobs map[string]Job) (code int, child bool) {
	if len(args) == 0 || args[0] != Command {
		return 0, false
	}
	state := C.gh_confined()
	if len(args) != 2 || state.asked == 0 {
		fmt.Fprintln(os.Stderr, "guardhouse: "+Command+" is what the program starts itself with")
		return exitNoJob, true
	}
	job, ok := jobs[args[1]]
	if args[1] == nothing {
		job, ok = idle, true
	}
	if !ok {
		return exitNoJob, true
	}
	g := Guards{NoNewPrivs: state.no_new_privs != 0, Landlock: max(0, int(state.landlock))}
	if state.tight != 0 {
		g.Seccomp = confineCalls() == nil
	}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(g); err != nil {
		return 1, true
	}
	if !g.NoNewPrivs || state.tight != 0 && !g.Seccomp {
		return exitNoGuard, true
	}
	if err := work(job, int(state.files), out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	return 0, true
}

// idle is the job of a child that only says what holds it.
func idle([]byte, []*os.File) (any, error) { return struct{}{}, nil }

func work(job Job, n int, out *json.Encoder) error {
	order, err := io.ReadAll(io.LimitReader(os.Stdin, maxOrder))
	if err != nil {
		return fmt.Errorf("reading the order: %w", err)
	}
	files := make([]*os.File, n)
	for i := range files {
		files[i] = os.NewFile(uintptr(3+i), "file "+strconv.Itoa(i))
	}
	answer, err := job(order, files)
	if err != nil {
		return err
	}
	return out.Encode(answer)
}
