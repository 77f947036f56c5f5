package retention

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"
	"golang.org/x/text/unicode/norm"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

const (
	maxReason = 500
	maxHolds  = 1000 // that are in force at a time
	holdsPage = 200
)

// Hold keeps records whatever their age: all that a person did and that was done to his account, all of a span of time, or what is
// both. UserID "" is everybody; From is inclusive, To is not, nil is open.
type Hold struct {
	ID, UserID, UserName        string
	From, To                    *time.Time
	Reason, By, EventID         string
	At                          time.Time
	ReleasedAt                  *time.Time
	ReleasedBy, ReleasedBecause string
	ReleaseEventID              string
}

// NewHold asks for a hold. Person is a name or an id, with or without user: before it.
type NewHold struct {
	Person   string
	From, To *time.Time
	Reason   string
}

// holdResource is how the audit log names a hold.
func holdResource(id string) string { return "hold:" + id }

// Holds answers holds, the newest first: those in force, and the ended ones too where all is asked for. before is the id after
// which the page begins. It refuses who does not hold settings.manage.
func (s *Service) Holds(ctx context.Context, p access.Principal, all bool, before string) (list []Hold, next string, err error) {
	if err := s.may(ctx, p); err != nil {
		return nil, "", err
	}
	if before != "" {
		text, ok := strings.CutPrefix(before, holdPrefix)
		if _, err := ulid.ParseStrict(text); !ok || err != nil {
			return nil, "", fault.New(fault.Invalid, "the cursor is not one of ours").WithField("cursor")
		}
	}
	every, err := allHolds(asking(ctx, s.d.DB))
	for _, h := range every {
		if (all || h.ReleasedAt == nil) && (before == "" || h.ID < before) {
			list = append(list, h)
		}
	}
	if len(list) > holdsPage {
		list = list[:holdsPage]
		next = list[holdsPage-1].ID
	}
	return list, next, err
}

// What the rows of holds and of the clock say.
const (
	changeHold    = "hold"
	changeRelease = "release"
	changeClock   = "clock"
)

const holdPrefix = "hld_"

// AddHold sets a hold for a holder of settings.manage, and leaves its row. It is in force for all that is not under a tombstone
// already when this returns. It refuses one without a reason, or about nobody and no time (Invalid), and an unknown person
// (Unprocessable).
func (s *Service) AddHold(ctx context.Context, p access.Principal, n NewHold) (_ Hold, err error) {
	h := Hold{ID: holdPrefix + ulid.Make().String(), From: whole(n.From), To: whole(n.To)}
	if h.Reason, err = reason(n.Reason); err == nil {
		err = n.check()
	}
	if err != nil {
		return Hold{}, s.reject(ctx, p, err)
	}
	pass, err := s.d.Guard.Enter(ctx, p, access.Op{Action: access.SettingsManage, Resource: holdResource(h.ID)})
	if err != nil {
		return Hold{}, err
	}
	defer pass.Close(&err)
	out := access.Outcome{Check: func(tx *db.Tx) (map[string]any, error) {
		if err := s.admit(tx, p); err != nil {
			return map[string]any{"change": changeHold}, err
		}
		var err error
		h.UserID, h.UserName, err = personIn(tx, strings.TrimPrefix(n.Person, "user:"))
		return h.details(changeHold, h.Reason), err
	}}
	_, err = pass.Commit(ctx, out, func(tx *db.Tx, ev audit.Event) error {
		h.At, h.By, h.EventID = ev.At, ev.Actor.Name, ev.ID
		return insertHold(tx, h)
	})
	if err != nil {
		return Hold{}, err
	}
	return h, nil
}

// ReleaseHold ends a hold for a holder of settings.manage, and leaves its row. It refuses without a reason (Invalid), an unknown
// hold (NotFound) and one that has ended (Conflict).
func (s *Service) ReleaseHold(ctx context.Context, p access.Principal, id, why string) (h Hold, err error) {
	because, err := reason(why)
	if err != nil {
		return Hold{}, s.reject(ctx, p, err)
	}
	if !isHoldID(id) {
		id = ""
	}
	pass, err := s.d.Guard.Enter(ctx, p, access.Op{Action: access.SettingsManage, Resource: holdResource(id)})
	if err != nil {
		return Hold{}, err
	}
	defer pass.Close(&err)
	out := access.Outcome{Check: func(tx *db.Tx) (map[string]any, error) {
		if err := s.admit(tx, p); err != nil {
			return map[string]any{"change": changeRelease}, err
		}
		var err error
		if h, err = holdIn(tx, id); err != nil {
			return map[string]any{"change": changeRelease}, err
		}
		if h.ReleasedAt != nil {
			return h.details(changeRelease, because), fault.New(fault.Conflict, "This hold has ended already.")
		}
		return h.details(changeRelease, because), nil
	}}
	_, err = pass.Commit(ctx, out, func(tx *db.Tx, ev audit.Event) error {
		now := ev.At
		h.ReleasedAt, h.ReleasedBy, h.ReleasedBecause, h.ReleaseEventID = &now, ev.Actor.Name, because, ev.ID
		return releaseHold(tx, h)
	})
	if err != nil {
		return Hold{}, err
	}
	return h, nil
}

// details is what the row says of a hold.
func (h *Hold) details(change, why string) map[string]any {
	d := map[string]any{"change": change, "reason": why}
	if h.UserID != "" {
		d["person"], d["person_id"] = h.UserName, h.UserID
	}
	if h.From != nil {
		d["from"] = h.From.UTC().Format(time.RFC3339Nano)
	}
	if h.To != nil {
		d["to"] = h.To.UTC().Format(time.RFC3339Nano)
	}
	return d
}

// whole cuts a moment to what the table holds.
func whole(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	cut := t.UTC().Truncate(time.Millisecond)
	return &cut
}

func isHoldID(id string) bool {
	text, ok := strings.CutPrefix(id, holdPrefix)
	_, err := ulid.ParseStrict(text)
	return ok && err == nil
}

// check refuses a hold about nothing, and times that no row could have.
func (n *NewHold) check() error {
	if n.Person == "" && n.From == nil && n.To == nil {
		return fault.New(fault.Invalid, "A hold is about a person, a time, or both.").WithField("person")
	}
	for _, t := range []*time.Time{n.From, n.To} {
		if t != nil && (t.Year() < 1970 || t.Year() > 9999) {
			return fault.New(fault.Invalid, "A time lies between 1970 and 9999.").WithField("from")
		}
	}
	if n.From != nil && n.To != nil && !n.To.After(*n.From) {
		return fault.New(fault.Invalid, "to must be after from").WithField("to")
	}
	return nil
}

// reason refuses a text that says nothing or can't be shown.
func reason(text string) (string, error) {
	text = norm.NFC.String(strings.TrimSpace(text))
	hidden := func(r rune) bool { return unicode.Is(unicode.C, r) || unicode.In(r, unicode.Zl, unicode.Zp) }
	if text == "" || !utf8.ValidString(text) || utf8.RuneCountInString(text) > maxReason || strings.ContainsFunc(text, hidden) {
		return "", fault.Newf(fault.Invalid, "A reason is one line of 1 to %d characters.", maxReason).WithField("reason")
	}
	return text, nil
}

// reject leaves the row of a request that can't be taken, and answers why.
func (s *Service) reject(ctx context.Context, p access.Principal, why error) error {
	if err := s.d.Guard.Reject(ctx, p, access.Op{Action: access.SettingsManage, Resource: resource}, audit.Error, string(fault.CodeOf(why))); err != nil {
		return err
	}
	return why
}
