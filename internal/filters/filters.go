// Package filters keeps the filters that people saved of the console's lists: a name for a page's query string, a person's
// own and nobody else's. They open nothing, so keeping one leaves no audit row (docs/audit.md); who may come to a page is
// the gate's to say, before. It may import db and fault.
package filters

import (
	"context"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// Bounds: a row of chips and an address line hold no more.
const (
	maxSaved = 50
	maxName  = 60
	maxQuery = 1024
	maxValue = 128
)

// Filter is one saved filter. Query is written in the order of its parameters' names, without a question mark.
type Filter struct {
	ID, Page, Name, Query string
	CreatedAt             time.Time
}

// New is what a person wants to keep.
type New struct{ Page, Name, Query string }

// Service keeps and lists. All methods may be called from any goroutine.
type Service struct{ db *db.DB }

// Open answers the service over a database.
func Open(d *db.DB) *Service { return &Service{db: d} }

// List answers the person's filters by name, of one page or of all where page is "". Invalid for an unknown page.
func (s *Service) List(ctx context.Context, userID, page string) ([]Filter, error) {
	if page != "" && parametersOf(page) == nil {
		return nil, unknownPage()
	}
	return s.list(ctx, userID, page)
}

// Save keeps a filter. Invalid for an unknown page, a name that is no line of 1 to 60 characters, and a query that the page
// does not know; Conflict for a name that the person has on that page already, whatever its case, and for a 51st filter.
func (s *Service) Save(userID string, n New) (Filter, error) {
	f := Filter{Page: n.Page, Name: norm.NFC.String(strings.TrimSpace(n.Name))}
	known := parametersOf(n.Page)
	if known == nil {
		return Filter{}, unknownPage()
	}
	if !line(f.Name, maxName) {
		return Filter{}, fault.Newf(fault.Invalid, "A name is one line of 1 to %d characters.", maxName).WithField("name")
	}
	var err error
	if f.Query, err = known.canonical(n.Query); err != nil {
		return Filter{}, err
	}
	return s.insert(userID, f)
}

// Delete forgets one of the person's filters. NotFound for any other id.
func (s *Service) Delete(userID, id string) error { return s.remove(userID, id) }

// Forget removes all of a person's filters, in the transaction that ends the account.
func Forget(tx *db.Tx, userID string) error { return forget(tx, userID) }

func unknownPage() error {
	return fault.New(fault.Invalid, "There is no page of that name whose filters are kept.").WithField("page")
}

// line says that a text has 1 to limit characters that all are seen, and none that breaks or turns the line.
func line(s string, limit int) bool {
	if s == "" || !utf8.ValidString(s) || utf8.RuneCountInString(s) > limit {
		return false
	}
	for _, r := range s {
		if unicode.Is(unicode.C, r) || unicode.In(r, unicode.Zl, unicode.Zp) {
			return false
		}
	}
	return true
}

// key is what two names are compared by.
func key(name string) string { return cases.Fold().String(norm.NFKC.String(name)) }

// canonical answers a query as it is kept, or which of its parameters is none of the page's.
func (p parameters) canonical(query string) (string, error) {
	bad := func(text string) error { return fault.New(fault.Invalid, text).WithField("query") }
	if len(query) > maxQuery {
		return "", bad("The query is too long.")
	}
	values, err := url.ParseQuery(strings.TrimPrefix(query, "?"))
	if err != nil {
		return "", bad("The query cannot be read.")
	}
	if len(values) == 0 {
		return "", bad("A filter without a parameter shows everything: there is nothing to keep.")
	}
	for name, list := range values {
		fits := p[name]
		switch {
		case fits == nil:
			return "", bad("The page has no such parameter.")
		case len(list) != 1:
			return "", bad("A parameter stands twice.")
		case !line(list[0], maxValue) || !fits(list[0]):
			return "", bad("The value of " + name + " is not one that the page knows.")
		}
	}
	if out := values.Encode(); len(out) <= maxQuery {
		return out, nil
	}
	return "", bad("The query is too long.")
}
