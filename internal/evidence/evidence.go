// Package evidence makes the evidence pack: one signed file for an auditor with what was set, who may do what, every version of the
// rules, the models, the software, the rows of a period with their proofs, and the program that checks it all. It reads through the
// services, owns no data and decides nothing: what lets a pack in and writes its rows of the log is export. No secret is in a pack, and
// no text that was judged.
package evidence

import (
	"context"
	"io"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/auth"
	"guardhouse/internal/catalog"
	"guardhouse/internal/evidence/archive"
	"guardhouse/internal/export"
	"guardhouse/internal/policy"
	"guardhouse/internal/proof"
)

// Deps are what packs are made with.
type Deps struct {
	Exports *export.Service
	export.Prover
	Guard   *access.Guard
	Auth    *auth.Service
	Policy  *policy.Service
	Catalog *catalog.Service
	// InForce answers what the server runs with, secrets out, or this command where there is none.
	InForce func(ctx context.Context) (InForce, error)
	// Targets answers where the log is sent to, secrets out.
	Targets func(ctx context.Context) ([]Target, error)
	Version string // of the program that makes packs
}

// Service makes packs. All methods may be called from any goroutine.
type Service struct{ d Deps }

// New answers the service.
func New(d Deps) *Service { return &Service{d} }

// Sum is what a pack came to: its rows, its bytes and their SHA-256.
type Sum = export.Sum

// Pack is one that was let in: its opening row is durable, and it has one of the places of exports. Whoever has it calls Write, or
// Abandon where nothing will be written.
type Pack struct {
	s           *Service
	x           *export.Export
	from, until time.Time
	of          InForce
}

// Begin lets a holder of audit.export in, with the rows between two times, either zero for none. It refuses what export refuses: times
// that are no range (Invalid), and a pack or export too many at a time (Busy), with their row.
func (s *Service) Begin(ctx context.Context, p access.Principal, from, to time.Time) (*Pack, error) {
	from, to = whole(from), whole(to)
	x, err := s.d.Exports.BeginPack(ctx, p, from, to)
	if err != nil {
		return nil, err
	}
	return &Pack{s: s, x: x, from: from, until: to}, nil
}

// whole answers the first whole millisecond from a moment on: rows have no others, and the note about a pack names its bounds so.
func whole(at time.Time) time.Time {
	if cut := at.Truncate(time.Millisecond); cut.Before(at) {
		return cut.Add(time.Millisecond)
	}
	return at
}

// Bounds answers the first moment of the pack and the first one after it; zero where it has no bound.
func (p *Pack) Bounds() (from, until time.Time) { return p.from, p.until }

// Server says whether the settings in a pack that was written are a running server's, and since when it runs.
func (p *Pack) Server() (runs bool, since time.Time) { return p.of.Of == OfServer, p.of.Started }

// Abandon ends a pack of which nothing was written, for a reason that its row tells.
func (p *Pack) Abandon(why error) error { return p.x.Abandon(why) }

// Write writes the pack and leaves its closing row, under the terms of an export. What ended early has no note, and passes for no pack.
func (p *Pack) Write(ctx context.Context, w io.Writer) (Sum, error) {
	return p.x.Enclose(ctx, w, func(ctx context.Context, out io.Writer, rows func(w io.Writer) (export.Sum, error)) error {
		return (&making{Pack: p, ctx: ctx, to: archive.NewWriter(out, p.x.Began()), rows: rows}).run()
	})
}

// making is one pack on its way out.
type making struct {
	*Pack

	ctx  context.Context //nolint:containedctx // lives as long as one call of Write
	to   *archive.Writer
	rows func(w io.Writer) (export.Sum, error)
	sum  export.Sum
}

// run writes the members in their order, and the note about them. What stands now comes before the rows, so that it is as of the
// beginning; notes come behind, because which of them are needed follows from the rows.
func (m *making) run() (err error) {
	if m.of, err = m.s.d.InForce(m.ctx); err != nil {
		return err
	}
	for _, member := range []struct {
		name  string
		write func(w io.Writer) error
	}{
		{"README.md", m.readme},
		{"verify.py", m.verifier},
		{"config.json", m.config},
		{"people.json", m.people},
		{"policy.jsonl", m.policy},
		{"models.json", m.models},
		{"sbom.json", m.sbom},
		{"audit.jsonl", m.audit},
		{"keys.notes", m.notes("key")},
		{"checkpoints.notes", m.notes("checkpoint")},
		{"tombstones.notes", m.notes("tombstone")},
	} {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		if err := m.member(member.name, member.write); err != nil {
			return err
		}
	}
	return m.note()
}

// member writes one member; tombstones only where there are any.
func (m *making) member(name string, write func(w io.Writer) error) error {
	if name != "tombstones.notes" {
		w, err := m.to.Create(name)
		if err != nil {
			return err
		}
		return write(w)
	}
	return write(&late{m: m, name: name})
}

// late makes its member with the first byte.
type late struct {
	m    *making
	name string
	w    io.Writer
}

// Write is part of io.Writer.
func (l *late) Write(p []byte) (int, error) {
	if l.w == nil {
		w, err := l.m.to.Create(l.name)
		if err != nil {
			return 0, err
		}
		l.w = w
	}
	return l.w.Write(p)
}

func (m *making) audit(w io.Writer) (err error) {
	m.sum, err = m.rows(w)
	return err
}

// notes writes the notes of one kind that stand with the rows.
func (m *making) notes(kind string) func(w io.Writer) error {
	return func(w io.Writer) error {
		notes := m.x.Notes(kind)
		if len(notes) == 0 {
			return nil
		}
		_, err := w.Write(notes)
		return err
	}
}

// note signs what the archive holds and ends it.
func (m *making) note() error {
	files, n, sum, err := m.to.Members()
	if err != nil {
		return err
	}
	install, err := m.s.d.Install(m.ctx)
	if err != nil {
		return err
	}
	head := m.x.Head()
	e := proof.Evidence{
		Install: install, Version: proof.Plain(m.s.d.Version), At: m.x.Began(), By: proof.Plain(m.x.By()), From: m.from, To: m.until,
		HeadSeq: head.Seq, HeadHash: head.Hash, Bytes: n, SHA256: sum,
	}
	for _, f := range files {
		e.Files = append(e.Files, proof.File{SHA256: f.SHA256, Size: f.Size, Name: f.Name})
	}
	text, err := e.Text()
	if err != nil {
		return err
	}
	note, err := m.s.d.Sign(text)
	if err == nil {
		err = m.x.Signed(note)
	}
	if err != nil {
		return err
	}
	return m.to.Finish(note)
}
