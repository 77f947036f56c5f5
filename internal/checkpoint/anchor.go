package checkpoint

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/proof"
)

const (
	// publicKeys is the file of the anchor that ParseKeys reads.
	publicKeys = "public-keys"
	dayLayout  = "2006-01-02"
	noteSuffix = ".notes"
	// tailRead holds some thirty checkpoints: the last whole one is among them.
	tailRead   = 32 << 10
	copyAtOnce = 500
	// keysRead is more than a file of public keys may have.
	keysRead = 1 << 20
	// retryEvery is how long a folder that cannot be written is left alone.
	retryEvery = 10 * time.Second
)

var errNotPlain = errors.New("no plain file")

// anchor is the folder of copies. It is only ever added to, so it may lie where nothing can be changed: one file of notes a day, and
// the public keys.
type anchor struct {
	dir     string
	own     bool
	dataDir string

	sync func(*os.File) error
	done Row // the newest that this process knows to be there; the copy that is under way owns it

	mu    sync.Mutex // guards what follows, and is never held while the folder is asked
	tried time.Time
	ended chan struct{} // closed when the copy under way ends; nil while none is
	late  bool          // the copy under way takes longer than anybody waits for
}

// update appends what the folder does not hold yet. foreign says that it holds what the database does not.
func (a *anchor) update(ctx context.Context, d *db.DB) (foreign bool, err error) {
	if err := a.folder(); err != nil {
		return false, err
	}
	unlock, err := a.lock(ctx)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	name, from, foreign, err := a.standing(ctx, d)
	if err != nil {
		return false, err
	}
	if name, err = a.writeKeys(ctx, d, name); err != nil {
		return foreign, err
	}
	for {
		rows, err := ReadAfter(ctx, d, from, copyAtOnce)
		if err != nil || len(rows) == 0 {
			return foreign, err
		}
		if name, err = a.append(name, rows); err != nil {
			return foreign, err
		}
		a.done = rows[len(rows)-1]
		from = a.done.Number
	}
}

// folder makes the data folder's own; one that the settings name has to be there: what is not mounted must not be replaced.
func (a *anchor) folder() error {
	if a.own {
		return makeLike(a.dir, a.dataDir)
	}
	info, err := os.Stat(a.dir)
	if err != nil || !info.IsDir() {
		return fault.Wrap(because(WhyMissing, err), fault.Unprocessable, "The folder of audit.anchor is not there.")
	}
	return nil
}

// open opens a file of the folder for appending, and makes it if there is none.
func (a *anchor) open(name string) (*os.File, error) {
	path := filepath.Join(a.dir, name)
	_, missing := os.Lstat(path)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err == nil && missing != nil {
		err = errors.Join(giveLike(path, a.dir), syncFolder(a.dir))
	}
	if err != nil {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
		return nil, notWritable(err)
	}
	return f, nil
}

