// Package backup writes a data folder's database, and its keys when asked to, into one encrypted archive, and restores such an
// archive into a data folder. It trusts nothing in an archive: names come from a fixed list, sizes are bounded before anything
// is written, everything lands in a fresh folder, and the database must equal this release's schema, be sound and carry a whole
// audit chain before it may take its place. A restore ends all access that the archive would revive.
// It may import access, audit, auth, db and fault; it never runs while a server owns the folder it restores into.
package backup

import (
	"fmt"
	"regexp"
	"time"

	"guardhouse/internal/fault"
)

// The names in a data folder that an archive may hold.
const (
	databaseName = "guardhouse.db"
	secretsName  = "secrets"
	tlsName      = "tls"
	rootKeyName  = secretsName + "/root.key"
)

const (
	// maxKeyFile bounds every file but the database; ours have a few hundred bytes.
	maxKeyFile = 64 << 10
	// maxDatabase is far beyond what one server writes in its life.
	maxDatabase = 1 << 40
	// maxFiles: one database, one root key, the local authority and the signing keys of years.
	maxFiles = 64
	// maxManifest and maxModels bound what is read before anything else is known.
	maxManifest = 1 << 20
	maxModels   = 4096
)

// keyName is what the files of --include-keys are called: nothing that is not ours, no folder below a folder, no dot in front.
var keyName = regexp.MustCompile(`^(secrets/root\.key|secrets/jwt-[0-9a-z]{26}\.key|tls/(ca\.key|ca\.pem|leaf\.key))$`)

// allowed answers the most bytes that a file of this name may have, 0 for a name that no archive may hold.
func allowed(name string) int64 {
	switch {
	case name == databaseName:
		return maxDatabase
	case keyName.MatchString(name):
		return maxKeyFile
	}
	return 0
}

// File is one file of an archive.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Model is one imported model of the catalogue. Its file is not in the archive: it is large, and its hash says which one to
// bring.
type Model struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	File   string `json:"file"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Head is the last row of the audit log.
type Head struct {
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"`
}

// Archive is what an archive says of itself.
type Archive struct {
	ID            string    `json:"id"` // of its header; the audit rows of backup and restore name it
	CreatedAt     time.Time `json:"created_at"`
	SchemaVersion int64     `json:"schema_version"`
	Head          Head      `json:"audit_head"`
	Keys          bool      `json:"keys_included"`
	Files         []File    `json:"files"`
	Models        []Model   `json:"models"`
}

// errDamaged is every way in which the bytes are not those that were written.
func errDamaged(cause error) error {
	return fault.Wrap(cause, fault.Invalid, "the archive is damaged, cut off or was changed")
}

// errUnfit is an archive that decrypts and still is none of ours.
func errUnfit(format string, args ...any) error {
	return fault.New(fault.Invalid, "the archive cannot be used: "+fmt.Sprintf(format, args...))
}
