package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds guardhouse.yaml: the real one has thirty lines.
const maxFile = 1 << 20

// Sources says where Load looks. Flags holds only what was given on the command line, by key.
type Sources struct {
	Flags   map[string]string
	Environ []string // KEY=value; nil reads the process's environment
	File    string   // "" = guardhouse.yaml in the working folder, if it is there
}

// Load answers the effective settings. It refuses an unknown key, a value of the wrong kind, a key
// that this release does not honour and settings that contradict one another, naming key and source. Secrets that it found
// in the process's environment are no longer there afterwards: a process loads once.
func Load(s Sources) (*Config, error) {
	values, err := resolve(s)
	if err != nil {
		return nil, err
	}
	return apply(values)
}

// resolved is one key with what the strongest layer says of it.
type resolved struct {
	option        Option
	value, source string
}

// resolve answers every key of the contract in the order of the documentation, its value not looked at yet.
func resolve(s Sources) ([]resolved, error) {
	if s.Environ == nil {
		s.Environ = os.Environ()
		if err := unsetSecrets(); err != nil {
			return nil, fmt.Errorf("clearing the environment: %w", err)
		}
	}
	fromFile, err := readFile(s.File, s.Environ)
	if err != nil {
		return nil, err
	}
	fromEnv, err := readEnv(s.Environ)
	if err != nil {
		return nil, err
	}
	var out []resolved
	for _, o := range Options() {
		r := resolved{o, o.Default, fromDefault}
		for _, layer := range []struct {
			name   string
			values map[string]string
		}{{inFile, fromFile}, {"environment", fromEnv}, {"flag", s.Flags}} {
			if v, ok := layer.values[o.Key]; ok {
				if o.File && layer.name != inFile {
					return nil, fmt.Errorf("%s (from %s) is taken from the configuration file alone: put it there", o.Key, layer.name)
				}
				r.value, r.source = v, layer.name
			}
		}
		out = append(out, r)
	}
	return out, nil
}

// apply answers the settings that the values make.
func apply(values []resolved) (*Config, error) {
	c := &Config{given: func() []resolved { return slices.Clone(values) }}
	for _, r := range values {
		if err := set(c, r.option, r.value, r.source); err != nil {
			return nil, err
		}
	}
	if c.ModelsDir == "" {
		c.ModelsDir = filepath.Join(c.Data, "models")
	}
	if err := c.readSecretFiles(); err != nil {
		return nil, err
	}
	return c, c.check()
}

func set(c *Config, o Option, value, source string) error {
	if !o.Built() {
		if source == fromDefault {
			return nil
		}
		return fmt.Errorf("%s (from %s) is not available in this release: remove it", o.Key, source)
	}
	if value == "" && source == fromDefault {
		return nil
	}
	if err := o.apply(c, value); err != nil {
		return fmt.Errorf("%s (from %s) %w", o.Key, source, err)
	}
	return nil
}

func (c *Config) check() error {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("tls.cert and tls.key go together: give both or neither")
	}
	if err := c.checkSessions(); err != nil {
		return err
	}
	if err := c.checkRetention(); err != nil {
		return err
	}
	if c.AllowPlainLoopback && !c.ListensOnLoopback() {
		return fmt.Errorf("http.allow_plain_loopback: %s is not a loopback address", c.Listen)
	}
	return c.checkListeners()
}

// ListensOnLoopback reports whether the listener can be reached from this machine alone.
func (c *Config) ListensOnLoopback() bool {
	return onLoopback(c.Listen)
}

func readEnv(environ []string) (map[string]string, error) {
	known := map[string]string{"GUARDHOUSE_CONFIG": ""}
	for _, o := range Options() {
		known[o.Env()] = o.Key
	}
	values := map[string]string{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "GUARDHOUSE_") {
			continue
		}
		key, ok := known[name]
		if !ok {
			return nil, fmt.Errorf("%s is no setting: remove it or correct its spelling", name)
		}
		if key != "" {
			values[key] = value
		}
	}
	return values, nil
}

func readFile(name string, environ []string) (map[string]string, error) {
	given := name != ""
	if !given {
		name = "guardhouse.yaml"
		if i := slices.IndexFunc(environ, func(s string) bool { return strings.HasPrefix(s, "GUARDHOUSE_CONFIG=") }); i >= 0 {
			name, given = strings.TrimPrefix(environ[i], "GUARDHOUSE_CONFIG="), true
		}
	}
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) && !given {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	defer f.Close() //nolint:errcheck // read only
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, maxFile)
	}
	return parseYAML(name, data)
}

// parseYAML flattens nested keys to a.b. A key twice, an anchor loop or a value that is no scalar or list of scalars is refused.
func parseYAML(name string, data []byte) (map[string]string, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, nil
	}
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(root.Content) == 0 {
		return nil, nil
	}
	values := map[string]string{}
	if err := flatten(root.Content[0], "", values); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for key := range values {
		if !slices.ContainsFunc(Options(), func(o Option) bool { return o.Key == key }) {
			return nil, fmt.Errorf("%s: %s is no setting: remove it or correct its spelling", name, key)
		}
	}
	return values, nil
}

func flatten(n *yaml.Node, prefix string, into map[string]string) error {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i].Value
			if prefix != "" {
				key = prefix + "." + key
			}
			if err := flatten(n.Content[i+1], key, into); err != nil {
				return err
			}
		}
		return nil
	case yaml.SequenceNode:
		parts := make([]string, 0, len(n.Content))
		for _, item := range n.Content {
			if item.Kind != yaml.ScalarNode {
				return fmt.Errorf("line %d: %s wants a list of plain values", item.Line, prefix)
			}
			parts = append(parts, item.Value)
		}
		return put(n, prefix, strings.Join(parts, ","), into)
	case yaml.ScalarNode:
		return put(n, prefix, n.Value, into)
	default:
		return fmt.Errorf("line %d: anchors are not allowed", n.Line)
	}
}

func put(n *yaml.Node, key, value string, into map[string]string) error {
	if key == "" {
		return fmt.Errorf("line %d: wants keys and values", n.Line)
	}
	if _, twice := into[key]; twice {
		return fmt.Errorf("line %d: %s stands twice", n.Line, key)
	}
	into[key] = value
	return nil
}
