package inference

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"guardhouse/internal/fault"
)

func epoch() time.Time { return time.Unix(1e9, 0) }

// asked is a query in the model of the property test.
type asked struct {
	t      *ticket
	owner  int
	cost   int
	passed map[int]int // ids of others that went before it since it was its owner's first
	debt   int         // turns that its owner owed then
}

// witness watches a queue from outside and knows the promises, not the way.
type witness struct {
	*rapid.T
	q       *queue
	owners  []*owner
	costs   []int // the dearest of each
	waiting []*asked
	spread  map[[2]int][3]int // of two that both wait: ids got more by the first, now and at least and at most
}

func (w *witness) of(owner int) (all []*asked) {
	for _, a := range w.waiting {
		if a.owner == owner {
			all = append(all, a)
		}
	}
	return all
}

// head notes what the owner's first owes, once it is the first.
func (w *witness) head(owner int) {
	all := w.of(owner)
	if len(all) == 0 || all[0].passed != nil {
		return
	}
	all[0].passed = map[int]int{}
	if credit := w.owners[owner].credit; credit <= 0 {
		all[0].debt = -credit/w.owners[owner].turn() + 1
	}
}

func (w *witness) arrive() {
	n := rapid.IntRange(0, len(w.owners)-1).Draw(w.T, "owner")
	cost := rapid.OneOf(rapid.IntRange(1, 100), rapid.IntRange(1, 5000)).Draw(w.T, "ids")
	free := w.q.running < w.q.places
	t := w.q.take(w.owners[n], cost, epoch)
	require.Equal(w, free, t == nil, "nobody waits beside an empty place, and nobody gets a full one")
	if t == nil {
		return
	}
	w.costs[n] = max(w.costs[n], cost)
	w.waiting = append(w.waiting, &asked{t: t, owner: n, cost: cost})
	w.head(n)
}

// granted finds out who got the place, and holds it against what was promised to everybody else.
func (w *witness) granted() {
	i := slices.IndexFunc(w.waiting, func(a *asked) bool { return a.t.at == nil })
	if i < 0 {
		require.Empty(w, w.waiting, "a place stayed empty while somebody waits")
		return
	}
	got := w.waiting[i]
	<-got.t.ready
	require.Nil(w, got.t.shut)
	require.Same(w, w.of(got.owner)[0], got, "an owner's own queries keep their order")
	for _, a := range w.waiting {
		if a.passed != nil && a.owner != got.owner {
			a.passed[got.owner] += got.cost
			limit := (a.debt+2)*w.owners[got.owner].turn() + w.costs[got.owner]
			require.LessOrEqual(w, a.passed[got.owner], limit, "owner %d waits behind owner %d", a.owner, got.owner)
		}
	}
	for i := range w.owners {
		for j := range w.owners {
			if i != j {
				w.share(i, j, got)
			}
		}
	}
	w.waiting = slices.Delete(w.waiting, i, i+1)
	w.head(got.owner)
}

// share checks that of two owners who always wait neither gets more than a few turns ahead.
func (w *witness) share(i, j int, got *asked) {
	key := [2]int{i, j}
	if len(w.of(i)) == 0 || len(w.of(j)) == 0 {
		delete(w.spread, key)
		return
	}
	s := w.spread[key]
	a, b := w.owners[i].turn()/quantum, w.owners[j].turn()/quantum // their weights: what each got is counted in the other's
	switch got.owner {
	case i:
		s[0] += got.cost * b
	case j:
		s[0] -= got.cost * a
	}
	s[1], s[2] = min(s[1], s[0]), max(s[2], s[0])
	require.Less(w, s[2]-s[1], 3*quantum*a*b+w.costs[i]*b+w.costs[j]*a, "owners %d and %d", i, j)
	w.spread[key] = s
}

func (w *witness) finish() {
	if w.q.running == 0 {
		w.Skip("nobody runs")
	}
	w.q.give()
	w.granted()
}

func (w *witness) leave() {
	if len(w.waiting) == 0 {
		w.Skip("nobody waits")
	}
	i := rapid.IntRange(0, len(w.waiting)-1).Draw(w.T, "who")
	a := w.waiting[i]
	running := w.q.running
	w.q.leave(a.t)
	require.Equal(w, running, w.q.running, "who waits holds no place")
	w.waiting = slices.Delete(w.waiting, i, i+1)
	w.head(a.owner)
	for j := range w.owners { // one that stopped waiting starts anew
		if len(w.of(a.owner)) == 0 {
			delete(w.spread, [2]int{a.owner, j})
			delete(w.spread, [2]int{j, a.owner})
		}
	}
}

