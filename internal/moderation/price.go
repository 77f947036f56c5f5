package moderation

import (
	"context"
	"math"
	"slices"

	"guardhouse/internal/access"
)

const (
	// pricing is how many large requests are cut into tokens at a time before the model's own slots bound it, one of an account: it
	// is work of the processor, which the model needs, and what a quota refuses after it counts towards no rate.
	pricing = 2
	// large is what takes more than some ten thousandths of a second.
	large = 4 << 10
	// tokensPerMS is how many tokens a model is held to judge in a millisecond until it is known: a fast machine's.
	tokensPerMS = 8
)

// priced are the windows of a request's inputs, as the model that they were cut for is to be asked.
type priced struct {
	by      *loaded
	windows [][]window
}

// price answers what judging the inputs takes of quotas: the tokens of every window, exactly as they are counted after, and of
// the model's time as much as so many tokens took it so far. It is one of each an input where that can't be known, because the
// model is not there or the request is refused for its texts, which judge then says. A large request waits for its turn; where it
// gets none, or the model's queue has no room for the account, judge refuses what is not remembered.
func (j *job) price(ctx context.Context, account string, inputs []Input) (c access.Cost) {
	least := access.Cost{Tokens: int64(len(inputs)), ComputeMS: int64(len(inputs))}
	defer func() {
		if recover() != nil { // what breaks here breaks in judge again, where it leaves its row
			j.priced, c = priced{}, least
		}
	}()
	m := j.held.Model
	l, err := guardOf(j.held.Resident())
	if err != nil {
		return least
	}
	if size(inputs) > large {
		done, err := j.s.turn(ctx, account, m.ID)
		if err != nil {
			j.refused = err
			return least
		}
		defer done()
	}
	windows, err := l.windows(ctx, inputs, j.tuning.MaxInputTokens, make([]recalled, len(inputs)))
	if err != nil {
		return least
	}
	j.priced = priced{l, windows}
	tokens := tokensOf(windows)
	return access.Cost{Tokens: tokens, ComputeMS: j.s.stats.compute(m.ID, tokens)}
}

// turn waits until a large request of the account may be cut. It refuses one that the model would refuse after (Busy), and what
// limit.Places.Take refuses.
func (s *Service) turn(ctx context.Context, account, model string) (done func(), err error) {
	if err := s.d.Scheduler.Room(model, account); err != nil {
		return nil, err
	}
	return s.pricing.Take(ctx, account)
}

// take answers the windows of the inputs that are not known, which price has cut already where it was asked.
func (j *job) take(ctx context.Context, l *loaded, inputs []Input) ([][]window, error) {
	if j.priced.by != l {
		return l.windows(ctx, inputs, j.tuning.MaxInputTokens, j.known)
	}
	windows := slices.Clone(j.priced.windows)
	for i := range windows {
		if j.known[i].hit {
			windows[i] = nil
		}
	}
	return windows, nil
}

// windows answers what the model is to be asked about each input that is not known. It refuses what encode and cut refuse, and
// ends with ctx.
func (l *loaded) windows(ctx context.Context, inputs []Input, limit int, known []recalled) ([][]window, error) {
	prompts, err := l.encode(ctx, inputs, limit, known)
	if err != nil {
		return nil, err
	}
	all := make([][]window, len(inputs))
	for i, in := range inputs {
		if known[i].hit {
			continue
		}
		if all[i], err = l.cut(in.Messages, prompts[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func tokensOf(windows [][]window) (n int64) {
	for _, list := range windows {
		for _, w := range list {
			n += int64(len(w.prompt.IDs))
		}
	}
	return n
}

// compute answers how many milliseconds so many tokens took the model so far, and tokensPerMS where it has judged nothing yet.
func (s *stats) compute(model string, tokens int64) int64 {
	t, known := s.timesOf(model)
	judged := s.tokens.Snapshot()[model]
	if !known || judged == 0 {
		return (tokens + tokensPerMS - 1) / tokensPerMS
	}
	return int64(math.Ceil(t.compute.Snapshot().Sum * 1e3 / float64(judged) * float64(tokens)))
}
