package verify

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"syscall"

	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/proof"
)

// longestLine is more than any line of ours: a row has at most 64 KiB of details, a note 64 KiB.
const longestLine = 1 << 20

// File is what an export was found to be. Manifest is zero where none could be trusted.
type File struct {
	audit.Report
	Manifest    proof.Manifest
	Checkpoints int64
}

// Export checks a file that `audit export` wrote, with nothing but public keys: every row's hash, their order, the links between
// neighbours, the checkpoints in the file and the manifest; of a CSV file the same but the checkpoints, which it does not carry. What is
// wrong with the log is a finding; it refuses (Invalid) a file that is none, without holding more of it than one line.
func Export(ctx context.Context, path string, keys proof.Keys) (out File, err error) {
	f, _, err := openPlain(path, "export")
	if err != nil {
		return File{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return ExportFrom(ctx, f, keys)
}

// openPlain opens a plain file for reading, and answers its length. It waits for no pipe, and refuses (Invalid) what is no plain file.
func openPlain(path, what string) (*os.File, int64, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, fault.Wrap(err, fault.Invalid, "The "+what+" can't be opened.")
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, 0, fault.Wrap(errors.Join(err, f.Close(), errors.New("no plain file")), fault.Invalid, "The "+what+" is no plain file.")
	}
	return f, info.Size(), nil
}

// ExportFrom is Export of what can be read more than once.
func ExportFrom(ctx context.Context, file io.ReadSeeker, keys proof.Keys) (File, error) {
	return exportFrom(newChecker(ctx, file, keys))
}

// exportFrom checks what a checker was made for.
func exportFrom(c *checker) (File, error) {
	if c.keys.Len() == 0 {
		return File{}, fault.New(fault.Invalid, "An export is checked with the public keys of the log that it was made of: give them.")
	}
	first := make([]byte, 1)
	if _, err := io.ReadFull(c.file, first); err != nil {
		return File{}, notOurs(0, "it is empty")
	}
	err := c.run(first[0] == '{')
	return c.out, err
}

func newChecker(ctx context.Context, file io.ReadSeeker, keys proof.Keys) *checker {
	return &checker{
		ctx: ctx, file: file, keys: keys, marks: map[int64]string{}, reign: newReigns(), seen: map[[sha256.Size]byte]bool{},
		notes: map[string]hash.Hash{"key": sha256.New(), "checkpoint": sha256.New(), "tombstone": sha256.New()},
	}
}

// checker is one walk over a file.
type checker struct {
	ctx    context.Context //nolint:containedctx // lives as long as one call of Export
	file   io.ReadSeeker
	keys   proof.Keys
	out    File
	marks  map[int64]string // hashes of rows that signed checkpoints name; only what a known key signed gets in
	reign  reigns
	signer string   // of the manifest
	newest struct { // checkpoint so far
		proof.Checkpoint
		note []byte
	}
	sum   hash.Hash
	bytes int64
	last  struct {
		seq, at int64
		hash    string
	}
	back   *audit.Finding
	before string // hash of the row before the first

	pack   *proof.Evidence      // that the rows belong to, nil for an export by itself
	notes  map[string]hash.Hash // of the notes of a kind, one behind the other
	news   int                  // how many keys it brings
	stones []proof.Tombstone
	seen   map[[sha256.Size]byte]bool // tombstones, by the hash of their notes
	times  bool                       // it was asked for by times alone
	jumped bool                       // rows between its rows are under no tombstone of it
}

func notOurs(line int64, why string) error {
	if line == 0 {
		return fault.Newf(fault.Invalid, "This is no export of an audit log: %s.", why)
	}
	return fault.Newf(fault.Invalid, "This is no export of an audit log: line %d %s.", line, why)
}

// found keeps the first finding.
func (c *checker) found(name string, seq int64, format string, args ...any) {
	if c.out.Finding == "" {
		c.out.Finding, c.out.At, c.out.Detail = name, seq, fmt.Sprintf(format, args...)
	}
}

func (c *checker) run(jsonl bool) error {
	if !jsonl {
		if err := c.table(); err != nil {
			return err
		}
		c.finish("csv")
		return nil
	}
	for _, pass := range []func(n int64, line []byte) error{c.keyLine, c.noteLine, c.rowLine} {
		if err := c.lines(pass); err != nil {
			return err
		}
	}
	c.finish("jsonl")
	return nil
}

// lines hands the lines of the file to fn one after the other, without their ends.
func (c *checker) lines(fn func(n int64, line []byte) error) error {
	if _, err := c.file.Seek(0, io.SeekStart); err != nil {
		return fault.Wrap(err, fault.Invalid, "The export can't be read.")
	}
	r := bufio.NewReaderSize(c.file, longestLine)
	c.sum, c.bytes = sha256.New(), 0
	for n := int64(1); ; n++ {
		line, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF) && len(line) == 0:
			return nil
		case errors.Is(err, io.EOF):
			c.found(audit.TailCut, c.last.seq, "the file ends in the middle of a line")
			return nil
		case errors.Is(err, bufio.ErrBufferFull):
			return notOurs(n, "is longer than any line of ours")
		case err != nil:
			return fault.Wrap(err, fault.Invalid, "The export can't be read.")
		}
		if n%1024 == 0 && c.ctx.Err() != nil {
			return c.ctx.Err()
		}
		if err := fn(n, line[:len(line)-1]); err != nil {
			return err
		}
	}
}

