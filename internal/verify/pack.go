package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
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
	Removed                 int64 // rows that the tombstones stand for
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
	for _, step := range []func() error{p.settle, p.note, p.bytes, p.listed, p.members, p.signed, p.rows} {
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
	return p.learn(text)
}

// learn takes in the keys of the pack, as far as a known one vouches for them.
func (p *unpacker) learn(text []byte) error {
	n, reign := 0, newReigns()
	for note := range proof.Notes(text) {
		if n++; n > mostTurns {
			return p.last(audit.Edited, "%s holds more keys than a log has", keysMember)
		}
		k, err := p.keys.Learn(note)
		switch {
		case err == nil && !reign.introduce(k):
			return p.last(audit.Rebuilt, "two keys in %s follow the same one: one of them is not the log's", keysMember)
		case err == nil:
			p.line = append(p.line, k.ID)
		case !errors.Is(err, proof.ErrUnknownKey):
			return p.last(refusedBy(err), "a key's note in %s %s", keysMember, because(err))
		}
	}
	if len(p.line) == 0 {
		return p.last(audit.Deleted, "%s holds no key that a known one vouches for", keysMember)
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
	switch {
	case err != nil:
		return p.last(refusedBy(err), "the note about the pack %s", because(err))
	case p.out.Key != p.line[len(p.line)-1]:
		return p.last(audit.Rebuilt, "the note about the pack is signed with a key that had been replaced, or that is not in %s", keysMember)
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

// signed opens the notes of the pack's own members. It ends with the first that is wrong.
func (p *unpacker) signed() error {
	var before proof.Checkpoint
	var beforeNote []byte
	err := p.notes(checkpointsMember, func(n int, note []byte) error {
		c, _, err := proof.ParseCheckpoint(note, p.keys)
		switch {
		case n > mostNotes:
			return p.last(audit.Edited, "%s holds more than a pack may", checkpointsMember)
		case err != nil:
			return p.last(refusedBy(err), "checkpoint %d of %s %s", n, checkpointsMember, because(err))
		case n > 1 && !c.Follows(before, beforeNote):
			return p.last(audit.Deleted, "checkpoint %d of %s does not follow the one before it", n, checkpointsMember)
		}
		before, beforeNote = c, append(beforeNote[:0], note...)
		p.out.Checkpoints++
		p.marks[c.Seq] = c.Hash
		return nil
	})
	if err != nil || p.stop {
		return err
	}
	return p.notes(tombstonesMember, func(n int, note []byte) error {
		t, _, err := proof.ParseTombstone(note, p.keys)
		switch {
		case n > mostNotes:
			return p.last(audit.Edited, "%s holds more than a pack may", tombstonesMember)
		case err != nil:
			return p.last(refusedBy(err), "tombstone %d of %s %s", n, tombstonesMember, because(err))
		}
		p.out.Tombstones++
		p.out.Removed += t.Rows
		return nil
	})
}

// rows checks the export in the pack, and that it is the one that the note speaks of.
func (p *unpacker) rows() error {
	content, _ := p.a.Content(rowsMember)
	c := newChecker(p.ctx, content, p.keys)
	c.marks, c.pack = p.marks, &p.out.Evidence
	f, err := exportFrom(c)
	if err != nil {
		return fault.Wrap(err, fault.CodeOf(err), rowsMember+": "+fault.From(err).Message)
	}
	if c.out.Finding == "" {
		p.belongs(c, f.Manifest)
	}
	if c.out.Finding == "" {
		c.ending()
		c.turnedBack()
	}
	if p.out.Report = c.out.Report; p.out.Finding != "" {
		p.out.NotProvable = nil
	} else {
		p.out.NotProvable = append(p.out.NotProvable, c.bounds()...)
	}
	return nil
}

// belongs holds an export to the note about the pack, and its notes to the members that have them.
func (p *unpacker) belongs(c *checker, m proof.Manifest) {
	e := p.out.Evidence
	switch {
	case c.signer != p.out.Key:
		c.found(audit.Rebuilt, 0, "%s is signed with another key than the pack", rowsMember)
	case m.Install != e.Install || m.HeadSeq != e.HeadSeq || m.HeadHash != e.HeadHash || !m.At.Equal(e.At) || m.By != e.By || m.Filter != rangeOf(e):
		c.found(audit.Edited, 0, "%s is not the export that was made for this pack", rowsMember)
	}
	for kind, name := range map[string]string{"key": keysMember, "checkpoint": checkpointsMember, "tombstone": tombstonesMember} {
		if hex.EncodeToString(c.notes[kind].Sum(nil)) != p.hashOf(name) {
			c.found(audit.Edited, 0, "a member with notes does not hold those of %s", rowsMember)
		}
	}
}

// hashOf answers the hash of a member, that of nothing where there is none.
func (p *unpacker) hashOf(name string) string {
	for _, f := range p.out.Evidence.Files {
		if f.Name == name {
			return f.SHA256
		}
	}
	sum := sha256.Sum256(nil)
	return hex.EncodeToString(sum[:])
}
