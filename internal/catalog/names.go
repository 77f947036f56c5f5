package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"

	"guardhouse/internal/fault"
)

// maxID keeps ids short enough for rules, log lines and file names.
const maxID = 64

// ValidID reports whether id may name a model: lower-case letters, digits, '.', '_' and '-', at most 64,
// the first a letter or digit.
func ValidID(id string) bool {
	if id == "" || len(id) > maxID || !isAlnum(id[0]) {
		return false
	}
	for i := range len(id) {
		if c := id[i]; !isAlnum(c) && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func isAlnum(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

// idFor answers the id of an import: the one asked for, else one made from the file's name.
func idFor(asked, file string) (string, error) {
	id := asked
	if id == "" {
		id = idFromFile(file)
	}
	if !ValidID(id) {
		return "", fault.Newf(fault.Invalid, "The id must be 1 to %d of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit: give --id.", maxID).WithField("id")
	}
	if isAlias(id) {
		return "", fault.New(fault.Invalid, "This id is an alias of the default guard: give another --id.").WithField("id")
	}
	return id, nil
}

func idFromFile(file string) string {
	name := filepath.Base(file)
	if m := partName.FindStringSubmatch(name); m != nil {
		name = m[1]
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".gguf")
	name = strings.Map(func(r rune) rune {
		if r < 0x80 && (isAlnum(byte(r)) || r == '.' || r == '_' || r == '-') {
			return r
		}
		return '-'
	}, name)
	name = strings.TrimLeft(name, "._-")
	return name[:min(len(name), maxID)]
}

// isOwnFile answers whether a name is what this package calls a file: the lower-case SHA-256 of its bytes and a suffix.
func isOwnFile(name, suffix string) bool {
	sum, found := strings.CutSuffix(name, suffix)
	raw, err := hex.DecodeString(sum)
	return found && err == nil && len(raw) == sha256.Size && hex.EncodeToString(raw) == sum
}
