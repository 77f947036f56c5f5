package rule

import (
	"bytes"
	"encoding/json"
	"time"

	"go.yaml.in/yaml/v3"

	"guardhouse/internal/fault"
)

// written is a rule's text, its members in the order of the contract.
type written struct {
	ID         string   `json:"id,omitempty" yaml:"id"`
	Effect     string   `json:"effect" yaml:"effect"`
	Principals []string `json:"principals" yaml:"principals,flow"`
	Models     []string `json:"models,omitempty" yaml:"models,flow"`
	Operations []string `json:"operations" yaml:"operations,flow"`
	Conditions asked    `json:"conditions" yaml:"conditions"`
	Mode       string   `json:"mode" yaml:"mode"`
	Note       string   `json:"note" yaml:"note,omitempty"`
	Owner      string   `json:"owner" yaml:"owner,omitempty"`
}

// asked is the text of conditions.
type asked struct {
	IPRanges  []string `json:"ip_ranges,omitempty" yaml:"ip_ranges,flow,omitempty"`
	RateLimit string   `json:"rate_limit,omitempty" yaml:"rate_limit,omitempty"`
	From      string   `json:"valid_from,omitempty" yaml:"valid_from,omitempty"`
	Until     string   `json:"valid_until,omitempty" yaml:"valid_until,omitempty"`
	Hours     string   `json:"hours,omitempty" yaml:"hours,omitempty"`
	Purpose   string   `json:"purpose,omitempty" yaml:"purpose,omitempty"`
}

// JSON answers the rule's canonical text, which ParseJSON reads as the same rule but for its Origin. A rate keeps the
// spelling it was written in. It refuses a rule that Check refuses.
func (r Rule) JSON() ([]byte, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	return encode(r.written())
}

// JSON answers the conditions' canonical text, {} for none, which ParseConditions reads as the same. It refuses conditions that
// no parser answers; those that could never hold are among them, as their text would be that of none.
func (c Conditions) JSON() ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if len(c.IPRanges) > maxRanges {
		return nil, invalid("conditions.ip_ranges: at most %d entries", maxRanges)
	}
	return encode(c.written())
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "a rule could not be written")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// YAML answers the policy's canonical text, which ParseFile reads as the same policy but for the Origins, and which is Ended. It
// refuses rules that Check refuses, those without id or models, two of one id, and more than ParseFile takes.
func (f File) YAML() ([]byte, error) {
	out := struct {
		Version int       `yaml:"version"`
		Default string    `yaml:"default,omitempty"`
		Rules   []written `yaml:"rules"`
	}{1, f.Default, make([]written, 0, len(f.Rules))}
	if f.Default != "" && f.Default != effectAllow && f.Default != effectDeny {
		return nil, invalid("default: must be deny or allow")
	}
	if len(f.Rules) > MaxRules {
		return nil, invalid("rules: at most %d rules", MaxRules)
	}
	seen := make(map[string]bool, len(f.Rules))
	for i := range f.Rules {
		r := &f.Rules[i]
		if err := r.Check(); err != nil {
			return nil, named(r.ID, err)
		}
		if r.ID == "" || len(r.Models) == 0 || seen[r.ID] {
			return nil, named(r.ID, invalid("a rule in a file has an id of its own and models"))
		}
		seen[r.ID] = true
		out.Rules = append(out.Rules, r.written())
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(out); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the rules could not be written")
	}
	if err := e.Close(); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the rules could not be written")
	}
	b.WriteString(endMark + "\n")
	if err := bounded(b.Bytes()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (r Rule) written() written {
	w := written{
		ID: r.ID, Effect: effectDeny, Models: r.Models, Principals: []string{}, Operations: []string{},
		Conditions: r.Conditions.written(), Mode: modeEnforce, Note: r.Note, Owner: r.Owner,
	}
	if r.Allow {
		w.Effect = effectAllow
	}
	if r.ReportOnly {
		w.Mode = modeReportOnly
	}
	for _, p := range r.Principals {
		w.Principals = append(w.Principals, p.String())
	}
	for _, o := range r.Operations {
		w.Operations = append(w.Operations, string(o))
	}
	return w
}

func (c Conditions) written() asked {
	var a asked
	for _, p := range c.IPRanges {
		a.IPRanges = append(a.IPRanges, plain(p).Masked().String())
	}
	if c.Rate != nil {
		a.RateLimit = c.Rate.text()
	}
	if !c.From.IsZero() {
		a.From = c.From.UTC().Format(time.RFC3339Nano)
	}
	if !c.Until.IsZero() {
		a.Until = c.Until.UTC().Format(time.RFC3339Nano)
	}
	if c.Hours != nil {
		a.Hours = c.Hours.String()
	}
	if c.Purpose {
		a.Purpose = "required"
	}
	return a
}
