package retention

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// saying is a row of the log about a hold or the clock.
type saying struct {
	ID, Name, Resource, Details string
	Seq, At                     int64
}

// words is what such a row's details say.
type words struct {
	Change     string     `json:"change"`
	Reason     string     `json:"reason"`
	Person     string     `json:"person"`
	PersonID   string     `json:"person_id"`
	From       *time.Time `json:"from"`
	To         *time.Time `json:"to"`
	Checkpoint int64      `json:"checkpoint"`
}

// words of a row that can't be read are none.
func (s saying) words() (w words) {
	if json.Unmarshal([]byte(s.Details), &w) != nil {
		return words{}
	}
	return w
}

// holdsOf answers every hold, the newest first, from the rows of the log about holds: those alone set and end one. A hold that only
// the table knows keeps what it is about all the same, until the log ends it.
func holdsOf(rows []saying, table []Hold) []Hold {
	byID := map[string]*Hold{}
	var list []*Hold
	add := func(h Hold) {
		byID[h.ID] = &h
		list = append(list, &h)
	}
	for _, r := range rows {
		id, _ := strings.CutPrefix(r.Resource, holdResource(""))
		if w := r.words(); w.Change == changeHold && byID[id] == nil {
			add(Hold{
				ID: id, UserID: w.PersonID, UserName: w.Person, From: w.From, To: w.To, Reason: w.Reason, By: r.Name, EventID: r.ID,
				At: time.UnixMilli(r.At).UTC(),
			})
		}
	}
	for _, h := range table {
		if byID[h.ID] == nil {
			h.ReleasedAt, h.ReleasedBy, h.ReleasedBecause, h.ReleaseEventID = nil, "", "", ""
			add(h)
		}
	}
	for _, r := range rows {
		id, _ := strings.CutPrefix(r.Resource, holdResource(""))
		h, w := byID[id], r.words()
		if w.Change != changeRelease || h == nil || h.ReleasedAt != nil {
			continue
		}
		at := time.UnixMilli(r.At).UTC()
		h.ReleasedAt, h.ReleasedBy, h.ReleasedBecause, h.ReleaseEventID = &at, r.Name, w.Reason, r.ID
	}
	out := make([]Hold, len(list))
	for i, h := range list {
		out[i] = *h
	}
	slices.SortStableFunc(out, func(a, b Hold) int { return cmp.Compare(b.ID, a.ID) })
	return out
}

// inForce answers what the holds keep that have not ended, as SQL reads it: a list of a person, a beginning and an end each. Two of
// it are equal where the same is kept.
func inForce(list []Hold) (string, error) {
	out := [][3]any{}
	for _, h := range list {
		if h.ReleasedAt == nil {
			out = append(out, [3]any{h.UserID, millis(h.From), millis(h.To)})
		}
	}
	text, err := json.Marshal(out)
	return string(text), err
}

// noHolds is what inForce answers where none is in force.
const noHolds = "[]"

// confirmedBy answers the newest of the checkpoints up to which the log has the clock confirmed: one that was there when it was.
func confirmedBy(rows []saying, marks []mark) (number int64) {
	for _, r := range rows {
		w := r.words()
		i, there := slices.BinarySearchFunc(marks, w.Checkpoint, func(m mark, n int64) int { return cmp.Compare(m.Number, n) })
		if w.Change == changeClock && there && marks[i].Seq < r.Seq {
			number = max(number, w.Checkpoint)
		}
	}
	return number
}