// isRow tells rows from notes: the published form of a row begins with its action.
func isRow(line []byte) bool { return bytes.HasPrefix(line, []byte(`{"action":`)) }

// noteOf answers the note of a line; it accepts the one spelling that exports have.
func noteOf(line []byte) (kind string, note []byte, ok bool) {
	var one map[string]string
	if json.Unmarshal(line, &one) != nil || len(one) != 1 {
		return "", nil, false
	}
	again, err := json.Marshal(one)
	if err != nil || !bytes.Equal(again, line) {
		return "", nil, false
	}
	for kind, text := range one {
		return kind, []byte(text), true
	}
	return "", nil, false
}

// keyLine learns the keys that the file brings; each is vouched for by one that is known, or is of no use.
func (c *checker) keyLine(_ int64, line []byte) error {
	if !bytes.HasPrefix(line, []byte(`{"key":`)) {
		return nil
	}
	kind, note, ok := noteOf(line)
	if !ok || kind != "key" {
		return nil // noteLine says so
	}
	c.notes[kind].Write(note)
	if c.news++; c.news > mostTurns {
		c.found(audit.Edited, 0, "it brings more keys than a log has")
		return nil
	}
	k, err := c.keys.Learn(note)
	switch {
	case err == nil && !c.reign.introduce(k):
		c.found(audit.Rebuilt, 0, "two keys in the file follow the same one: one of them is not the log's")
	case err != nil && !errors.Is(err, proof.ErrUnknownKey):
		c.found(refusedBy(err), 0, "a key's note in the file %s", because(err))
	}
	return nil
}

// noteLine opens what was signed, and keeps what it says of rows.
func (c *checker) noteLine(n int64, line []byte) error {
	if isRow(line) {
		if c.out.Checkpoints > 0 || c.out.Manifest.Format != "" {
			c.found(audit.Inserted, 0, "line %d is a row behind the rows", n)
		}
		return nil
	}
	kind, note, ok := noteOf(line)
	if !ok {
		return notOurs(n, "is neither a row nor a note")
	}
	if c.out.Manifest.Format != "" {
		c.found(audit.Inserted, 0, "line %d follows the manifest", n)
	}
	var err error
	switch kind {
	case "key":
	case "tombstone":
		c.notes[kind].Write(note)
		err = c.tombstone(note)
	case "checkpoint":
		c.notes[kind].Write(note)
		err = c.checkpoint(note)
	case "manifest":
		if c.out.Manifest, c.signer, err = proof.ParseManifest(note, c.keys); err == nil {
			c.reign.sign(c.signer, c.out.Manifest.HeadSeq, "the manifest")
			c.times = onlyTimes(c.out.Manifest.Filter)
		}
	default:
		return notOurs(n, "is a note of a kind that exports do not have")
	}
	if err != nil {
		c.found(refusedBy(err), 0, "the %s in line %d %s", kind, n, because(err))
	}
	return nil
}

// checkpoint holds a checkpoint to the one before it in the file, and marks the row that it names.
func (c *checker) checkpoint(note []byte) error {
	p, signer, err := proof.ParseCheckpoint(note, c.keys)
	if err != nil {
		return err
	}
	before := c.newest
	hash, marked := c.marks[p.Seq]
	switch {
	case c.out.Checkpoints == 0:
	case p.Number <= before.Number:
		c.found(audit.Reordered, 0, "checkpoint %d stands behind checkpoint %d", p.Number, before.Number)
	case p.Number > before.Number+1:
		c.found(audit.Deleted, 0, "checkpoint %d is missing", before.Number+1)
	case !p.Follows(before.Checkpoint, before.note) || marked && hash != p.Hash:
		c.found(audit.Rebuilt, p.Seq, "checkpoint %d does not follow the one before it", p.Number)
	}
	c.out.Checkpoints++
	c.marks[p.Seq] = p.Hash
	c.reign.mark(signer, p.Seq, fmt.Sprintf("checkpoint %d", p.Number))
	c.newest.Checkpoint, c.newest.note = p, bytes.Clone(note)
	return nil
}

// rowLine checks a row, and sums what stands before the manifest.
func (c *checker) rowLine(n int64, line []byte) error {
	if !bytes.HasPrefix(line, []byte(`{"manifest":`)) {
		c.add(line, "\n")
	}
	if !isRow(line) {
		return nil
	}
	var ev audit.Event
	if err := json.Unmarshal(line, &ev); err != nil {
		return notOurs(n, "is no row")
	}
	if !published(ev, line) {
		c.found(audit.Edited, 0, "line %d is not in the form in which rows are published", n)
		return nil
	}
	c.row(ev)
	return nil
}

// published says that line is the one form in which an event is published.
func published(ev audit.Event, line []byte) bool {
	again, err := ev.MarshalJSON()
	return err == nil && bytes.Equal(again, line)
}

func (c *checker) add(parts ...any) {
	for _, p := range parts {
		switch p := p.(type) {
		case []byte:
			c.sum.Write(p)
			c.bytes += int64(len(p))
		case string:
			c.sum.Write([]byte(p))
			c.bytes += int64(len(p))
		}
	}
}

func (c *checker) hexSum() string { return hex.EncodeToString(c.sum.Sum(nil)) }
