package gpu

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

const (
	// manifestName is the file beside the library that scripts/build-cuda.sh writes.
	manifestName = "MANIFEST"
	maxManifest  = 16 << 10
	form         = "guardhouse-gpu 1"
	backend      = "libggml-cuda.so"
)

// loadable are the only names that are ever loaded. In particular no other backend of the engine is, RPC least of all.
var loadable = regexp.MustCompile(`^(libcudart\.so\.\d+|libcublasLt\.so\.\d+|libcublas\.so\.\d+|libggml-base\.so\.0|libggml-cuda\.so)$`)

// stems name what one build consists of: two of a kind would be two releases of CUDA in one process.
func stems() []string {
	return []string{"libcudart", "libcublasLt", "libcublas", "libggml-base", "libggml-cuda"}
}

// manifest is what one build of the library says of itself.
type manifest struct {
	engine        string
	architectures string
	toolkit       string
	files         []entry // in the order in which they are loaded: the backend is the last
}

type entry struct{ sum, name string }

// parseManifest refuses what scripts/build-cuda.sh does not write, and a library that was built from another engine.
func parseManifest(text []byte) (m manifest, err error) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	if !lines.Scan() || lines.Text() != form {
		return m, fmt.Errorf("%s is not one of scripts/build-cuda.sh", manifestName)
	}
	for lines.Scan() {
		first, rest, _ := strings.Cut(lines.Text(), " ")
		rest = strings.TrimPrefix(rest, " ") // as sha256sum writes it: two blanks
		switch first {
		case "engine":
			m.engine = rest
		case "toolkit":
			m.toolkit = rest
		case "architectures":
			m.architectures = rest
		default:
			if sum, err := hex.DecodeString(first); err != nil || len(sum) != 32 || first != strings.ToLower(first) {
				return m, fmt.Errorf("%s has a line that is none of its form", manifestName)
			}
			if !loadable.MatchString(rest) {
				return m, fmt.Errorf("%s lists %q, which is never loaded", manifestName, rest)
			}
			if slices.ContainsFunc(m.files, func(e entry) bool { return e.name == rest }) {
				return m, fmt.Errorf("%s lists %s twice", manifestName, rest)
			}
			m.files = append(m.files, entry{first, rest})
		}
	}
	if err := lines.Err(); err != nil {
		return m, err
	}
	if m.engine != EngineVersion {
		return m, fmt.Errorf("the library was built for engine %q, this release has %s: build it again with scripts/build-cuda.sh", m.engine, EngineVersion)
	}
	return m, m.complete()
}

// complete refuses a list that is not one library of each kind, the backend last.
func (m manifest) complete() error {
	if n := len(m.files); n == 0 || m.files[n-1].name != backend {
		return errors.New(manifestName + " does not end with " + backend)
	}
	times := map[string]int{}
	for _, e := range m.files {
		times[stem(e.name)]++
	}
	for _, s := range stems() {
		if times[s] != 1 {
			return fmt.Errorf("%s lists %s %d times, not once", manifestName, s, times[s])
		}
	}
	return nil
}

func stem(name string) string {
	s, _, _ := strings.Cut(name, ".")
	return s
}