func (w *witness) check() {
	require.Equal(w, len(w.waiting), w.q.waiting)
	require.LessOrEqual(w, w.q.running, w.q.places)
	require.True(w, w.q.running == w.q.places || w.q.waiting == 0, "a place is empty while somebody waits")
	for i, o := range w.owners {
		require.Equal(w, len(w.of(i)), o.tickets.Len())
		require.LessOrEqual(w, o.credit, o.turn(), "nobody saves turns")
		require.Greater(w, o.credit, -max(1, w.costs[i]), "nobody owes more than one query")
		require.False(w, o.in == nil && o.tickets.Len() > 0, "waits outside the round")
	}
}

// TestTurnsAreFair holds random arrivals, ends and leavings against what each owner is promised.
func TestTurnsAreFair(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := &witness{T: rt, q: newQueue(rapid.IntRange(1, 4).Draw(rt, "places")), spread: map[[2]int][3]int{}}
		for i := range rapid.IntRange(1, 5).Draw(rt, "owners") {
			o := w.q.owner(fmt.Sprint(i))
			o.leases, o.weight = 1, rapid.SampledFrom([]int{0, 1, 1, 1, 2, 5, 16, 99}).Draw(rt, "weight")
			w.owners, w.costs = append(w.owners, o), append(w.costs, 0)
		}
		for range rapid.IntRange(1, 300).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"arrive", "arrive", "arrive", "finish", "finish", "leave"}).Draw(rt, "step") {
			case "arrive":
				w.arrive()
			case "finish":
				if w.q.running > 0 {
					w.finish()
				}
			case "leave":
				if len(w.waiting) > 0 {
					w.leave()
				}
			}
			w.check()
		}
		for w.q.running > 0 {
			w.finish()
			w.check()
		}
		for _, o := range w.owners {
			require.Nil(rt, o.in, "an empty queue remembers nobody")
			o.leases = 0
			w.q.tidy(o)
		}
		require.Empty(rt, w.q.owners)
	})
}

// passes runs a full model in lock step: all that hold a place end together, that is one pass.
type passes struct {
	q    *queue
	held int
}

// run ends one pass.
func (p *passes) run() {
	for range p.q.running {
		p.q.give()
	}
	p.held++
}

// TestOneOwnerMovesNobodysMedian: threat R2. 10,000 queries of one owner wait; another asks one short question after
// the other. Alone he would never wait; now he waits for the pass under way, and never for more of the others than one
// turn holds.
func TestOneOwnerMovesNobodysMedian(t *testing.T) {
	const text = 57
	for _, c := range []struct{ places, hogs, hogCost, median, worst int }{
		{places: 6, hogs: 1, hogCost: text, median: 1, worst: 1},
		{places: 6, hogs: 1, hogCost: 4096, median: 1, worst: 1},
		{places: 2, hogs: 1, hogCost: text, median: 1, worst: 2},
		{places: 1, hogs: 1, hogCost: text, median: 1, worst: 3},
		{places: 1, hogs: 1, hogCost: 4096, median: 1, worst: 2},
		{places: 6, hogs: 10, hogCost: text, median: 1, worst: 4},
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			q := newQueue(c.places)
			for i := range c.hogs {
				o := q.owner(fmt.Sprint("hog", i))
				o.leases = 1
				for range 10_000 {
					q.take(o, c.hogCost, epoch)
				}
			}
			visitor := q.owner("visitor")
			visitor.leases = 1
			p := passes{q: q}
			waits := make([]int, 0, 500)
			for range cap(waits) {
				mine := q.take(visitor, text, epoch)
				require.NotNil(t, mine)
				began := p.held
				for mine.at != nil {
					p.run()
				}
				waits = append(waits, p.held-began)
				p.run() // his own pass; then he asks again
			}
			slices.Sort(waits)
			require.Equal(t, []int{c.median, c.worst}, []int{waits[len(waits)/2], waits[len(waits)-1]})
		})
	}
}

