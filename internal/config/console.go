package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Console says what the console does with a key. "" is not even shown there: secrets, files and ports.
type Console string

// What opens a file or a port, or decides what is evidence, is Shown at most (threat D2).
const (
	Shown   Console = "shown"   // changed in the file, the environment or a flag alone
	Now     Console = "now"     // a stored value is in force at once
	Restart Console = "restart" // a stored value is in force from the next start on
)

// Editable says whether the console may store a value.
func (c Console) Editable() bool { return c == Now || c == Restart }

// Kind says how a key's values look. Min and Max are in the key's own spelling.
type Kind struct {
	Type     string
	Min, Max string
	Choices  []string
}

// The types of values.
const (
	Text     = "text"
	Integer  = "integer"
	Duration = "duration"
	Choice   = "choice"
	Boolean  = "boolean"
)

const (
	// fromDefault is the source of a key that no layer says anything of.
	fromDefault = "default"
	inFile      = "file"
)

// Field is a key that the console shows, with what flag, environment or file say of it; Source is default where none does.
type Field struct {
	Option
	Value, Source string
}

// Fields answers what the console shows, in the order of the documentation, as it is without stored values.
func (c *Config) Fields() []Field {
	var out []Field
	for _, r := range c.given() {
		if r.option.Built() && r.option.Console != "" {
			out = append(out, Field{r.option, r.value, r.source})
		}
	}
	return out
}

// With answers the settings with stored values in force where neither flag nor environment nor file says anything. It
// refuses none as a whole: a key or value that this release does not take, and one that contradicts the rest, is left
// out and named with the reason. c stays as it is.
func (c *Config) With(stored map[string]string) (*Config, map[string]error) {
	problems := map[string]error{}
	values := map[string]string{}
	for key, value := range stored {
		o, free := c.free(key)
		switch {
		case !o.Built():
			problems[key] = errors.New("is no setting of this release")
		case !o.Console.Editable():
			problems[key] = errors.New("is not set in the console")
		case !free: // hidden by a stronger layer
		default:
			if err := o.apply(&Config{}, value); err != nil {
				problems[key] = err
				continue
			}
			values[key] = value
		}
	}
	for {
		next := c.overlay(values)
		key, err := next.contradiction(values)
		if err == nil {
			return next, problems
		}
		problems[key] = err
		delete(values, key)
	}
}

// free answers the option of a key, and whether nothing but a stored value would change its default.
func (c *Config) free(key string) (Option, bool) {
	given := c.given()
	i := slices.IndexFunc(given, func(r resolved) bool { return r.option.Key == key })
	if i < 0 {
		return Option{}, false
	}
	return given[i].option, given[i].source == fromDefault
}

// overlay answers a copy whose editable keys are as the layers and values say. All of them have been taken before.
func (c *Config) overlay(values map[string]string) *Config {
	next := *c
	for _, r := range c.given() {
		if !r.option.Console.Editable() {
			continue
		}
		value, stored := values[r.option.Key]
		if !stored {
			value = r.value
		}
		_ = r.option.apply(&next, value) // it was taken before: by Load, or by With a moment ago
	}
	return &next
}

// contradiction names a stored value that the settings cannot be with, and why. It never blames one that was not stored.
func (c *Config) contradiction(stored map[string]string) (key string, err error) {
	for _, pair := range []struct {
		check func() error
		keys  []string
	}{
		{c.checkSessions, []string{"auth.session_idle", "auth.session_max"}},
		{c.checkRetention, []string{"retention.verdicts", "retention.audit"}},
	} {
		err = pair.check()
		for i := 0; i < len(pair.keys) && err != nil; i++ {
			if _, ok := stored[pair.keys[i]]; ok {
				return pair.keys[i], fmt.Errorf("contradicts the rest: %w", err)
			}
		}
	}
	return "", nil // what Load took contradicts nothing
}

// checkSessions refuses an idle limit that could never be met.
func (c *Config) checkSessions() error {
	if c.SessionIdle > c.SessionMax {
		return errors.New("auth.session_idle is longer than auth.session_max")
	}
	return nil
}

// modelID takes what may name a model, or nothing. Whether there is one is the catalogue's to say.
func modelID(c *Config, v string) error {
	const most = 64
	bad := strings.ContainsFunc(v, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	})
	if bad || len(v) > most || strings.IndexAny(v, "._-") == 0 {
		return errors.New("wants the id of a model")
	}
	c.DefaultModel = v
	return nil
}
