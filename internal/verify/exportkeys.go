package verify

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"guardhouse/internal/audit"
	"guardhouse/internal/proof"
)

// reigns is what a file shows of keys: who follows whom, from which row on, and what each has signed. A key signs up to the row by
// which the next took over.
type reigns struct {
	before map[string]string // the key that each follows, as its accepted note or the row of the change says
	noted  []string          // the keys whose notes are in the file, in its order
	turns  []turn
	signed map[string]*deed
	acts   map[string][]string // who signed tombstones, by the removal that they name
	lines  map[string]map[string]bool
}

// turn is a change of keys at a row.
type turn struct {
	seq         int64
	fresh, from string
}

// deed is the last row that a key has signed for, and by what; since is the first that a checkpoint of it names, -1 without one.
type deed struct {
	since, most int64
	what        string
}

// mostTurns is how many changes of keys are looked at: as many as a set of keys holds.
const mostTurns = 1024

func newReigns() reigns {
	return reigns{before: map[string]string{}, signed: map[string]*deed{}, acts: map[string][]string{}}
}

// sign notes that a key has signed something about the log up to a row.
func (g *reigns) sign(key string, seq int64, what string) *deed {
	d, there := g.signed[key]
	if !there {
		d = &deed{since: -1, most: -1}
		g.signed[key] = d
	}
	if seq > d.most {
		d.most, d.what = seq, what
	}
	return d
}

// mark is sign of a checkpoint: its key was in use at its row. Manifests and tombstones are signed later than the rows that they name.
func (g *reigns) mark(key string, seq int64, what string) {
	if d := g.sign(key, seq, what); d.since < 0 || seq < d.since {
		d.since = seq
	}
}

// introduce takes in a key's note. It answers false where another key follows the same one.
func (g *reigns) introduce(k proof.Key) bool {
	alone := true
	for _, id := range g.noted {
		alone = alone && (id == k.ID || k.Previous == "" || g.before[id] != k.Previous)
	}
	if !slices.Contains(g.noted, k.ID) {
		g.noted, g.before[k.ID] = append(g.noted, k.ID), k.Previous
	}
	return alone
}

// bury notes who signed a tombstone of a removal, once.
func (g *reigns) bury(event, key string) {
	if !slices.Contains(g.acts[event], key) {
		g.acts[event] = append(g.acts[event], key)
	}
}

const keyResource = "audit-key:"

// row takes in a change of keys, and the removal that tombstones name.
func (g *reigns) row(ev audit.Event) {
	for _, key := range g.acts[ev.ID] {
		g.sign(key, ev.Seq, "a tombstone")
	}
	fresh, ours := strings.CutPrefix(ev.Resource, keyResource)
	change, _ := ev.Details["change"].(string)
	if !ours || ev.Action != "settings.manage" || ev.Decision != audit.Allow || !slices.Contains([]string{"first", "rotate", "lost"}, change) || len(g.turns) == mostTurns {
		return
	}
	from, _ := ev.Details["before"].(string)
	g.turns = append(g.turns, turn{ev.Seq, fresh, from})
	if g.before[fresh] == "" && from != fresh {
		g.before[fresh] = from
	}
}

// line answers a key and those that it follows.
func (g *reigns) line(key string) map[string]bool {
	if line, known := g.lines[key]; known {
		return line
	}
	line := map[string]bool{}
	for next := key; next != "" && !line[next]; next = g.before[next] {
		line[next] = true
	}
	g.lines[key] = line
	return line
}

// over says that a key signs no more once fresh has taken over from another: it is that one, one before, or one that came from
// there in another way.
func (g *reigns) over(key, fresh, from string) bool {
	own := g.line(key)
	return key != "" && from != "" && !own[fresh] && (own[from] || g.line(from)[key])
}

// replaced answers what was signed with a key that had been replaced, "" for nothing; manifest is the key that signed the whole, which
// is the newest of those that the file itself names.
func (g *reigns) replaced(manifest string) (what string, seq int64) {
	g.lines = map[string]map[string]bool{}
	for _, key := range g.noted {
		if g.over(manifest, key, g.before[key]) {
			return "the manifest", 0
		}
	}
	turns := slices.Clone(g.turns)
	for key, d := range g.signed {
		if d.since >= 0 {
			turns = append(turns, turn{d.since, key, g.before[key]})
		}
	}
	slices.SortFunc(turns, func(a, b turn) int { return cmp.Compare(a.seq, b.seq) })
	for _, t := range turns {
		for _, key := range slices.Sorted(maps.Keys(g.signed)) {
			if d := g.signed[key]; d.most >= t.seq && g.over(key, t.fresh, t.from) {
				return d.what, d.most
			}
		}
	}
	return "", 0
}
