// Package inference owns the running of models: the engine seam that native code stands behind, the
// table of loaded models, the bounded queue in front of each, and the leases under which callers use
// them. It imports access for the type Pass alone, and fault; it knows nothing of prompts, verdicts,
// databases or HTTP.
package inference

import (
	"context"
	"errors"
	"os"
	"time"
)

// Spec says which file an engine loads and how much it may use.
type Spec struct {
	ModelID string
	// File is the descriptor whose bytes were hashed. Native code opens it through the descriptor and
	// never by a path, so that what runs is what was checked. The caller closes it after Load.
	File        *os.File
	Slots       int     // queries that may run at the same time; 0 = chosen
	Lanes       int     // passes that may run at the same time; 0 = chosen
	SlotTokens  int     // most ids of one query: prompt, forced ids and greedy tail together
	Threads     int     // 0 = the physical cores that this process may use
	Batch       int     // most ids in one forward pass over all slots; 0 = chosen
	Flash       string  // flash attention: "on", "off", "auto" or "" = on
	Cache       string  // what keys and values are kept in: "f16", "q8_0", "auto" or "" = f16
	Room        int64   // bytes that may be taken beside the weights; 0 = what the machine has
	Limit       int64   // bytes of the machine's memory that may be taken in all where less goes on a GPU than was foreseen; 0 = not looked at
	Measure     bool    // try layouts for a moment where size and machine alone do not say which is fastest
	Temperature float64 // divides the logits before the softmax; 0 = 1
	Kernels     string  // who computes products: "auto" or "" (the fastest that runs here), "avx512", "avx2", "neon", "none"
	// Progress hears how much of the weights is read, 0 to 1, a few times a second at most, until Load answers; nil = nobody
	// listens. It must answer at once.
	Progress func(done float64)
}

// ErrNoRoom is in the chain of a refusal to load for want of memory.
var ErrNoRoom = errors.New("there is not enough memory")

// Engine loads models. Load refuses with fault.Unprocessable what the file cannot do and with
// fault.NotAvailable what this build cannot do.
type Engine interface {
	Load(ctx context.Context, s Spec) (Model, error)
}

// Model is one loaded model. All methods may be called from several goroutines.
type Model interface {
	// Prime computes fixed prefixes ahead of the first query and keeps them resident where it can.
	Prime(ctx context.Context, prefixes [][]int32) error
	// Judge answers one query. It refuses ids, lengths and labels outside the model with fault.Invalid
	// and observes ctx between forward passes. q must stay unchanged until Judge returns.
	Judge(ctx context.Context, q Query) (Answer, error)
	// Generate writes ids after a prompt. It refuses what Generation.Check refuses, hands each id to the sink, and ends within a
	// pass of ctx. Beside an error it answers what was written until then. g must stay unchanged until Generate returns.
	Generate(ctx context.Context, g Generation) (Generated, error)
	Describe() Description
	// Close ends running queries with fault.Canceled and frees the model. A second call does nothing.
	Close() error
}

// Description is what pages and metrics show of a loaded model.
type Description struct {
	Vocabulary  int   // number of token ids
	SlotTokens  int   // most ids of one query
	Slots       int   // queries at a time
	Lanes       int   // passes at a time; each takes one more query at once when it has a free slot
	Batch       int   // most ids in one pass
	Threads     int   // threads that compute
	WeightBytes int64 // the tensors' bytes
	CacheBytes  int64 // the key/value cache's bytes
	Flash       bool
	Cache       string // "f16" or "q8_0"
	Memory      Memory
	Choice      Choice
	// Kernels names who computes products: our kernels, or "none" where the engine's own do.
	Kernels string
	// Device is where it computes: "cpu", or "cuda:" and the board's name where at least a part of it is there.
	Device string
	// Layers are those that Device computes of LayersOf, the output counted as one; 0 of 0 where no GPU was looked at.
	Layers, LayersOf int
	// Runtime names the code that computes: the engine's module and version, and the commit of llama.cpp in it.
	Runtime string
}

