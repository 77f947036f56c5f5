// Package bench measures a moderation server from outside, as a client would: verdicts per second and latency at
// several numbers of clients, in interleaved rounds, over texts that a seed makes again. It speaks our own API
// and those of the programs one would compare it with. It knows nothing of the server's packages but fault.
package bench

import (
	"context"
	"crypto/x509"
	"errors"
	"time"

	"guardhouse/internal/fault"
)

// Options says what is measured and how. Check names what is wrong with it.
type Options struct {
	URL   string         // the server; "" = one of our own, see Self
	Self  *Self          // how to start our own; nil with a URL
	Key   string         // bearer; "" = none
	Roots *x509.CertPool // nil = the system's

	API      API
	Model    string // "" = the server's default
	Prompt   Prompt // completions and ollama
	MaxTok   int    // completions, chat and ollama: longest answer
	Extra    string // a JSON object whose members go into every request
	Texts    Texts
	First    uint64 // number of the first text of the first round
	Clients  []int
	Rounds   int
	Duration time.Duration // of a round; with Requests, its bound
	Requests int           // texts of a round; 0 = as many as fit into Duration
	Warmup   time.Duration
	Rate     float64       // texts a second, whether the server keeps up or not; 0 = each client waits for its answer
	Timeout  time.Duration // for one answer
	Samples  bool          // keep every single measurement in the report

	Progress func(Round) // told after each round; nil = nobody
}

// Run measures and answers the report. When ctx ends, or a round brings no verdict at all, the report holds what was measured
// until then, and the error says so. It refuses wrong options with fault.Invalid before it touches anything.
func Run(ctx context.Context, o Options) (r *Report, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	r = newReport(o)
	s := &session{options: o, report: r, next: o.First}
	if o.Self != nil {
		var own *server
		if own, err = startOwn(ctx, o); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, own.remove()) }()
		r.Start = own.starts
		s.own, s.options.Key, s.options.URL, s.options.Roots = own, own.key, own.url, own.roots
		if o.Self.GGUF != "" {
			s.options.Model = ownModel
		}
	}
	if s.target, err = newTarget(s.options); err != nil {
		return nil, err
	}
	if err := s.probe(ctx); err != nil {
		return nil, err
	}
	err = s.measure(ctx)
	r.close(s.own)
	return r, err
}

// session is one run: what it speaks to, and the number of the next text.
type session struct {
	options Options
	target  *target
	own     *server
	report  *Report
	next    uint64
}

// probe asks for one verdict, so that a wrong address, key, model or API is one clear error and not a table of failures.
func (s *session) probe(ctx context.Context) error {
	c := s.target.client(ctx)
	defer c.close()
	deadline := time.Now().Add(s.options.Timeout)
	for {
		text := s.options.Texts.at(warmupTexts)
		a, err := c.judge(text, nil)
		switch {
		case ctx.Err() != nil:
			return interrupted(ctx)
		case err != nil:
			return s.target.explain(err)
		case a.refused && time.Now().Add(a.retryAfter).Before(deadline):
			if err := wait(ctx, a.retryAfter); err != nil {
				return interrupted(ctx)
			}
			continue
		case a.status != 200:
			return s.target.explainStatus(a)
		}
		return nil
	}
}

// measure runs the rounds, interleaved, so that what else the machine does falls on all numbers of clients alike.
func (s *session) measure(ctx context.Context) error {
	if s.options.Rounds == 0 {
		return nil
	}
	if err := s.warm(ctx); err != nil {
		return err
	}
	for n := range s.options.Rounds {
		for _, clients := range s.options.Clients {
			round := s.round(ctx, clients, n+1)
			if round.Verdicts > 0 || ctx.Err() == nil {
				s.report.Rounds = append(s.report.Rounds, round)
				if s.options.Progress != nil {
					s.options.Progress(round)
				}
			}
			if ctx.Err() != nil {
				s.report.Interrupted = true
				return interrupted(ctx)
			}
			if round.Verdicts == 0 {
				return fault.Newf(fault.Busy, "no verdict in round %d with %s: %s", n+1, clientsInWords(clients), round.errorsInWords())
			}
		}
	}
	return nil
}

func interrupted(ctx context.Context) error {
	return fault.Wrap(context.Cause(ctx), fault.Canceled, "interrupted: what is printed was measured until then")
}

// wait answers early, with ctx's error, when ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
