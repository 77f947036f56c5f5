package export

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
)

// Format is how rows are written.
type Format string

// The formats.
const (
	JSONL Format = "jsonl"
	CSV   Format = "csv"
)

// ContentType answers what the format is called in HTTP.
func (f Format) ContentType() string {
	if f == CSV {
		return "text/csv; charset=utf-8; header=present"
	}
	return "application/jsonl; charset=utf-8"
}

// Request says what is exported. Of the filter, order, limit and cursor do not matter: an export is always oldest first and
// whole. After leaves out the rows up to that number.
type Request struct {
	Format Format
	BOM    bool // CSV alone
	Filter audit.Filter
	After  int64
}

const (
	maxWords = 256
	// farthest is how far from now a range may reach: beyond it somebody has mistyped a year.
	farthest = 100 * 366 * 24 * time.Hour
)

// check refuses (Invalid) an unknown format, a mark of UTF-8 outside CSV, a range that ends before it begins or lies a century
// away, and filters that hold what nobody types.
func (r Request) check(now time.Time) error {
	f := r.Filter
	switch {
	case r.Format != JSONL && r.Format != CSV:
		return fault.New(fault.Invalid, "format must be csv or jsonl").WithField("format")
	case r.BOM && r.Format != CSV:
		return fault.New(fault.Invalid, "only CSV begins with a byte order mark").WithField("bom")
	case r.After < 0:
		return fault.New(fault.Invalid, "rows are counted from 1").WithField("after")
	case f.Decision != "" && f.Decision != audit.Allow && f.Decision != audit.Deny && f.Decision != audit.Error:
		return fault.New(fault.Invalid, "decision must be allow, deny or error").WithField("decision")
	case !f.From.IsZero() && !f.To.IsZero() && !f.To.After(f.From):
		return fault.New(fault.Invalid, "to must be after from").WithField("to")
	case distant(f.From, now):
		return fault.New(fault.Invalid, "from must be within a century").WithField("from")
	case distant(f.To, now):
		return fault.New(fault.Invalid, "to must be within a century").WithField("to")
	}
	for name, value := range said(f) {
		if text, ok := value.(string); ok && !typed(text) {
			return fault.Newf(fault.Invalid, "a filter is one line of at most %d characters", maxWords).WithField(name)
		}
	}
	return nil
}

func distant(t, now time.Time) bool { return !t.IsZero() && t.Sub(now).Abs() > farthest }

func typed(s string) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxWords && !strings.ContainsFunc(s, unicode.IsControl)
}

// said answers the members of a filter that filter, by their names in the API. All values are strings.
func said(f audit.Filter) map[string]any {
	out := map[string]any{}
	for name, value := range map[string]string{
		"actor": f.Actor, "action": f.Action, "model": f.Model, "decision": f.Decision, "ip": f.IP, "request_id": f.RequestID, "q": f.Q,
		"rule": f.Rule, "reason": f.Reason, "purpose": f.Purpose, "key": f.Key,
	} {
		if value != "" {
			out[name] = value
		}
	}
	for name, at := range map[string]time.Time{"from": f.From, "to": f.To} {
		if !at.IsZero() {
			out[name] = at.UTC().Format(time.RFC3339Nano)
		}
	}
	return out
}

// all answers what a request filters by, what it leaves out before a number included.
func (r Request) all() map[string]any {
	out := said(r.Filter)
	if r.After > 0 {
		out["after"] = r.After
	}
	return out
}

// canonical answers the filter as one line of JSON with its members in order.
func (r Request) canonical() (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r.all()); err != nil {
		return "", fault.Wrap(err, fault.Internal, "the filter cannot be written")
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}
