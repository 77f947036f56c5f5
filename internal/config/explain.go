package config

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// Setting is one key with the value in force and where it came from: flag, environment, file or default.
type Setting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Source string `json:"source"`
	Env    string `json:"env"`
	Secret bool   `json:"secret,omitempty"`
}

// Explain answers every key that this release honours, in the order of the documentation, and refuses what Load refuses.
// A secret's value is "(hidden)". Nothing is opened but the configuration file.
func Explain(s Sources) ([]Setting, error) {
	values, err := resolve(s)
	if err != nil {
		return nil, err
	}
	c, err := apply(values)
	if err != nil {
		return nil, err
	}
	return listed(values, c), nil
}

func listed(values []resolved, c *Config) (out []Setting) {
	for _, v := range values {
		if !v.option.Built() {
			continue
		}
		e := Setting{Key: v.option.Key, Value: v.value, Source: v.source, Env: v.option.Env(), Secret: v.option.Secret}
		if v.option.File {
			e.Env = ""
		}
		switch {
		case e.Secret:
			e.Value = Secret(e.Value).String()
		case e.Key == "models.dir" && e.Value == "":
			e.Value = c.ModelsDir
		}
		out = append(out, e)
	}
	return out
}

// WriteYAML writes settings as a file that Load takes, the source of each as a comment. A secret is left out of it: its
// line is a comment too, and so is one without a value.
func WriteYAML(w io.Writer, settings []Setting) error {
	var top []string
	groups := map[string][]string{}
	for _, s := range settings {
		first, rest, nested := strings.Cut(s.Key, ".")
		name, indent := first, ""
		if nested {
			name, indent = rest, "  "
		}
		if _, seen := groups[first]; !seen {
			top = append(top, first)
			if nested {
				groups[first] = []string{first + ":"}
			}
		}
		line := fmt.Sprintf("%s: %s  # %s", name, scalar(s.Value), s.Source)
		if s.Secret || s.Value == "" {
			line = "# " + line
		}
		groups[first] = append(groups[first], indent+line)
	}
	for _, first := range top {
		lines := groups[first]
		if !hasValue(lines) {
			lines[0] = "# " + lines[0] // a key without members is no map
		}
		for _, line := range lines {
			if _, err := fmt.Fprintln(w, line); err != nil {
				return fmt.Errorf("writing the settings: %w", err)
			}
		}
	}
	return nil
}

// hasValue says that a group has a line that is no comment, besides the one that opens it.
func hasValue(lines []string) bool {
	if len(lines) == 1 {
		return true // a key of its own
	}
	for _, line := range lines[1:] {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			return true
		}
	}
	return false
}

// WriteJSON writes settings for a program.
func WriteJSON(w io.Writer, settings []Setting) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(map[string]any{"settings": settings}); err != nil {
		return fmt.Errorf("writing the settings: %w", err)
	}
	return nil
}

// plain is what YAML and a terminal read as it stands.
var plain = regexp.MustCompile(`^[A-Za-z0-9./][A-Za-z0-9./_-]*(:[0-9]+)?$`)

// scalar quotes everything else in ASCII: Go's escapes are YAML's as well.
func scalar(v string) string {
	if plain.MatchString(v) {
		return v
	}
	return strconv.QuoteToASCII(v)
}

// Explain is the package's Explain of settings that are loaded already, as they are without stored values.
func (c *Config) Explain() []Setting { return listed(c.given(), c) }
