package evidence

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"

	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
)

// Software is what the program is made of. Build is what its compiler wrote into it, Lock npm's lock file of the console.
type Software struct {
	Version, Commit string
	Build           *debug.BuildInfo
	Lock            []byte
}

// bom is a bill of materials in CycloneDX 1.6.
type bom struct {
	Format      string      `json:"bomFormat"`
	SpecVersion string      `json:"specVersion"`
	Version     int         `json:"version"`
	Metadata    metadata    `json:"metadata"`
	Components  []component `json:"components"`
}

type metadata struct {
	Timestamp *string   `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Hashes     []sum      `json:"hashes,omitempty"`
	Licenses   []licence  `json:"licenses,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type sum struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type licence struct {
	Expression string `json:"expression"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// engineModule brings llama.cpp along as source; engineCommit is the one that its releases name (llama/build-info.cpp).
const engineModule = "github.com/ollama/ollama"

// engineCommits are the commits of llama.cpp in releases of the module.
func engineCommits() map[string]string { return map[string]string{"v0.24.0": "ec98e2002"} }

// sbom writes what the program, the console and the models are made of.
func (m *making) sbom(w io.Writer) error {
	began := m.x.Began()
	models, err := m.s.d.Catalog.All(m.ctx)
	if err != nil {
		return err
	}
	b := bom{Format: "CycloneDX", SpecVersion: "1.6", Version: 1, Metadata: metadata{moment(&began), m.of.Software.component()}}
	b.Components = append(b.Components, m.of.Software.modules()...)
	packages, err := m.of.Software.packages()
	if err != nil {
		return err
	}
	b.Components = append(b.Components, packages...)
	for _, c := range models {
		b.Components = append(b.Components, modelComponent(c))
	}
	text, err := json.MarshalIndent(b, "", " ")
	if err != nil {
		return fault.Wrap(err, fault.Internal, "the bill of materials cannot be encoded")
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

func (s Software) component() component {
	c := component{Type: "application", Ref: "guardhouse", Name: "guardhouse", Version: s.Version}
	if s.Commit != "" {
		c.Properties = []property{{"guardhouse:commit", s.Commit}}
	}
	return c
}

// modules answers the Go modules that are linked, Go itself, and what one of them brings along in C++.
func (s Software) modules() (out []component) {
	if s.Build == nil {
		return nil
	}
	out = append(out, golang("std", strings.TrimPrefix(s.Build.GoVersion, "go"), ""))
	for _, m := range s.Build.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		out = append(out, golang(m.Path, m.Version, m.Sum))
		if m.Path == engineModule {
			out = append(out, component{Type: "library", Ref: "llama.cpp", Name: "llama.cpp", Version: engineCommits()[m.Version], Properties: []property{{"guardhouse:source", engineModule + "@" + m.Version}}})
		}
	}
	return out
}

// golang is a module. Its checksum is of a tree of files and none of CycloneDX's kinds, so it is a property.
func golang(path, version, check string) component {
	purl := "pkg:golang/" + path + "@" + url.PathEscape(version)
	c := component{Type: "library", Ref: purl, Name: path, Version: version, PURL: purl}
	if check != "" {
		c.Properties = []property{{"guardhouse:go.sum", check}}
	}
	return c
}

// packages answers what the console is built of, from npm's lock file: not what builds and tests it.
func (s Software) packages() ([]component, error) {
	var lock struct {
		Packages map[string]struct {
			Version, License, Integrity string
			Dev, DevOptional            bool
		} `json:"packages"`
	}
	if len(s.Lock) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(s.Lock, &lock); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the list of the console's packages cannot be read")
	}
	var out []component
	for _, path := range slices.Sorted(maps.Keys(lock.Packages)) {
		p := lock.Packages[path]
		i := strings.LastIndex(path, "node_modules/")
		if i < 0 || p.Dev || p.DevOptional {
			continue
		}
		name := path[i+len("node_modules/"):]
		purl := "pkg:npm/" + strings.Replace(name, "@", "%40", 1) + "@" + p.Version
		c := component{Type: "library", Ref: purl + "#" + path, Name: name, Version: p.Version, PURL: purl}
		if raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(p.Integrity, "sha512-")); err == nil && len(raw) == 64 {
			c.Hashes = []sum{{"SHA-512", hex.EncodeToString(raw)}}
		}
		if p.License != "" {
			c.Licenses = []licence{{p.License}}
		}
		out = append(out, c)
	}
	return out, nil
}

func modelComponent(c catalog.Model) component {
	return component{
		Type: "machine-learning-model", Ref: "model:" + c.ID, Name: c.ID, Hashes: []sum{{"SHA-256", c.SHA256}},
		Properties: []property{{"guardhouse:quantization", c.Quantization}, {"guardhouse:origin", c.Origin}},
	}
}