// TestTurnsAreCountedInIDs: who asks long questions is asked fewer of them, and both get the same of the machine.
func TestTurnsAreCountedInIDs(t *testing.T) {
	q := newQueue(1)
	costs := map[string]int{"long": 2000, "short": 40, "middle": 300}
	got := map[string]int{}
	tickets := map[*ticket]string{}
	require.Nil(t, q.take(q.owner("first"), 1, epoch))
	for id, cost := range costs {
		for range 400_000 / cost {
			tickets[q.take(q.owner(id), cost, epoch)] = id
		}
	}
	for range 3000 {
		q.running--
		next := q.next()
		q.running++
		got[tickets[next]] += next.cost
	}
	for a := range costs {
		for b := range costs {
			require.Less(t, got[a]-got[b], 3*quantum+costs[a]+costs[b], "%s and %s: %v", a, b, got)
		}
	}
}

// TestALoneOwnerGetsEverything: nobody else waits, so long queries cost no turns and no time to find the next.
func TestALoneOwnerGetsEverything(t *testing.T) {
	q := newQueue(3)
	o := q.owner("alone")
	o.leases = 1
	for range 1000 {
		q.take(o, 1<<17, epoch)
	}
	for left := 997; left > 0; left-- {
		require.Equal(t, []int{3, left}, []int{q.running, q.waiting})
		q.give()
	}
	for range 3 {
		q.give()
	}
	require.Zero(t, q.running)
	require.Nil(t, o.in)
	require.Nil(t, q.take(o, 1, epoch), "and owes nothing after")
}

// TestComingBackEmptyGainsNothing: an owner with one query at a time would be new whenever it comes back, were it
// forgotten when its queue is empty; it would get a turn for every one query of the others.
func TestComingBackEmptyGainsNothing(t *testing.T) {
	for _, c := range []struct{ sly, patient, pause int }{{40, 40, 0}, {quantum, 1, 0}, {quantum - 1, 1, 1}, {30, 1, 1}, {1000, 1, 1}} {
		q := newQueue(1)
		sly, patient := q.owner("sly"), q.owner("patient")
		sly.leases, patient.leases = 1, 1
		const all = 50_000
		q.take(sly, c.sly, epoch)
		for range all {
			q.take(patient, c.patient, epoch)
		}
		got, others, mine, back := 0, 0, (*ticket)(nil), 0
		for range all / 2 {
			if mine == nil && back == 0 {
				mine = q.take(sly, c.sly, epoch)
			}
			back = max(0, back-1)
			q.give()
			if mine == nil || mine.at != nil {
				others += c.patient
				continue
			}
			got += c.sly
			mine, back = nil, c.pause
		}
		require.Less(t, got-others, 3*quantum+c.sly+c.patient, "%+v", c)
		require.Positive(t, got)
	}
}

// TestLeavingWithAPlaceHandsItOn: a caller may leave in the moment in which its turn comes.
func TestLeavingWithAPlaceHandsItOn(t *testing.T) {
	q := newQueue(1)
	require.Nil(t, q.take(q.owner("a"), 1, epoch))
	late, next := q.take(q.owner("a"), 1, epoch), q.take(q.owner("b"), 1, epoch)
	q.give()
	<-late.ready
	q.leave(late)
	<-next.ready
	require.Equal(t, []int{1, 0}, []int{q.running, q.waiting})
	q.leave(next)
	require.Zero(t, q.running)
}

func TestAClosedQueueTellsEverybody(t *testing.T) {
	q := newQueue(1)
	require.Nil(t, q.take(q.owner("a"), 1, epoch))
	waiting := []*ticket{q.take(q.owner("a"), 9, epoch), q.take(q.owner("b"), 9, epoch), q.take(q.owner("b"), 9, epoch)}
	require.Equal(t, epoch(), q.oldest())
	why := fault.New(fault.Canceled, "closed")
	q.close(why)
	for _, w := range waiting {
		<-w.ready
		require.Same(t, why, w.shut)
		q.leave(w)
	}
	require.Equal(t, []int{1, 0}, []int{q.running, q.waiting})
	require.True(t, q.oldest().IsZero())
	q.give()
	require.Zero(t, q.running)
}

// BenchmarkQueue is what one query costs here while a thousand owners wait.
func BenchmarkQueue(b *testing.B) {
	for _, cost := range []int{57, 4096} {
		b.Run(fmt.Sprintf("ids=%d", cost), func(b *testing.B) {
			q := newQueue(6)
			owners := make([]*owner, 1000)
			for i := range owners {
				owners[i] = q.owner(fmt.Sprint(i))
				owners[i].leases = 1
				q.take(owners[i], cost, epoch)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				q.take(owners[i%len(owners)], 1+(i*7919)%cost, epoch)
				q.give()
			}
		})
	}
}
