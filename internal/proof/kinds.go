package proof

import (
	"strconv"
	"strings"
	"time"
)

// Why a checkpoint was written.
const (
	CauseRows   = "rows"   // so many rows since the last
	CauseTime   = "time"   // so long since the last
	CauseStart  = "start"  // the server started
	CauseStop   = "stop"   // the server stopped in good order
	CauseRotate = "rotate" // the key was changed; this is the new one's first
	CausePrune  = "prune"  // old rows went
	CauseManual = "manual" // somebody asked
)

// Checkpoint says that the chain ended with row Seq, which has Hash, at a moment. Number counts checkpoints from 1, and
// Previous is the Hash of the note before, Zero for the first. A log without rows has Seq 0 and Zero.
type Checkpoint struct {
	Install     string
	Number, Seq int64
	Hash        string
	At          time.Time
	Cause       string
	Previous    string
}

// Text answers the text to sign. It refuses values that the note cannot hold.
func (c Checkpoint) Text() ([]byte, error) {
	return checked(KindCheckpoint, Fields{
		{"install", c.Install},
		whole("number", c.Number), whole("seq", c.Seq),
		{"hash", c.Hash},
		when("at", c.At),
		{"cause", c.Cause},
		{"previous", c.Previous},
	})
}

// ParseCheckpoint reads a note and answers the id of the key that signed it; it refuses what Open refuses.
func ParseCheckpoint(signed []byte, keys Keys) (Checkpoint, string, error) {
	return parseNote(signed, KindCheckpoint, keys, readCheckpoint)
}

func readCheckpoint(r *reader) Checkpoint {
	c := Checkpoint{
		Install: r.id("install"), Number: r.whole("number"), Seq: r.whole("seq"), Hash: r.hash("hash"), At: r.time("at"),
		Cause:    r.oneOf("cause", CauseRows, CauseTime, CauseStart, CauseStop, CauseRotate, CausePrune, CauseManual),
		Previous: r.hash("previous"),
	}
	r.must(c.Number > 0 && (c.Number == 1) == (c.Previous == Zero), "only the first checkpoint has none before it")
	r.must((c.Seq == 0) == (c.Hash == Zero), "its row and its hash do not belong together")
	return c
}

// Follows says whether c is the checkpoint right after before, whose note is given. Times are not compared: clocks are set
// back now and then.
func (c Checkpoint) Follows(before Checkpoint, note []byte) bool {
	return c.Install == before.Install && c.Number == before.Number+1 && c.Previous == Hash(note) && c.Seq >= before.Seq &&
		(c.Seq != before.Seq || c.Hash == before.Hash)
}

// Tombstone stands for rows that retention removed: First to Last, a run without gaps. Previous is the hash of the row before
// First, Hash that of Last. From and To are their times, Rule says by which rule they went, Event names the audit row of it.
type Tombstone struct {
	Install           string
	First, Last, Rows int64
	Previous, Hash    string
	From, To, At      time.Time
	Rule, Event       string
}

// Text answers the text to sign. It refuses values that the note cannot hold.
func (t Tombstone) Text() ([]byte, error) {
	return checked(KindTombstone, Fields{
		{"install", t.Install},
		whole("first", t.First), whole("last", t.Last), whole("rows", t.Rows),
		{"previous", t.Previous},
		{"hash", t.Hash},
		when("from", t.From), when("to", t.To), when("at", t.At),
		{"rule", t.Rule},
		{"event", t.Event},
	})
}

// ParseTombstone reads a note and answers the id of the key that signed it; it refuses what Open refuses.
func ParseTombstone(signed []byte, keys Keys) (Tombstone, string, error) {
	return parseNote(signed, KindTombstone, keys, readTombstone)
}

func readTombstone(r *reader) Tombstone {
	t := Tombstone{
		Install: r.id("install"), First: r.whole("first"), Last: r.whole("last"), Rows: r.whole("rows"), Previous: r.hash("previous"),
		Hash: r.hash("hash"), From: r.time("from"), To: r.time("to"), At: r.time("at"), Rule: r.text("rule"), Event: r.id("event"),
	}
	r.must(t.First > 0 && t.Last >= t.First && t.Rows == t.Last-t.First+1, "its rows are no run")
	r.must((t.First == 1) == (t.Previous == Zero), "only the first row has none before it")
	return t
}

// Manifest says what an export holds: so many rows in so many Bytes with SHA256, everything before the manifest itself.
// Contiguous says that no row between First and Last was left out; Previous is then the hash of the row before First, and Hash
// that of Last. An export without rows has zeros. Filter is canonical JSON, By who asked, HeadSeq and HeadHash the end of
// the chain when the export began.
type Manifest struct {
	Install, Format   string
	Rows, First, Last int64
	Bytes             int64
	SHA256            string
	Contiguous        bool
	Previous, Hash    string
	Filter            string
	At                time.Time
	By                string
	HeadSeq           int64
	HeadHash          string
}

