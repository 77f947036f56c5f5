package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"guardhouse/internal/audit"
	"guardhouse/internal/evidence/archive"
	"guardhouse/internal/fault"
	"guardhouse/internal/proof"
)

// Members of a pack that are read as what they say.
const (
	rowsMember        = "audit.jsonl"
	keysMember        = "keys.notes"
	checkpointsMember = "checkpoints.notes"
	tombstonesMember  = "tombstones.notes"
)

// Own says that the keys are those of the pack itself.
const Own = "pack"

// mostKeys bounds the member with the keys, which is read before anything is believed.
const mostKeys = 4 << 20

// Packed is what an evidence pack was found to be. Evidence is zero where its note could not be trusted; Key is who signed it, TrustedBy
// on whose word, Given or Own. Checkpoints and Tombstones are those of the pack.
type Packed struct {
	audit.Report
	Evidence                proof.Evidence
	Key, TrustedBy          string
	Checkpoints, Tombstones int64
}

// Pack checks an evidence pack, with nothing but public keys: that every byte of the file is the one that was signed for, that its members are
// those of its note, and of the rows in it what Export checks. Without keys those in the pack are taken, and TrustedBy says so. What was changed is a
// finding; it refuses (Invalid) a file that has not the layout of a pack, without unpacking anything of it.
func Pack(ctx context.Context, path string, keys proof.Keys) (out Packed, err error) {
	f, size, err := openPlain(path, "evidence pack")
	if err != nil {
		return Packed{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return PackFrom(ctx, f, size, keys)
}

// PackFrom is Pack of a file of a length.
func PackFrom(ctx context.Context, file io.ReaderAt, size int64, keys proof.Keys) (Packed, error) {
	a, err := archive.Open(file, size)
	if err != nil {
		return Packed{}, err
	}
	p := &unpacker{ctx: ctx, a: a, keys: keys, marks: map[int64]string{}}
	p.out.TrustedBy = Given
	for _, step := range []func() error{p.settle, p.note, p.bytes, p.members, p.signed, p.rows} {
		if err := step(); err != nil || p.stop {
			return p.out, err
		}
	}
	if p.out.TrustedBy == Own {
		p.out.NotProvable = append(p.out.NotProvable, "the keys are the pack's own word: compare them with those that you hold (--public-key)")
	}
	return p.out, nil
}

// unpacker is one walk over a pack.
type unpacker struct {
	ctx   context.Context //nolint:containedctx // lives as long as one call of PackFrom
	a     *archive.Archive
	keys  proof.Keys
	marks map[int64]string // hashes of rows that signed checkpoints name
	line  []string         // the keys that the pack brings, in their order
	out   Packed
	stop  bool // nothing behind this means anything
}

// found keeps the first finding.
func (p *unpacker) found(name, format string, args ...any) {
	if p.out.Finding == "" {
		p.out.Finding, p.out.Detail = name, fmt.Sprintf(format, args...)
	}
}

// last keeps a finding behind which nothing else means anything.
func (p *unpacker) last(name, format string, args ...any) error {
	p.found(name, format, args...)
	p.stop = true
	return nil
}

// settle says which keys are believed: those that somebody holds, with what they vouch for, or else the pack's own.
func (p *unpacker) settle() error {
	c, ok := p.a.Content(keysMember)
	if !ok {
		return p.last(audit.Deleted, "there is no %s", keysMember)
	}
	text, err := io.ReadAll(io.LimitReader(c, mostKeys+1))
	if err != nil {
		return p.last(audit.Edited, "%s cannot be unpacked", keysMember)
	}
	if len(text) > mostKeys {
		return p.last(audit.Edited, "%s is longer than keys can be", keysMember)
	}
	if p.keys.Len() == 0 {
		p.out.TrustedBy = Own
		if p.keys, err = proof.ParseKeys([]byte(ownKeys(text))); err != nil {
			return p.last(audit.Edited, "%s holds no public key", keysMember)
		}
	}
	for note := range proof.Notes(text) {
		k, err := p.keys.Learn(note)
		switch {
		case err == nil:
			p.line = append(p.line, k.ID)
		case !errors.Is(err, proof.ErrUnknownKey):
			p.found(refusedBy(err), "a key's note in %s %s", keysMember, because(err))
		}
	}
	return nil
}

// ownKeys answers the public keys that a pack brings, one a line.
func ownKeys(notes []byte) string {
	var lines strings.Builder
	for note := range proof.Notes(notes) {
		if said, ok := proof.Peek(note); ok && proof.KindOf(note) == proof.KindKey {
			lines.WriteString(said.Get("key") + "\n")
		}
	}
	return lines.String()
}

// note opens what was signed about the whole.
func (p *unpacker) note() (err error) {
	p.out.Evidence, p.out.Key, err = proof.ParseEvidence(p.a.Note(), p.keys)
	switch i := slices.Index(p.line, p.out.Key); {
	case err != nil:
		return p.last(refusedBy(err), "the note about the pack %s", because(err))
	case i >= 0 && i < len(p.line)-1:
		p.found(audit.Rebuilt, "the note about the pack is signed with a key that had been replaced")
	}
	return nil
}

// bytes holds all that stands before the note against its hash: what follows it has one form, which Open compared.
func (p *unpacker) bytes() error {
	n, sum, err := p.a.Before(p.ctx)
	switch {
	case err != nil:
		return err
	case n != p.out.Evidence.Bytes || sum != p.out.Evidence.SHA256:
		return p.last(audit.Edited, "the archive is not byte for byte the one that was signed")
	case p.a.Stamp() != archive.StampOf(p.out.Evidence.At):
		return p.last(audit.Edited, "its members have another time than the pack")
	}
	return nil
}

// signed opens the notes of the pack's own members.
func (p *unpacker) signed() error {
	var before proof.Checkpoint
	var beforeNote []byte
	err := p.notes(checkpointsMember, func(n int, note []byte) error {
		c, _, err := proof.ParseCheckpoint(note, p.keys)
		switch {
		case err != nil:
			p.found(refusedBy(err), "checkpoint %d of %s %s", n, checkpointsMember, because(err))
			return nil
		case p.out.Checkpoints > 0 && !c.Follows(before, beforeNote):
			p.found(audit.Deleted, "checkpoint %d of %s does not follow the one before it", n, checkpointsMember)
		}
		before, beforeNote = c, append(beforeNote[:0], note...)
		p.out.Checkpoints++
		p.marks[c.Seq] = c.Hash
		return nil
	})
	if err != nil {
		return err
	}
	return p.notes(tombstonesMember, func(n int, note []byte) error {
		if _, _, err := proof.ParseTombstone(note, p.keys); err != nil {
			p.found(refusedBy(err), "tombstone %d of %s %s", n, tombstonesMember, because(err))
		}
		p.out.Tombstones++
		return nil
	})
}

// rows checks the export in the pack, and that it is the one that the note speaks of.
func (p *unpacker) rows() error {
	c, ok := p.a.Content(rowsMember)
	if !ok {
		return p.last(audit.Deleted, "there is no %s", rowsMember)
	}
	own := maps.Clone(p.marks)
	f, err := exportFrom(p.ctx, c, p.keys, p.marks)
	if err != nil {
		return fault.Wrap(err, fault.CodeOf(err), rowsMember+": "+fault.From(err).Message)
	}
	before := p.out.Report
	p.out.Report = f.Report
	if before.Finding != "" {
		p.out.Finding, p.out.At, p.out.Detail = before.Finding, before.At, before.Detail
	}
	if !maps.Equal(own, overlap(own, p.marks)) {
		p.found(audit.Rebuilt, "%s and %s hold two checkpoints of one row", checkpointsMember, rowsMember)
	}
	e, m := p.out.Evidence, f.Manifest
	if m.Install != e.Install || m.HeadSeq != e.HeadSeq || m.HeadHash != e.HeadHash || !m.At.Equal(e.At) || !sameRange(m.Filter, e) {
		p.found(audit.Edited, "%s is not the export that was made for this pack", rowsMember)
	}
	return nil
}

// overlap answers what of says about the keys of own.
func overlap(own, of map[int64]string) map[int64]string {
	out := make(map[int64]string, len(own))
	for seq := range own {
		out[seq] = of[seq]
	}
	return out
}
