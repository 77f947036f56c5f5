package rehearsal

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
)

// tally is what differs so far.
type tally struct {
	total          Count
	people, models map[string]*Count
	days           map[string]*Day
	samples        map[string][]Sample // by effect, the newest of each
}

func newTally() tally {
	return tally{people: map[string]*Count{}, models: map[string]*Count{}, days: map[string]*Day{}, samples: map[string][]Sample{}}
}

// effect says what the proposed set changes of a use, "" for nothing.
func effect(before, after Cell) string {
	switch {
	case before == after:
		return ""
	case !before.Allowed && after.Allowed:
		return Gain
	case before.Allowed && !after.Allowed:
		return Lose
	}
	return Change
}

func (t *tally) count(u audit.Use, before, after Cell) {
	what := effect(before, after)
	if what == "" {
		return
	}
	account := access.Principal{Kind: u.Actor.Type, UserID: u.Actor.ID, Name: u.Actor.Name, KeyID: u.KeyID}.Account()
	for _, c := range []*Count{&t.total, of(t.people, account, u.Actor.Name), of(t.models, u.Model, u.Model)} {
		c.add(what)
	}
	t.day(u.At).add(what)
	list := append(t.samples[what], Sample{u, what, before, after})
	t.samples[what] = list[max(0, len(list)-maxSamples):]
}

func (c *Count) add(what string) {
	switch what {
	case Gain:
		c.Gain++
	case Lose:
		c.Lose++
	default:
		c.Change++
	}
}

func (d *Day) add(what string) {
	switch what {
	case Gain:
		d.Gain++
	case Lose:
		d.Lose++
	}
}

func of(counts map[string]*Count, id, name string) *Count {
	c := counts[id]
	if c == nil {
		c = &Count{ID: id}
		counts[id] = c
	}
	c.Name = name // the newest one
	return c
}

const dayShape = "2006-01-02"

func (t *tally) day(at time.Time) *Day {
	name := at.UTC().Format(dayShape)
	d := t.days[name]
	if d == nil {
		d = &Day{Day: name}
		t.days[name] = d
	}
	return d
}

// anonymous leaves how many and how often. Neither who nor when nor with what: the proposal may be about one person, whose uses
// all that differs then is.
func (r *Result) anonymous() {
	r.Samples, r.Models, r.Days = nil, nil, nil
	for i := range r.People {
		r.People[i].ID, r.People[i].Name = "", ""
	}
}

// most answers the counts with most of what is gained and lost, then of what changes.
func most(counts map[string]*Count) []Count {
	out := make([]Count, 0, len(counts))
	for _, c := range counts {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Gain+b.Lose, a.Gain+a.Lose), cmp.Compare(b.Change, a.Change), strings.Compare(a.ID, b.ID))
	})
	return out[:min(len(out), maxCounts)]
}

// result completes the answer. Who it was and from where is for whoever may read the log.
func (r *replay) result(readsLog bool) Result {
	out := r.out
	out.Gain, out.Lose, out.Change = r.total.Gain, r.total.Lose, r.total.Change
	out.People, out.Models, out.PeopleTotal = most(r.people), most(r.models), len(r.people)
	for _, what := range []string{Lose, Gain, Change} {
		list := r.samples[what]
		room := maxSamples - len(out.Samples)
		if what == Lose { // some room is left for what is gained
			room -= min(len(r.samples[Gain]), maxSamples/2)
		}
		for i := len(list) - 1; i >= max(0, len(list)-room); i-- {
			out.Samples = append(out.Samples, list[i])
		}
	}
	for at := out.From.UTC().Truncate(hoursOfDay); !at.After(out.To); at = at.Add(hoursOfDay) {
		out.Days = append(out.Days, *r.day(at))
	}
	if !readsLog {
		out.anonymous()
	}
	return out
}