// Memory is what a model holds, in bytes. Beside it stands only what does not grow with the model: threads' stacks, the
// tokenizer, the library's books.
type Memory struct {
	Weights int64 // tensors as they are in the file; where the file is mapped they are the kernel's to drop and read again
	Packed  int64 // tensors in the form that products want
	Cache   int64 // keys and values of all slots, taken when the model is loaded
	Compute int64 // between two operations of the largest pass, all lanes; most of it is never touched
	Output  int64 // rows of logits of the largest pass, all lanes
	GPU     int64 // what a GPU holds of all that, and the machine's memory does not
}

// Total answers the most that the model can need of the machine's memory.
func (m Memory) Total() int64 { return m.Weights + m.Packed + m.Cache + m.Compute + m.Output }

// Choice is why a model is laid out as it is.
type Choice struct {
	Why    string        // one sentence
	Trials []Trial       // what was tried, in order; none where the answer was known or given
	IDs    int           // length of a synthetic prompt of the trials
	Solo   time.Duration // one of them alone on one thread, median; 0 = not tried
	Wide   time.Duration // the same on all threads
	Took   time.Duration // all of it
}

// Trial is one layout and what it did with all its lanes at work.
type Trial struct {
	Lanes, Threads int // passes at a time, and threads of each
	PerSecond      float64
}

// Query asks for the probabilities of a few labels at one position, and for what follows the best.
type Query struct {
	Prompt []int32 // whole prompt, ending with the forced lead-in
	Prefix int     // leading ids that all prompts of this template share
	Labels []int32 // ids whose probability at the last position is wanted; at least one
	// Tails[i] are ids forced after label i was the largest of Labels, without Labels[i] itself, which the
	// model adds. A nil entry, no entry, or a MaxTail of 0 ends the query there; an empty entry forces the
	// label alone. After the forced ids decoding is greedy.
	Tails   [][]int32
	MaxTail int     // most greedy ids
	Stop    []int32 // a greedy id of these ends the tail and is not part of it
	// Draft answers ids that probably follow after the label at this index, its forced ids and the greedy ids
	// so far, told the logits of Hints. They only save passes: an id enters the answer where greedy decoding gives it and nowhere else.
	// What is outside the vocabulary, and what follows it, is not looked at. nil = one pass per greedy id. It
	// is called on the model's own goroutine: it must answer at once, and neither keep nor change hints and tail.
	Draft func(label int, hints []float32, tail []int32) []int32
	// Hints are ids whose logits at the labels' position Draft and Answer are told. They decide nothing.
	Hints []int32
	// Free asks for no labels: Tail is what greedy decoding writes after Prompt alone, MaxTail ids at most.
	// Labels, Tails, Draft and Hints must be empty.
	Free bool
}

// cost is what a query takes of its owner's turn: the ids that are computed for it, since the prefix is resident.
func (q Query) cost() int { return len(q.Prompt) - max(0, q.Prefix) }

// Answer is what a model found.
type Answer struct {
	Probs        []float64     // per label: softmax over the whole vocabulary after temperature
	Logits       []float32     // per label, as the model gave them
	Hints        []float32     // per hint
	Best         int           // index of the largest of Labels
	BestIsGreedy bool          // no id outside Labels is larger
	Tail         []int32       // greedy ids after the forced ones, without the stop id
	Stopped      bool          // the tail ended at a stop id, not at MaxTail
	Passes       int           // forward passes this query took part in
	Evaluated    int           // ids computed in them: the prompt's that were not resident, forced and drafted ones
	Drafted      int           // of them, those that Draft proposed
	Accepted     int           // of them, those that greedy decoding gave
	Queue        time.Duration // waiting for a slot
	Place        int           // in the line when it came: 1 = nobody went before it; 0 = it did not wait in line
	Compute      time.Duration // from the first pass to the answer
}
