// Package verify holds an audit log against everything that was signed about it: keys, checkpoints, tombstones, the copies in
// an anchor folder, and the manifests of exports. It reads and writes nothing; what it reads may come from whoever wants to
// deceive. It may import audit, fault and proof.
package verify

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"guardhouse/internal/audit"
	"guardhouse/internal/proof"
)

// Options says what is known outside the database. Keys are public keys that somebody holds; none means those of the anchor
// folder, or, where it has none, those that the database itself names. Anchor is a folder of copies of checkpoints, or one file, ""
// for none; Outside says that whoever writes the database does not write it, Set that the settings name it: that it is missing is said.
type Options struct {
	Keys    proof.Keys
	Anchor  string
	Outside bool
	Set     bool
}

// Report is what a walk found, with the proofs that it was held against.
type Report struct {
	audit.Report
	Checkpoints int64  // of the database, each signed by a known key and in line with the one before
	Copies      int64  // checkpoints in the anchor folder
	Keys        int64  // of the database
	Tombstones  int64  // that stand for rows
	Anchored    bool   // a folder of copies was named
	TrustedBy   string // whose word the keys are: Given, Folder or Itself
}

// Where the keys come from that the signatures are held against.
const (
	Given  = "given"
	Folder = "anchor"
	Itself = "database"
)

// Database walks the whole log in one read transaction. Its finding is the first of: what is wrong with the rows, with their end, with
// what was signed about them, and a clock that was set back. It refuses an anchor folder that cannot be read.
func Database(ctx context.Context, log *audit.Log, o Options) (Report, error) {
	return walk(ctx, o, true, log.VerifyWith)
}

// Newest is Database for the newest rows alone; what stands before them is taken on trust.
func Newest(ctx context.Context, log *audit.Log, rows int64, o Options) (Report, error) {
	return walk(ctx, o, false, func(ctx context.Context, gather audit.Gather) (audit.Report, error) {
		return log.VerifyLastWith(ctx, rows, gather)
	})
}

func walk(ctx context.Context, o Options, whole bool, verify func(context.Context, audit.Gather) (audit.Report, error)) (Report, error) {
	// The folder comes first: what is copied there has been committed before.
	folder, err := readFolder(o)
	if err != nil {
		return Report{}, err
	}
	g := &gathering{o: o, whole: whole, folder: folder, signers: map[string]keyUse{}}
	rows, err := verify(ctx, g.gather)
	if err != nil {
		return Report{}, err
	}
	g.report.Report = rows
	g.report.NotProvable = append(g.report.NotProvable, g.unproven()...)
	return g.report, nil
}

// unproven says what the proofs themselves rest on, where that is not in other hands.
func (g *gathering) unproven() (out []string) {
	switch {
	case g.report.Keys == 0:
	case g.report.TrustedBy == Itself:
		out = append(out, "the keys are the database's own word: compare them with those that you hold (--public-key)")
	case g.report.TrustedBy == Folder && !g.o.Outside:
		out = append(out, "the keys are those of a folder beside the database: compare them with those that you hold (--public-key)")
	}
	out = append(out, g.unvouched...)
	out = append(out, g.torn...)
	switch {
	case g.folder.missing:
		out = append(out, fmt.Sprintf("the anchor folder %s is missing: nothing outside this database was compared; mount it, or give --anchor", g.o.Anchor))
	case g.o.Anchor != "" && (g.o.Outside || g.o.Set) && g.report.Copies == 0:
		out = append(out, "the anchor folder holds no copy of a checkpoint (files *.notes or *.note): nothing outside this database was compared")
	}
	return out
}

// gathering collects what the database holds of proofs.
type gathering struct {
	o       Options
	whole   bool // not the newest rows alone
	folder  folder
	keys    proof.Keys
	install string
	tables  map[string]bool
	signers map[string]keyUse // the keys of the database
	found   audit.Evidence
	report  Report

	unvouched, torn []string
}

// wrong keeps the first thing wrong with what was signed.
func (g *gathering) wrong(name, format string, args ...any) {
	if g.found.Finding == nil {
		g.found.Finding = &audit.Finding{Name: name, Detail: fmt.Sprintf(format, args...)}
	}
}

// gather reads keys, tombstones and checkpoints in the transaction of the walk. A table that an older release did not have is
// empty.
func (g *gathering) gather(ctx context.Context, tx *sql.Tx) (audit.Evidence, error) {
	var err error
	if g.tables, err = tablesOf(ctx, tx); err != nil {
		return audit.Evidence{}, err
	}
	keys, err := g.settle(ctx, tx)
	if err != nil {
		return audit.Evidence{}, err
	}
	g.torn = g.folder.open(vouched(g.keys, keys))
	g.found.Finding = g.folder.finding
	g.report.Anchored, g.report.Copies = g.o.Anchor != "", int64(len(g.folder.copies))
	for _, step := range []struct {
		table string
		read  func(context.Context, *sql.Tx) error
	}{
		{"audit_keys", func(ctx context.Context, tx *sql.Tx) error { return g.readKeys(ctx, tx, keys) }},
		{"audit_tombstones", g.readTombstones},
		{"audit_checkpoints", g.readCheckpoints},
		{"audit_holds", g.readSaid},
	} {
		if !g.tables[step.table] {
			continue
		}
		before := g.found.Finding
		if err := step.read(ctx, tx); err != nil {
			return audit.Evidence{}, err
		}
		if step.table == "audit_keys" && before == nil {
			g.found.Instead = g.found.Finding // without its key no tombstone is proved
		}
	}
	err = g.useCopies(ctx, tx)
	return g.found, err
}

// vouched answers keys with those of the database that they stand behind.
func vouched(keys proof.Keys, rows []keyRow) proof.Keys {
	for _, k := range rows {
		if _, err := keys.Learn([]byte(k.note)); err != nil {
			continue // readKeys says so
		}
	}
	return keys
}

// refusedBy names what a note that was not accepted means.
func refusedBy(err error) string {
	if errors.Is(err, proof.ErrUnknownKey) {
		return audit.Rebuilt
	}
	return audit.Edited
}

// because says in words what is wrong with a note; never with bytes of it.
func because(err error) string {
	switch {
	case errors.Is(err, proof.ErrUnknownKey):
		return "is not signed by a known key"
	case errors.Is(err, proof.ErrSignature):
		return "does not have the signature that it was written with"
	}
	return "is not in the form in which notes are signed"
}
