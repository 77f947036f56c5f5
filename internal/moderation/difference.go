package moderation

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
)

// scoreTolerance is how far a score may be from the recorded one and count as the same: which texts share a forward pass changes the
// last bits of a sum, and through the activations' eight bits the third or fourth decimal.
const scoreTolerance = 0.01

// Difference is one field of a verdict that is another now. Numbers stand in their shortest form, lists with commas; "" is null.
type Difference struct {
	Field         string
	Recorded, Now string
}

// MarshalJSON answers the published form.
func (d Difference) MarshalJSON() ([]byte, error) {
	orNull := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	return json.Marshal(map[string]any{"field": d.Field, "recorded": orNull(d.Recorded), "now": orNull(d.Now)})
}

// differences answers what is another now than it was recorded, and whether the model that judged and what it said are the same:
// what it was computed with and the version of the rules are told and do not count.
func differences(was Verdict, is Rejudged) (all []Difference, equal bool) {
	c := comparison{all: []Difference{}, equal: true}
	c.must("model.sha256", was.Model.SHA256, is.Model.SHA256)
	c.must("model.template_sha256", was.Model.TemplateSHA256, is.Model.TemplateSHA256)
	c.must("severity", was.Severity, is.Severity)
	c.must("categories", strings.Join(was.Categories, ", "), strings.Join(is.Categories, ", "))
	c.must("refusal", said(was.Refusal), said(is.Refusal))
	c.must("flagged", strconv.FormatBool(was.Flagged), strconv.FormatBool(is.Flagged))
	c.must("action", was.Action, is.Action)
	c.score("scores.safe", was.Scores.Safe, is.Scores.Safe)
	c.score("scores.controversial", was.Scores.Controversial, is.Scores.Controversial)
	c.score("scores.unsafe", was.Scores.Unsafe, is.Scores.Unsafe)
	c.score("scores.other", was.Scores.Other, is.Scores.Other)
	c.must("timings.windows", strconv.Itoa(was.Timings.Windows), strconv.Itoa(is.Timings.Windows))
	if was.Runtime != nil { // an old row says nothing
		c.runtime(*was.Runtime, is.Runtime)
	}
	c.told("policy.version", strconv.FormatInt(was.Policy.Version, 10), strconv.FormatInt(is.Policy.Version, 10))
	return slices.Clip(c.all), c.equal
}

type comparison struct {
	all   []Difference
	equal bool
}

// told notes a difference that decides nothing.
func (c *comparison) told(field, was, is string) {
	if was != is {
		c.all = append(c.all, Difference{field, was, is})
	}
}

func (c *comparison) must(field, was, is string) {
	c.equal = c.equal && was == is
	c.told(field, was, is)
}

func (c *comparison) score(field string, was, is float64) {
	if !(math.Abs(was-is) <= scoreTolerance) { // so that NaN is a difference
		c.must(field, number(was), number(is))
	}
}

func (c *comparison) runtime(was, is RuntimeRef) {
	c.told("runtime.build", was.Build, is.Build)
	c.told("runtime.engine", was.Engine, is.Engine)
	c.told("runtime.device", was.Device, is.Device)
	c.told("runtime.kernels", was.Kernels, is.Kernels)
	c.told("runtime.flash", strconv.FormatBool(was.Flash), strconv.FormatBool(is.Flash))
	c.told("runtime.kv_cache", was.KVCache, is.KVCache)
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

func said(b *bool) string {
	if b == nil {
		return ""
	}
	return strconv.FormatBool(*b)
}
