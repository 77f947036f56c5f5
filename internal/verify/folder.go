package verify

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"

	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/proof"
)

const (
	publicKeys = "public-keys"
	// longestFile is what a day's copies may have: a checkpoint every second is a tenth of it.
	longestFile = 256 << 20
)

// notesName is what the product writes, and any other file that somebody keeps notes in.
var notesName = regexp.MustCompile(`^[^.].*\.notes?$`)

// folder is what an anchor folder holds. known is the newest checkpoint of the database, once that was read.
type folder struct {
	keys    proof.Keys
	listed  []byte // the file of the keys
	held    []page // notes under keys that are not known yet
	final   bool   // no more keys will be known
	copies  map[int64]kept
	refused []refusal
	finding *audit.Finding
	known   int64
	missing bool // the settings name it, and it is not there
}

// page is what stands in one file.
type page struct {
	name string
	text []byte
}

// refusal is a note that was not accepted. Where a later one begins with it, it was torn by a crash and written again.
type refusal struct {
	note    []byte
	whole   bool
	finding audit.Finding
}

// mostRefused bounds what is kept to look for its repair.
const mostRefused = 64

// kept is a checkpoint of the folder; note is the hash of its note, signer the id of the key.
type kept struct {
	proof.Checkpoint
	note, signer string
}

// readFolder answers what stands in the folder or file of o; nothing where o names none. It refuses what cannot be read.
func readFolder(o Options) (f folder, err error) {
	f.copies = map[int64]kept{}
	if o.Anchor == "" {
		return f, nil
	}
	dir, names, err := namesOf(o.Anchor)
	if errors.Is(err, fs.ErrNotExist) && !o.Outside {
		f.missing = o.Set
		return f, nil // the data folder's own, before the first checkpoint, or one that is not mounted
	}
	if err != nil {
		return f, fault.Wrap(err, fault.Invalid, "The anchor folder can't be read.")
	}
	f.listed, err = readPlain(filepath.Join(dir, publicKeys))
	switch {
	case err == nil && len(bytes.TrimSpace(f.listed)) > 0:
		f.listed = proof.Mended(f.listed)
		if f.keys, err = proof.ParseKeys(f.listed); err != nil {
			return f, fault.Wrap(err, fault.Invalid, "The anchor folder's file public-keys holds something else than public keys.")
		}
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return f, err
	}
	keys := f.keys
	if o.Keys.Len() > 0 {
		keys = o.Keys
	}
	for _, name := range names {
		text, err := readPlain(filepath.Join(dir, name))
		if err != nil {
			return f, err
		}
		f.take(name, text, &keys)
	}
	return f, nil
}

// namesOf answers the files of notes at a path, oldest first: those of a folder, or the one file that it names.
func namesOf(path string) (dir string, names []string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", nil, err
	}
	if !info.IsDir() {
		return filepath.Dir(path), []string{filepath.Base(path)}, nil
	}
	entries, err := os.ReadDir(path)
	for _, e := range entries {
		if notesName.MatchString(e.Name()) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return path, names, err
}

// open takes what waits for keys, and settles what was refused. It answers what was torn and not written again.
func (f *folder) open(keys proof.Keys) (torn []string) {
	f.final = true
	for _, p := range f.held {
		f.take(p.name, p.text, &keys)
	}
	f.held = nil
	for _, r := range f.refused {
		if r.whole {
			f.wrong(r.finding.Name, "%s", r.finding.Detail)
			continue
		}
		torn = append(torn, r.finding.Detail)
	}
	f.refused = nil
	return torn
}

// refuse keeps a note that was not accepted. whole is false for one that was not written to its end.
func (f *folder) refuse(note []byte, whole bool, name, format string, args ...any) {
	if len(f.refused) == mostRefused {
		if whole {
			f.wrong(name, format, args...)
		}
		return
	}
	f.refused = append(f.refused, refusal{bytes.TrimRight(note, "\n"), whole, audit.Finding{Name: name, Detail: fmt.Sprintf(format, args...)}})
}

// repaired forgets what was torn of a note that is there whole.
func (f *folder) repaired(note []byte) {
	f.refused = slices.DeleteFunc(f.refused, func(r refusal) bool { return bytes.HasPrefix(note, r.note) })
}

// readPlain reads a plain file of at most longestFile bytes. A pipe or a device is not waited for.
func readPlain(path string) (text []byte, err error) {
	refused := func(err error) error {
		return fault.Wrap(err, fault.Invalid, fmt.Sprintf("The anchor folder's file %s can't be read.", filepath.Base(path)))
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, refused(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > longestFile {
		return nil, refused(errors.Join(err, errors.New("no plain file, or too long")))
	}
	if text, err = io.ReadAll(io.LimitReader(f, longestFile)); err != nil {
		return nil, refused(err)
	}
	return text, nil
}

// take reads the notes of one file.
func (f *folder) take(name string, text []byte, keys *proof.Keys) {
	for note := range proof.Notes(text) {
		fields, whole := proof.Peek(note)
		switch {
		case !whole && proof.KindOf(note) != "":
			f.refuse(note, false, "", "the anchor folder's file %s holds a note that was not written to its end: nothing is proved by it", name)
		case !whole:
		case proof.KindOf(note) == proof.KindKey:
			if _, err := keys.Learn(note); f.waits(name, note, err) {
				continue
			} else if err != nil {
				f.refuse(note, true, refusedBy(err), "a key's note in the anchor folder's file %s %s", name, because(err))
				continue
			}
			f.repaired(note)
		default:
			f.takeCheckpoint(name, note, fields, *keys)
		}
	}
}

func (f *folder) takeCheckpoint(name string, note []byte, fields proof.Fields, keys proof.Keys) {
	c, signer, err := proof.ParseCheckpoint(note, keys)
	if f.waits(name, note, err) {
		return
	}
	if err != nil {
		f.refuse(note, true, refusedBy(err), "checkpoint %s in the anchor folder's file %s %s", number(fields), name, because(err))
		return
	}
	f.repaired(note)
	hash := proof.Hash(note)
	if before, twice := f.copies[c.Number]; twice && before.note != hash {
		f.wrong(audit.Rebuilt, "the anchor folder holds two checkpoints %d: this log has had two lives", c.Number)
		return
	}
	f.copies[c.Number] = kept{c, hash, signer}
}

// waits keeps a note for the keys that the database will name.
func (f *folder) waits(name string, note []byte, err error) bool {
	if f.final || !errors.Is(err, proof.ErrUnknownKey) {
		return false
	}
	f.held = append(f.held, page{name, bytes.Clone(note)})
	return true
}

// number answers the number that a note claims, "?" for anything but digits.
func number(fields proof.Fields) string {
	n := fields.Get("number")
	if !regexp.MustCompile(`^[0-9]{1,19}$`).MatchString(n) {
		return "?"
	}
	return n
}

func (f *folder) wrong(name, format string, args ...any) {
	if f.finding == nil {
		f.finding = &audit.Finding{Name: name, Detail: fmt.Sprintf(format, args...)}
	}
}
