// Package migrations holds the database's history as plain SQL and the state it must end in.
// It imports nothing of ours; only package db may use it.
package migrations

import "embed"

// Files are the numbered migrations. They are append-only: a released file is never edited.
//
//go:embed [0-9]*.sql
var Files embed.FS

// Schema is the expected end state. A test migrates an empty database and holds the two against each other.
//
//go:embed schema.sql
var Schema string
