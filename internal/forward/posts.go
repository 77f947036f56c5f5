package forward

import (
	"context"
	"strconv"

	"guardhouse/internal/audit"
	"guardhouse/internal/forward/webhook"
)

// Bounds of a post. Rows have some hundred bytes as a rule, and seventy thousand at most.
const (
	postItems = 100
	postBytes = 1 << 20
)

// posts sends items as signed posts. What was answered with 2xx is settled.
type posts struct {
	s       *Service
	id, url string
	secrets secrets
	settled int64
	doubt   *Position // the end of the post that failed last, zero for none
}

// Send posts the items, in parts where there are many. A post that is made again is the same and has the same delivery id,
// whatever was written meanwhile.
func (p *posts) Send(ctx context.Context, items []item) error {
	for len(items) > 0 {
		n, err := p.fit(items)
		if err != nil {
			return err
		}
		*p.doubt = items[n-1].at
		now := p.s.o.Now()
		if err := webhook.Post(ctx, p.s.client, p.url, p.secrets.at(now), now, p.body(items[:n])); err != nil {
			return err
		}
		*p.doubt = Position{}
		p.settled += int64(n)
		items = items[n:]
	}
	return nil
}

// fit answers how many of the items go into one post, one at least.
func (p *posts) fit(items []item) (n int, err error) {
	for size := 0; n < min(len(items), postItems); n++ {
		if n > 0 && items[n-1].at == *p.doubt {
			return n, nil
		}
		if ev := items[n].event; ev != nil {
			raw, err := ev.MarshalJSON()
			if err != nil {
				return 0, err
			}
			size += len(raw)
		}
		if n > 0 && size > postBytes {
			return n, nil
		}
	}
	return n, nil
}

func (p *posts) body(items []item) webhook.Body {
	last := items[len(items)-1].at
	b := webhook.Body{
		Target: p.id, Delivery: p.id + "-" + strconv.FormatInt(last.Seq, 10) + "-" + strconv.FormatInt(last.Checkpoint, 10),
		Events: []audit.Event{}, Checkpoints: []string{},
	}
	for _, it := range items {
		if it.note != nil {
			b.Checkpoints = append(b.Checkpoints, it.note.Text)
			continue
		}
		b.Events = append(b.Events, *it.event)
	}
	return b
}

// Settled answers how many items were answered for.
func (p *posts) Settled(context.Context) (int64, error) { return p.settled, nil }

// Finish is Settled: nothing is under way.
func (p *posts) Finish(context.Context) (int64, error) { return p.settled, nil }

// Close gives nothing back: the client's connections end by themselves.
func (*posts) Close() error { return nil }
