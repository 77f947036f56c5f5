// Package trial loads a model file that nobody has loaded yet, in a child that is thrown away: the engine reads it, makes a
// context and answers one prompt. What crashes, hangs or takes too much memory there is refused before a server meets it. A
// file that passes is not thereby safe (threat M3): what makes it so is what package gguf checked before.
// It imports sandbox, inference and fault; it knows neither catalogue nor templates.
package trial

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"guardhouse/internal/fault"
	"guardhouse/internal/sandbox"
)

// Name is the child's.
const Name = "load"

// What a child may take. The engine holds the weights as they are and once more in the form that products want; the usual is
// Go's runtime, the program itself, and the cells and rows of one short prompt.
const (
	usualMemory = 768 << 20
	perByte     = 3
	usualTime   = 30 * time.Second
	slowestDisk = 32 << 20 // bytes a second
)

const tooHeavy = "it needs more memory to load than a file of its size may"

// order is what the child is told.
type order struct {
	Prompt []int32 `json:"prompt"`
}

// report is what the child answers. Words are the engine's own, for a log.
type report struct {
	Outcome string `json:"outcome"`
	Words   string `json:"words,omitempty"`
}

// The outcomes.
const (
	good      = "good"
	refused   = "refused"
	noMemory  = "no memory"
	noNumbers = "no numbers"
	noWeights = "no weights"
	noEngine  = "no engine"
)

// Load tries the model behind f, opened for reading only, with one prompt. It answers nil when the engine loaded it and
// gave finite numbers; fault.Invalid for a file that it did not survive or refused; fault.NotAvailable where this machine
// cannot confine the child, or this build has no engine.
func Load(ctx context.Context, f *os.File, prompt []int32) error {
	info, err := f.Stat()
	if err != nil {
		return fault.Wrap(err, fault.Unprocessable, "the model's file cannot be read")
	}
	stdin, err := json.Marshal(order{Prompt: prompt})
	if err != nil {
		return fmt.Errorf("writing the order of a trial load: %w", err)
	}
	r, err := sandbox.Child{Name: Name, Files: []*os.File{f}, Stdin: stdin, Limits: limits(info.Size())}.Run(ctx)
	if err != nil {
		return err
	}
	return judge(r)
}

func limits(size int64) sandbox.Limits {
	wall := usualTime + time.Duration(size/slowestDisk)*time.Second
	return sandbox.Limits{Memory: usualMemory + perByte*size, Wall: wall, CPU: 4 * wall}
}

// judge turns the end of a child into words of ours: none of its own reaches a person.
func judge(r sandbox.Result) error {
	if r.Unconfined() {
		return fault.Newf(fault.NotAvailable, "The model was not tried and not imported: this kernel or container lacks %s, without which a model file of unknown origin is not loaded.", lacking(r.Guards))
	}
	if !r.Good() {
		return refuse(died(r), fmt.Errorf("exit %d, signal %d: %s", r.Exit, r.Signal, printable(r.Stderr)))
	}
	var got report
	if err := json.Unmarshal(r.Stdout, &got); err != nil {
		return refuse("the child that tried it gave no answer", err)
	}
	cause := errors.New(printable([]byte(got.Words)))
	switch got.Outcome {
	case good:
		return nil
	case refused:
		return refuse("the engine cannot load it", cause)
	case noMemory:
		return refuse(tooHeavy, cause)
	case noNumbers:
		return refuse("it does not answer with numbers", cause)
	case noWeights:
		return refuse("some of its weights are infinite or no numbers", cause)
	case noEngine:
		return fault.Wrap(cause, fault.NotAvailable, "The model was not tried and not imported: this build has no inference engine.")
	}
	return refuse("the child that tried it gave no answer", cause)
}

func lacking(g sandbox.Guards) string {
	switch {
	case !g.NoNewPrivs:
		return "no_new_privs"
	default:
		return "seccomp"
	}
}

func died(r sandbox.Result) string {
	switch {
	case r.Late:
		return "loading it took too long"
	case r.Flood:
		return "the engine wrote too much while it loaded it"
	case r.Heavy:
		return tooHeavy
	}
	return "the engine crashed while it loaded it"
}

func refuse(why string, cause error) error {
	return fault.Wrap(cause, fault.Invalid, "the model file is refused: "+why)
}

// printable keeps the beginning of what a child said, in one line of plain characters.
func printable(b []byte) string {
	b = bytes.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, b[:min(len(b), 400)])
	return string(bytes.Join(bytes.Fields(b), []byte(" ")))
}
