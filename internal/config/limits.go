package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	modelrule "guardhouse/internal/rule"
)

// Limits are the rates and quotas that hold whatever the rules say.
type Limits struct {
	Rates  map[string]modelrule.Rate // by person, address, model and key; one that is missing is none
	Quotas map[Quota]int64           // one that is missing is none
}

// Quota names a quota: whose (person or key), in what span (day or month), of what.
type Quota struct{ By, Span, Unit string }

// QuotaUnits lists what quotas count, in the order of the documentation.
func QuotaUnits() []string { return []string{"requests", "tokens", "images", "compute_seconds"} }

// Key answers the quota's configuration key.
func (q Quota) Key() string { return "limits." + q.By + "_" + q.Span + "_" + q.Unit }

// MarshalText is Key: settings can be printed whole.
func (q Quota) MarshalText() ([]byte, error) { return []byte(q.Key()), nil }

// maxQuota is more than anybody uses in a month, and its thousandfold is still a number.
const maxQuota = 1_000_000_000_000

// limitOptions lists the keys of limits: four rates, then a quota of everybody's and every key's day and month for each unit.
func limitOptions() []Option {
	var out []Option
	for _, r := range []struct{ by, help string }{
		{"person", "how often one person may use models, whichever of his keys and sessions asks, such as 600/min; also 600req/min, s, h and day. Nobody is held to any if empty"},
		{"address", "how often one address may use models (IPv6: its /64)"},
		{"model", "how often one model may be used, by all together"},
		{"key", "how often one key may use models, besides the rate that it was given"},
	} {
		out = append(out, Option{Key: "limits." + r.by, Help: r.help, Console: Now, rule: only(rate(r.by))})
	}
	words := map[string]string{"requests": "requests (each item of an array is one)", "tokens": "tokens of prompts", "images": "images", "compute_seconds": "seconds of a model's work"}
	for _, by := range []string{"person", "key"} {
		for _, span := range []string{"day", "month"} {
			for _, unit := range QuotaUnits() {
				q := Quota{by, span, unit}
				help := fmt.Sprintf("most %s of one %s in a %s (UTC)", words[unit], by, span)
				out = append(out, Option{Key: q.Key(), Help: help, Console: Now, rule: only(quota(q))})
			}
		}
	}
	return out
}

// rate takes a rate in the spelling of the rules, or nothing.
func rate(by string) func(*Config, string) error {
	return func(c *Config, v string) error {
		rates := map[string]modelrule.Rate{}
		for name, r := range c.Limits.Rates {
			rates[name] = r
		}
		delete(rates, by)
		if v = strings.TrimSpace(v); v != "" {
			r, err := modelrule.ParseRate(v)
			if err != nil {
				return errors.New("wants a rate such as 100/min, 100req/min or 10次/分钟 (s, sec, min, h, hour, d, day)")
			}
			rates[by] = r
		}
		c.Limits.Rates = rates
		return nil
	}
}

// quota takes a number, or nothing. 0 lets nothing through.
func quota(q Quota) func(*Config, string) error {
	return func(c *Config, v string) error {
		quotas := map[Quota]int64{}
		for name, n := range c.Limits.Quotas {
			quotas[name] = n
		}
		delete(quotas, q)
		if v = strings.TrimSpace(v); v != "" {
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil || n < 0 || n > maxQuota {
				return fmt.Errorf("wants a whole number from 0 to %d", int64(maxQuota))
			}
			quotas[q] = n
		}
		c.Limits.Quotas = quotas
		return nil
	}
}