func notWritable(err error) error {
	return fault.Wrap(because(WhyUnwritable, err), fault.Unprocessable, "The folder of copies of checkpoints can't be written.")
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// standing answers the newest file, and behind which number the copying goes on.
func (a *anchor) standing(ctx context.Context, d *db.DB) (name string, from int64, foreign bool, err error) {
	names, err := noteFiles(a.dir)
	if err != nil || len(names) == 0 {
		return "", 0, false, err
	}
	name = names[len(names)-1]
	note, number, err := lastNote(a.dir, names)
	if err != nil || number == 0 {
		return name, 0, false, err
	}
	same, err := readNumber(ctx, d, number)
	if err != nil {
		return "", 0, false, err
	}
	if same.Note == note {
		a.done = same
		return name, number, false, nil
	}
	if a.done.Number > 0 {
		return name, a.done.Number, true, nil
	}
	// What another life of this log left there stays; this one's copies begin with the newest.
	last, err := ReadLast(ctx, d)
	return name, max(last.Number-1, 0), true, err
}

var noteName = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}\.notes$`)

// noteFiles answers the names of the files of notes, oldest first.
func noteFiles(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fault.Wrap(because(WhyUnreadable, err), fault.Unprocessable, "The folder of copies of checkpoints can't be read.")
	}
	for _, e := range entries {
		if noteName.MatchString(e.Name()) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// lastNote answers the newest whole checkpoint of the folder and the number that it claims; 0 where there is none.
func lastNote(dir string, names []string) (note string, number int64, err error) {
	for _, name := range slices.Backward(names[max(0, len(names)-3):]) {
		tail, err := readTail(filepath.Join(dir, name), tailRead)
		if err != nil {
			return "", 0, fault.Wrap(because(WhyUnreadable, err), fault.Unprocessable, "The folder of copies of checkpoints can't be read.")
		}
		for n := range proof.Notes(tail) {
			fields, ok := proof.Peek(n)
			if k, err := strconv.ParseInt(fields.Get("number"), 10, 64); ok && err == nil && k > 0 {
				note, number = string(n), k
			}
		}
		if number > 0 {
			break
		}
	}
	return note, number, nil
}

// readTail answers the last bytes of a plain file, atMost of them.
func readTail(path string, atMost int64) (tail []byte, err error) {
	// Without O_NONBLOCK a pipe of that name would be waited for.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNotPlain
	}
	tail = make([]byte, min(info.Size(), atMost))
	_, err = f.ReadAt(tail, info.Size()-int64(len(tail)))
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return tail, err
}

// Copied answers the number of the newest checkpoint in a folder of copies, as the note claims it; 0 where there is none. It
// refuses a folder that cannot be read, and one that does not answer.
func Copied(ctx context.Context, dir string) (int64, error) {
	return answered(ctx, func() (int64, error) { return copiedTo(dir) })
}

func copiedTo(dir string) (int64, error) {
	names, err := noteFiles(dir)
	if err != nil || len(names) == 0 {
		return 0, err
	}
	_, number, err := lastNote(dir, names)
	return number, err
}

// append writes rows and makes them last. Days are those of the checkpoints, but never before the newest file's: a clock that was
// set back must not hide what comes.
func (a *anchor) append(name string, rows []Row) (string, error) {
	for len(rows) > 0 {
		day := max(name, rows[0].At.Format(dayLayout)+noteSuffix)
		var text bytes.Buffer
		n := 0
		for _, r := range rows {
			if max(name, r.At.Format(dayLayout)+noteSuffix) != day {
				break
			}
			text.WriteString(r.Note + "\n")
			n++
		}
		if err := a.add(day, text.Bytes()); err != nil {
			return name, err
		}
		name, rows = day, rows[n:]
	}
	return name, nil
}

// add appends to one file, behind what a crash may have torn.
func (a *anchor) add(name string, text []byte) (err error) {
	f, err := a.open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return notWritable(err)
	}
	if !info.Mode().IsRegular() {
		return notWritable(errNotPlain)
	}
	if size := info.Size(); size > 0 {
		end := make([]byte, 1)
		if _, err := f.ReadAt(end, size-1); err != nil {
			return notWritable(err)
		}
		if end[0] != '\n' {
			text = append([]byte("\n\n"), text...)
		}
	}
	if _, err := f.Write(text); err != nil {
		return notWritable(err)
	}
	if err := a.sync(f); err != nil {
		return notWritable(err)
	}
	return nil
}

// writeKeys adds the keys that the folder does not name yet: their notes to the day's file, then the keys themselves; a key
// that nothing there vouches for is added as a comment.
func (a *anchor) writeKeys(ctx context.Context, d *db.DB, name string) (string, error) {
	keys, err := ReadKeys(ctx, d)
	if err != nil {
		return name, err
	}
	path := filepath.Join(a.dir, publicKeys)
	have, err := readTail(path, keysRead)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return name, notWritable(err)
	}
	mended := proof.Mended(have)
	known, err := proof.ParseKeys(mended)
	empty := err != nil && !bytes.Contains(mended, []byte("guardhouse/"))
	for _, k := range keys {
		if bytes.Contains(have, []byte(k.Verifier+"\n")) {
			continue
		}
		name = max(name, k.At.Format(dayLayout)+noteSuffix)
		if err := a.add(name, []byte(k.Note+"\n")); err != nil {
			return name, err
		}
		lines := PublicKeyLines(k)
		// A row of the database is nobody's word: a folder that has keys takes only those that one of them vouches for.
		if _, err := known.Learn([]byte(k.Note)); err != nil && !empty {
			lines = "# " + k.ID + ": nothing vouches for it. Take the # off its line once you know from its owner that it is his:\n# " + k.Verifier + "\n"
		}
		if err := a.add(publicKeys, []byte(lines)); err != nil {
			return name, err
		}
	}
	return name, nil
}

// PublicKeyLines answers a key as proof.ParseKeys reads it, with a comment for people.
func PublicKeyLines(k KeyRow) string {
	from := "vouched for by " + k.Previous
	switch {
	case k.Previous == "" && k.N == 1:
		from = "the first"
	case k.Previous == "":
		from = "made because the one before was lost: nothing vouches for it"
	}
	return "# " + k.ID + ", in use since " + k.At.UTC().Format(time.RFC3339) + ", " + from + "\n" + k.Verifier + "\n"
}
