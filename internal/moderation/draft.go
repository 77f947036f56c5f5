package moderation

import (
	"slices"
	"sync/atomic"

	"guardhouse/internal/inference"
	"guardhouse/internal/prompt"
)

// drafter guesses how an answer goes on, so that the model checks several ids in one pass instead of making
// one a pass. A guess decides nothing. What it learns is how often which category follows which, for each verdict, and
// how the first one goes with the model's own numbers at the verdict (guess): nothing of any text.
type drafter struct {
	v     prompt.AnswerVocab
	names [][]int32 // the categories, then None
	hints []int32   // what guess is told the logits of: the first ids of the labels, then of names
	seen  [2][labels][places][places]atomic.Uint32
	first [2][labels]guess
	yes   [labels]balance
}

const (
	categoryCount = 9
	none          = categoryCount     // the index of the name None
	start         = categoryCount + 1 // nothing was named yet
	end           = categoryCount + 1 // no further name
	places        = categoryCount + 2
	// halveAt keeps the counts small and makes yesterday count less than today.
	halveAt = 1 << 12
	// passIDs is how many guessed ids, with a row of logits each, cost as much as a further pass: guard-nano, one
	// thread, our own kernels: 0.06 ms an id, 0.20 ms a pass (-bench Rows); the engine's: 0.23 and 0.79. Larger models
	// spend more of a pass on reading their weights: there it is on the safe side.
	passIDs = 3
)

// balance counts refusals and answers.
type balance [2]atomic.Uint32

func newDrafter(v prompt.AnswerVocab) *drafter {
	d := &drafter{v: v}
	for _, w := range v.Categories {
		d.names = append(d.names, w.IDs)
	}
	d.names = append(d.names, v.None.IDs)
	for _, w := range v.Labels {
		d.hints = append(d.hints, w.IDs[0])
	}
	for _, ids := range d.names {
		d.hints = append(d.hints, ids[0])
	}
	return d
}

// draft answers ids that probably follow the greedy ids so far, none where nothing is likely. hints are the logits of
// d.hints where the verdict was read.
func (d *drafter) draft(response bool, label int, hints []float32, tail []int32) []int32 {
	if label == 0 { // Safe: all but the last word is forced
		return d.word(d.likely(label), tail)
	}
	if len(tail) == 0 {
		if p, known := d.first[side(response)][label].probabilities(hints); known {
			return d.best(response, label, p)
		}
	}
	for at := start; ; {
		k, rest := d.name(tail)
		if k < 0 {
			return d.within(response, label, at, tail)
		}
		if len(rest) == 0 {
			return d.after(response, label, k)
		}
		if refusal, ok := cutIDs(rest, d.v.RefusalLine); ok {
			return d.word(d.likely(label), refusal)
		}
		next, ok := cutIDs(rest, d.v.Separator)
		if !ok { // the line of the refusal has begun, or something that no answer holds
			return d.word(slices.Concat(d.v.RefusalLine, d.likely(label)), rest)
		}
		at, tail = k, next
	}
}

// best answers the name that saves most: a right guess saves a pass, a wrong one costs its ids. nil where none saves anything.
func (d *drafter) best(response bool, label int, p [nameCount]float64) []int32 {
	var draft []int32
	most := 0.0
	for k, name := range d.names {
		if p[k]*passIDs <= most { // whatever its length
			continue
		}
		ids := slices.Concat(name, d.after(response, label, k))
		if saved := p[k]*passIDs - (1-p[k])*float64(len(ids)); saved > most {
			most, draft = saved, ids
		}
	}
	return draft
}

// within completes the name that has begun: with the one that most often stands here among those that fit.
func (d *drafter) within(response bool, label, at int, tail []int32) []int32 {
	best, most, all := -1, uint32(0), uint32(0)
	for k, ids := range d.names {
		if len(ids) <= len(tail) || !slices.Equal(ids[:len(tail)], tail) {
			continue
		}
		n := d.seen[side(response)][label][at][k].Load() + 1
		if all += n; n > most {
			best, most = k, n
		}
	}
	if best < 0 || !worth(most, all-most, len(d.names[best])-len(tail)) {
		return nil
	}
	return slices.Concat(d.names[best][len(tail):], d.after(response, label, best))
}

// worth says whether a guess of so many ids, right in so many cases and wrong in so many others, saves time: a right
// one saves a pass, a wrong one costs its ids.
func worth(right, wrong uint32, ids int) bool {
	return uint64(right)*passIDs >= uint64(wrong)*uint64(ids)
}

// after answers what follows a whole name: the next one where a further name is likely, the end where the answer
// goes on after the names, else nothing: that the answer is over is seen without a guess.
func (d *drafter) after(response bool, label, at int) []int32 {
	row := &d.seen[side(response)][label][at]
	next := end
	for k := range none {
		if row[k].Load() > row[next].Load() {
			next = k
		}
	}
	switch {
	case next != end:
		return slices.Concat(d.v.Separator, d.names[next])
	case response:
		return slices.Concat(d.v.RefusalLine, d.likely(label))
	}
	return nil
}

// likely answers the word behind Refusal: that was the commoner one.
func (d *drafter) likely(label int) []int32 {
	if d.yes[label][1].Load() > d.yes[label][0].Load() {
		return d.v.Refusal[1].IDs
	}
	return d.v.Refusal[0].IDs
}

// word answers the rest of a word that has begun, nil where it is another.
func (d *drafter) word(word, begun []int32) []int32 {
	rest, ok := cutIDs(word, begun)
	if !ok {
		return nil
	}
	return rest
}

// learn takes one answer that was in the format.
func (d *drafter) learn(response bool, a inference.Answer, refusal *bool) {
	label, tail := a.Best, a.Tail
	if refusal != nil {
		d.count(d.yes[label][:], map[bool]int{true: 1}[*refusal])
	}
	for at := start; label != 0; {
		k, rest := d.name(tail)
		if k < 0 {
			return
		}
		if at == start {
			d.first[side(response)][label].learn(a.Hints, k)
		}
		d.count(d.seen[side(response)][label][at][:], k)
		next, ok := cutIDs(rest, d.v.Separator)
		if !ok {
			d.count(d.seen[side(response)][label][k][:], end)
			return
		}
		at, tail = k, next
	}
}

// count adds one. Two goroutines that halve at once lose counts, which costs a guess at most.
func (d *drafter) count(row []atomic.Uint32, i int) {
	if row[i].Add(1) < halveAt {
		return
	}
	for k := range row {
		row[k].Store(row[k].Load() / 2)
	}
}

// name answers which name the ids begin with, the longest of those that do, and what follows; -1 if none.
func (d *drafter) name(ids []int32) (int, []int32) {
	best := -1
	for k, n := range d.names {
		if _, ok := cutIDs(ids, n); ok && (best < 0 || len(n) > len(d.names[best])) {
			best = k
		}
	}
	if best < 0 {
		return best, ids
	}
	return best, ids[len(d.names[best]):]
}

func cutIDs(ids, prefix []int32) ([]int32, bool) {
	if len(ids) < len(prefix) || !slices.Equal(ids[:len(prefix)], prefix) {
		return nil, false
	}
	return ids[len(prefix):], true
}

func side(response bool) int {
	if response {
		return 1
	}
	return 0
}
