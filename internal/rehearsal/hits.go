package rehearsal

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
)

// Hits are the uses that a rule decided, and those that it would have decided where it only reports. A caller without audit.read
// is told how many, and no Last, Models, Samples and Days.
type Hits struct {
	RuleID             string
	From, To           time.Time
	Cut                bool
	Decided, WouldHave Sides
	Last               time.Time
	Models             []HitCount
	Samples            []Hit // the newest, newest first
	Days               []HitCount
}

// Sides is how often it was one and how often the other.
type Sides struct{ Allow, Deny int }

// HitCount is how many hits a model or a day has.
type HitCount struct {
	Of   string
	Hits int
}

// Hit is one of them.
type Hit struct {
	Use       audit.Use
	WouldHave string
}

// maxLooked is how many rows of the log are looked at for one rule, whatever they are of: a second's work or two.
const maxLooked = 500_000

// Hits counts the recorded uses of the last days that name the rule, but those by the server itself, among the newest rows of the log. It refuses a caller
// without acl.manage, with its row, days outside 1 to 90, and what Turn refuses. A rule that no row names has none. Where
// its time runs out it answers the newest, with From when the oldest of them was. It ends with ctx.
func (s *Service) Hits(ctx context.Context, caller access.Principal, ruleID string, days int) (Hits, error) {
	if err := s.administers(ctx, caller); err != nil {
		return Hits{}, err
	}
	if days == 0 {
		days = defaultDays
	}
	if days < 1 || days > maxDays {
		return Hits{}, fault.Newf(fault.Invalid, "days must be between 1 and %d", maxDays).WithField("days")
	}
	now := s.Now()
	h := Hits{RuleID: ruleID, From: now.Add(-time.Duration(days) * hoursOfDay), To: now}
	models, byDay := map[string]int{}, map[string]int{}
	var span audit.Uses
	var partly bool
	late, err := s.look(ctx, caller.Account(), func(ctx context.Context) (err error) {
		span, partly, err = s.Log.EachUseOf(ctx, ruleID, h.From, h.To, maxLooked, func(u audit.Use, wouldHave string) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if access.ByServer(u.Actor.Type, u.Actor.Name) {
				return nil
			}
			h.add(u, wouldHave)
			models[u.Model] += int(u.Attempts)
			byDay[u.At.UTC().Format(dayShape)] += int(u.Attempts)
			return nil
		})
		return err
	})
	if err != nil {
		return Hits{}, err
	}
	h.From, h.Cut = span.From, span.Cut || partly || late
	if !s.Guard.Can(caller, access.AuditRead) {
		h.Last, h.Samples = time.Time{}, nil // of a rule about one person they are his uses, and so are models and days
		return h, nil
	}
	for m, n := range models {
		h.Models = append(h.Models, HitCount{m, n})
	}
	slices.SortFunc(h.Models, func(a, b HitCount) int { return cmp.Or(cmp.Compare(b.Hits, a.Hits), strings.Compare(a.Of, b.Of)) })
	h.Models = h.Models[:min(len(h.Models), maxCounts)]
	for at := h.From.UTC().Truncate(hoursOfDay); h.From.Before(h.To) && !at.After(h.To); at = at.Add(hoursOfDay) {
		day := at.Format(dayShape)
		h.Days = append(h.Days, HitCount{day, byDay[day]})
	}
	return h, nil
}

func (h *Hits) add(u audit.Use, wouldHave string) {
	n := int(u.Attempts)
	switch {
	case wouldHave == audit.Allow:
		h.WouldHave.Allow += n
	case wouldHave == audit.Deny:
		h.WouldHave.Deny += n
	case u.Decision == audit.Deny:
		h.Decided.Deny += n
	default: // what failed after it was let in was let in
		h.Decided.Allow += n
	}
	if u.At.After(h.Last) {
		h.Last = u.At
	}
	if len(h.Samples) < maxSamples { // the newest come first
		h.Samples = append(h.Samples, Hit{u, wouldHave})
	}
}
