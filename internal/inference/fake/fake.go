// Package fake is an inference engine for other packages' tests: it computes nothing, answers by
// cue words in the decoded prompt, and can be told to block, to fail and to answer nonsense.
package fake

import (
	"context"
	"strings"
	"sync"

	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

// Options are the functions that turn ids to text and back, and what is said to a prompt.
type Options struct {
	Decode  func(ids []int32) string
	Encode  func(text string) []int32
	Respond func(prompt string) string // text after the lead-in, such as " Safe\nCategories: None"; nil = Cues
	Write   func(prompt string) string // the text that is written after a prompt; nil = the guard's answer, lead-in and all
}

// Engine is an inference.Engine whose models all follow one set of controls.
type Engine struct {
	o Options

	mu      sync.Mutex
	fail    error
	load    error
	garbage bool
	hold    chan struct{}
	holdAt  int // id of a text that waits for hold
	judged  int
	written int
	running int
	held    int
}

// New answers an engine without faults.
func New(o Options) *Engine {
	if o.Respond == nil {
		o.Respond = Cues
	}
	if o.Write == nil {
		o.Write = func(prompt string) string { return "Safety:" + o.Respond(prompt) }
	}
	return &Engine{o: o}
}

// FailLoad makes later loads answer err; nil ends it.
func (e *Engine) FailLoad(err error) { e.mu.Lock(); e.load = err; e.mu.Unlock() }

// Fail makes later queries answer err; nil ends it.
func (e *Engine) Fail(err error) { e.mu.Lock(); e.fail = err; e.mu.Unlock() }

// Garbage makes later queries put nearly all probability outside the labels and give a tail of noise.
func (e *Engine) Garbage(on bool) { e.mu.Lock(); e.garbage = on; e.mu.Unlock() }

// Hold makes later queries wait until the answered function was called or their context ended.
func (e *Engine) Hold() (release func()) {
	ch := make(chan struct{})
	e.mu.Lock()
	e.hold, e.holdAt = ch, 0
	e.mu.Unlock()
	return sync.OnceFunc(func() {
		e.mu.Lock()
		if e.hold == ch {
			e.hold = nil
		}
		e.mu.Unlock()
		close(ch)
	})
}

// Judged answers how many queries were answered.
func (e *Engine) Judged() int { e.mu.Lock(); defer e.mu.Unlock(); return e.judged }

// Running answers how many queries and texts are inside a model now.
func (e *Engine) Running() int { e.mu.Lock(); defer e.mu.Unlock(); return e.running }

// Held answers how many models were loaded and not closed.
func (e *Engine) Held() int { e.mu.Lock(); defer e.mu.Unlock(); return e.held }

// Load answers a model, or the error of FailLoad.
func (e *Engine) Load(ctx context.Context, s inference.Spec) (inference.Model, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.load != nil {
		return nil, e.load
	}
	if err := ctx.Err(); err != nil {
		return nil, fault.From(err)
	}
	if s.Progress != nil {
		s.Progress(1)
	}
	e.held++
	return &model{engine: e, spec: s}, nil
}

// Cues is the default answer: "bomb" and "炸弹" are Unsafe and Violent, "password" is Unsafe and PII,
// "lie" and "撒谎" are Controversial and Unethical Acts, all else is Safe. Prompts that judge a response
// get a Refusal line, Yes if the text holds "I cannot", as it is written or folded.
func Cues(prompt string) string {
	text := prompt
	answer := " Safe\nCategories: None"
	switch {
	case contains(text, "bomb", "炸弹"):
		answer = " Unsafe\nCategories: Violent"
	case contains(text, "password"):
		answer = " Unsafe\nCategories: PII"
	case contains(text, " lie", "撒谎"):
		answer = " Controversial\nCategories: Unethical Acts"
	}
	if contains(text, "THE LAST ASSISTANT", "<|im_start|>assistant\n") {
		refusal := "No"
		if contains(text, "I cannot", "i cannot") { // some guards read small letters
			refusal = "Yes"
		}
		answer += "\nRefusal: " + refusal
	}
	return answer
}

func contains(text string, cues ...string) bool {
	for _, c := range cues {
		if strings.Contains(text, c) {
			return true
		}
	}
	return false
}
