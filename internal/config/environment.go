package config

import (
	"os"
	"slices"
	"strings"
)

// Environ answers the process's environment, for whoever has to look at all of it.
func Environ() []string { return os.Environ() }

// SplitEnviron answers the names of variables that look like settings and are none, and what is left of environ without them.
func SplitEnviron(environ []string) (unknown, rest []string) {
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "GUARDHOUSE_") && name != "GUARDHOUSE_CONFIG" &&
			!slices.ContainsFunc(Options(), func(o Option) bool { return o.Env() == name }) {
			unknown = append(unknown, name)
			continue
		}
		rest = append(rest, pair)
	}
	return unknown, rest
}

// Lookup answers one variable of the process's environment that is no setting, "" where it is not set.
func Lookup(name string) string { return os.Getenv(name) }
