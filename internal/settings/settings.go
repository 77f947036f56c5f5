// Package settings owns the settings that are changed while the product runs: values that stand in the database between the
// configuration file and the defaults. It decides what may be stored, keeps who changed what and when, and tells the rest of
// the process what is stored now, whoever stored it. What a key means is not known here: app hands in the fields and the
// check, and translates values for the services. It may import access, audit, db and fault; app, httpapi, cmd and doctor
// may import it.
package settings

import (
	"context"
	"log/slog"
	"time"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// When a stored value is in force.
const (
	Now     = "now"     // at once, in every process on the folder within a second
	Restart = "restart" // from the server's next start on
)

// Where a value comes from, the weakest first.
const (
	Default     = "default"
	Console     = "console"
	File        = "file"
	Environment = "env"
	Flag        = "flag"
)

// Field is one key that is shown. Given is what Source says where that is stronger than the console; Applies is "" for a key
// that is never stored. Policy is set where verdicts follow from the value, Confirm
// where a browser's session has to type the password again before it may change the value.
type Field struct {
	Key, Default  string
	Type          string // text, integer, duration, choice or boolean
	Unit          string // what a number counts
	Min, Max      string
	Choices       []string
	Given, Source string
	Applies       string
	Policy        bool
	Confirm       bool
}

// fixed says that a stored value would not be in force.
func (f Field) fixed() bool { return f.Source != Default }

// Item is a field with its value. InForce is what this process works with: another than Value until a restart. A stored
// value that can't be in force has a Problem, and Value is what holds instead.
type Item struct {
	Field
	Value, InForce string
	Source         string
	Editable       bool
	Problem        string
	ChangedAt      *time.Time
	ChangedBy      string
	EventID        string
}

// Ignored is a stored value that is not in force, because this release or its other settings have no place for it.
type Ignored struct{ Key, Reason string }

// View is all that is shown, as of one version.
type View struct {
	Version int64
	Items   []Item
	Ignored []Ignored
}

// Change asks for values; nil takes a stored one back. Version, if given, is the one that the caller saw.
type Change struct {
	Values  map[string]*string
	Version *int64
}

// Options is what the rest of the product knows of settings.
type Options struct {
	Fields []Field
	// Check answers which of the stored values can't be in force, and why.
	Check func(stored map[string]string) map[string]error
	// Admit refuses a wanted value for reasons that lie outside of settings: a model that does not exist. nil admits all.
	Admit func(ctx context.Context, key, value string) error
	// Misplaced names values that pass the check and still mean nothing here. nil names none.
	Misplaced func(ctx context.Context) []Ignored
	Log       *slog.Logger // nil = nothing is logged
}

// row is a stored value.
type row struct {
	value                       string
	changedAt                   time.Time
	actorID, actorName, eventID string
}

// state is what the tables said at one version. It never changes; a change makes a new one.
type state struct {
	version  int64
	rows     map[string]row
	problems map[string]error
}

func (s *state) values() map[string]string { return valuesOf(s.rows) }

func valuesOf(rows map[string]row) map[string]string {
	out := make(map[string]string, len(rows))
	for key, r := range rows {
		out[key] = r.value
	}
	return out
}

// Read answers the stored values of a database, for whoever looks at it without a service.
func Read(ctx context.Context, d *db.DB) (map[string]string, error) {
	_, rows, err := readAll(ctx, d)
	return valuesOf(rows), err
}

func stale() error {
	return fault.New(fault.Stale, "Somebody changed the settings meanwhile. Read them again, then decide.")
}
