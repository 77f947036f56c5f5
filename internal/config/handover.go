package config

import "fmt"

// Given is one key with what was said of it, and where. The value may be a secret.
type Given struct{ Key, Value, Source string }

// Handover answers what the settings were made from, secrets with it, for a process that works with the very same ones.
func (c *Config) Handover() []Given {
	values := c.given()
	out := make([]Given, len(values))
	for i, r := range values {
		out[i] = Given{Key: r.option.Key, Value: r.value, Source: r.source}
	}
	return out
}

// Resume answers the settings that Handover told. Neither file nor environment is read again, so that a file which was changed
// meanwhile is not half in force; files that settings name are. It refuses what Load refuses.
func Resume(given []Given) (*Config, error) {
	known := map[string]Given{}
	for _, g := range given {
		known[g.Key] = g
	}
	var values []resolved
	for _, o := range Options() {
		g, ok := known[o.Key]
		if !ok {
			return nil, fmt.Errorf("%s was not handed over", o.Key)
		}
		values = append(values, resolved{o, g.Value, g.Source})
	}
	return apply(values)
}
