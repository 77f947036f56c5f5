package app

import (
	"maps"
	"slices"
	"strings"

	"guardhouse/internal/access"
	"guardhouse/internal/config"
	"guardhouse/internal/limit"
	"guardhouse/internal/rule"
)

// limits are the settings' limits as the gate takes them.
func limits(c config.Limits) access.Limits {
	rate := func(by string) *rule.Rate {
		if r, ok := c.Rates[by]; ok {
			return &r
		}
		return nil
	}
	out := access.Limits{Person: rate("person"), Address: rate("address"), Model: rate("model"), Key: rate("key")}
	quotas := slices.SortedFunc(maps.Keys(c.Quotas), func(a, b config.Quota) int { return strings.Compare(a.Key(), b.Key()) })
	for _, q := range quotas {
		out.Quotas = append(out.Quotas, namedQuota(q, c.Quotas[q]))
	}
	return out
}

// namedQuota is one quota as the gate takes it. Compute is counted in milliseconds.
func namedQuota(q config.Quota, most int64) access.NamedQuota {
	out := access.NamedQuota{Name: q.Key(), By: limit.ByPerson, Quota: limit.Quota{Unit: limit.Requests, Span: limit.Day, Max: most}}
	if q.By == "key" {
		out.By = limit.ByKey
	}
	if q.Span == "month" {
		out.Span = limit.Month
	}
	switch q.Unit {
	case "tokens":
		out.Unit = limit.Tokens
	case "images":
		out.Unit = limit.Images
	case "compute_seconds":
		const milliseconds = 1000
		out.Unit, out.Max = limit.ComputeMS, most*milliseconds
	}
	return out
}