// Text answers the text to sign. It refuses values that the note cannot hold; By takes what Plain makes.
func (m Manifest) Text() ([]byte, error) {
	contiguous := "no"
	if m.Contiguous {
		contiguous = "yes"
	}
	return checked(KindManifest, Fields{
		{"install", m.Install},
		{"format", m.Format},
		whole("rows", m.Rows), whole("first", m.First), whole("last", m.Last), whole("bytes", m.Bytes),
		{"sha256", m.SHA256},
		{"contiguous", contiguous},
		{"previous", m.Previous},
		{"hash", m.Hash},
		{"filter", m.Filter},
		when("at", m.At),
		{"by", m.By},
		{"head", strconv.FormatInt(m.HeadSeq, 10) + " " + m.HeadHash},
	})
}

// ParseManifest reads a note and answers the id of the key that signed it; it refuses what Open refuses.
func ParseManifest(signed []byte, keys Keys) (Manifest, string, error) {
	return parseNote(signed, KindManifest, keys, readManifest)
}

func readManifest(r *reader) Manifest {
	m := Manifest{
		Install: r.id("install"), Format: r.oneOf("format", "jsonl", "csv"), Rows: r.whole("rows"), First: r.whole("first"), Last: r.whole("last"),
		Bytes: r.whole("bytes"), SHA256: r.hash("sha256"), Contiguous: r.oneOf("contiguous", "yes", "no") == "yes", Previous: r.hash("previous"),
		Hash: r.hash("hash"), Filter: r.text("filter"), At: r.time("at"), By: r.text("by"),
	}
	m.HeadSeq, m.HeadHash = r.head()
	span := m.Last - m.First + 1
	empty := m.Rows == 0 && m.First == 0 && m.Last == 0 && m.Previous == Zero && m.Hash == Zero
	some := m.Rows > 0 && m.First > 0 && m.Last >= m.First && m.Rows <= span && m.Last <= m.HeadSeq
	r.must(empty || some, "its rows do not fit its range")
	return m
}

// File is one file of an evidence pack.
type File struct {
	SHA256 string
	Size   int64
	Name   string
}

// Evidence says what an evidence pack holds: its files in their order, each once, and the Bytes with SHA256 of the archive that
// stand before the note itself. From and To bound the rows in it, zero for no bound; Version is the product's, By who asked, HeadSeq and
// HeadHash the end of the chain when the pack began.
type Evidence struct {
	Install, Version string
	At               time.Time
	By               string
	From, To         time.Time
	HeadSeq          int64
	HeadHash         string
	Bytes            int64
	SHA256           string
	Files            []File
}

// Text answers the text to sign. It refuses values that the note cannot hold, and a file that stands there twice. By and Version
// take what Plain makes.
func (e Evidence) Text() ([]byte, error) {
	fields := Fields{
		{"install", e.Install},
		{"version", e.Version},
		when("at", e.At),
		{"by", e.By},
		maybe("from", e.From), maybe("to", e.To),
		{"head", strconv.FormatInt(e.HeadSeq, 10) + " " + e.HeadHash},
		whole("bytes", e.Bytes),
		{"sha256", e.SHA256},
		whole("files", int64(len(e.Files))),
	}
	for _, f := range e.Files {
		fields = append(fields, Field{"file", f.SHA256 + " " + strconv.FormatInt(f.Size, 10) + " " + f.Name})
	}
	return checked(KindEvidence, fields)
}

// ParseEvidence reads a note and answers the id of the key that signed it; it refuses what Open refuses.
func ParseEvidence(signed []byte, keys Keys) (Evidence, string, error) {
	return parseNote(signed, KindEvidence, keys, readEvidence)
}

func readEvidence(r *reader) Evidence {
	e := Evidence{
		Install: r.id("install"), Version: r.text("version"), At: r.time("at"), By: r.text("by"), From: r.maybe("from"), To: r.maybe("to"),
	}
	e.HeadSeq, e.HeadHash = r.head()
	e.Bytes, e.SHA256 = r.whole("bytes"), r.hash("sha256")
	files, names := r.whole("files"), map[string]bool{}
	for r.err == nil && len(r.fields) > 0 {
		var f File
		r.take("file", func(s string) (ok bool) {
			f, ok = parseFile(s)
			return ok
		})
		e.Files, names[f.Name] = append(e.Files, f), true
	}
	r.must(int64(len(e.Files)) == files && len(names) == len(e.Files), "its files are not as many as it says, or one stands there twice")
	return e
}

// parseFile reads `SHA256 SIZE NAME`. A name is one that every unpacker puts below its folder.
func parseFile(s string) (f File, ok bool) {
	var size string
	f.SHA256, s, _ = strings.Cut(s, " ")
	size, f.Name, _ = strings.Cut(s, " ")
	f.Size, ok = parseWhole(size)
	return f, ok && isHash(f.SHA256) && isFileName(f.Name)
}

func isFileName(s string) bool {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/"
	if s == "" || len(s) > 200 || strings.Trim(s, plain) != "" {
		return false
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || part[0] == '.' {
			return false
		}
	}
	return true
}
