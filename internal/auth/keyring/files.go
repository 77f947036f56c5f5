package keyring

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"guardhouse/internal/auth/secretfile"
	"guardhouse/internal/fault"
)

const (
	jwtPrefix = "jwt-"
	jwtSuffix = ".key"
	kidPrefix = "ed-"

	// lookEvery is how soon a running server notices keys that another process made or took away.
	lookEvery = time.Second
	// strangeEvery bounds what bearers with invented kids cost: ten listings of a small folder a second.
	strangeEvery = 100 * time.Millisecond
)

// open reads the folder for the first time. Here, unlike later, whatever is wrong in it refuses.
func (r *Ring) open() error {
	r.looking.Lock()
	defer r.looking.Unlock()
	if err := r.read(); err != nil {
		return err
	}
	if _, ok := r.last(); ok {
		return nil
	}
	made, err := r.Prepare()
	if err != nil {
		return err
	}
	return r.keep(made, Rotation{})
}

// notice reads the folder if that was not done within lookEvery. Nobody waits for a look that is under way: a slow disk
// holds up one caller a second.
func (r *Ring) notice() {
	if r.dir == "" || !r.past(lookEvery) || !r.looking.TryLock() {
		return
	}
	defer r.looking.Unlock()
	if r.past(lookEvery) {
		r.look()
	}
}

// past says that the last look is longer ago than d, or in the future, where a clock that was set back left it.
func (r *Ring) past(d time.Duration) bool {
	since := r.now().UnixMilli() - r.looked.Load()
	return since < 0 || since >= d.Milliseconds()
}

// noticeStranger reads the folder for a kid that isn't known, at most every strangeEvery. Whoever waits here meanwhile
// profits from the same look.
func (r *Ring) noticeStranger() {
	r.looking.Lock()
	defer r.looking.Unlock()
	now := r.now()
	if since := now.Sub(r.strange); r.dir == "" || (since >= 0 && since < strangeEvery) {
		return
	}
	r.strange = now
	r.look()
}

// look is read for a running server: what is wrong is logged once, keys that are gone are gone, and the others stay.
func (r *Ring) look() {
	if err := r.read(); err != nil {
		r.complain(troubleReading, err)
		return
	}
	r.well(troubleReading)
}

// What can be wrong with the folder.
const (
	troubleReading = "reading the bearer keys"
	troubleDue     = "the bearer key is due, but no new one can be made"
)

// well ends one kind of trouble: the next of it is logged again. Call it with looking held.
func (r *Ring) well(what string) {
	r.troubled = slices.DeleteFunc(r.troubled, func(t string) bool { return t == what })
}

// complain logs each kind of trouble once, until it is over. Call it with looking held.
func (r *Ring) complain(what string, err error) {
	if slices.Contains(r.troubled, what) {
		return
	}
	r.troubled = append(r.troubled, what)
	r.log.Warn("bearer keys in trouble", "trouble", what, "err", err)
}

// read takes up what the folder holds. File names sort by the time that is in them. Call it with looking held.
func (r *Ring) read() error {
	r.looked.Store(r.now().UnixMilli())
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return fault.Wrap(err, fault.Internal, "the folder for keys in the data folder can't be read")
	}
	r.mu.RLock()
	old := r.keys
	r.mu.RUnlock()
	var keys []signingKey
	var errs []error
	for _, e := range entries {
		id, ours, err := keyFileID(e.Name())
		if err != nil {
			errs = append(errs, err)
		}
		if !ours || err != nil {
			continue
		}
		key, err := r.readKey(id, old)
		if errors.Is(err, fs.ErrNotExist) {
			continue // taken away since the listing
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		keys = append(keys, key)
	}
	r.set(keys)
	return errors.Join(errs...)
}

func (r *Ring) readKey(id ulid.ULID, old []signingKey) (signingKey, error) {
	kid := kidOf(id)
	if i := slices.IndexFunc(old, func(k signingKey) bool { return k.kid == kid }); i >= 0 {
		return old[i], nil
	}
	seed, err := secretfile.Read(r.path(kid), ed25519.SeedSize)
	if err != nil {
		return signingKey{}, err
	}
	return edKey(id, seed), nil
}

// set puts keys in force. Each one's successor is the next by time.
func (r *Ring) set(keys []signingKey) {
	slices.SortFunc(keys, func(a, b signingKey) int { return strings.Compare(a.kid, b.kid) })
	for i := range keys {
		keys[i].next = time.Time{}
		if i+1 < len(keys) {
			keys[i].next = keys[i+1].made
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = keys
}

// Prepared is a key whose file is on the disk under a name that nobody reads.
type Prepared struct {
	signingKey
	file string
}

// Kid is the name that bearers will know the key by.
func (k Prepared) Kid() string { return k.kid }

// Prepare makes the next key and writes it down where it is not yet in force. Its time is later than every other's, also
// under a clock that was set back. Conflict where the settings hold the keys.
func (r *Ring) Prepare() (Prepared, error) {
	if r.dir == "" {
		return Prepared{}, noRotation()
	}
	at := ulid.Timestamp(r.now())
	if last, ok := r.last(); ok {
		at = max(at, ulid.Timestamp(last.made)+1)
	}
	id, err := ulid.New(at, ulid.DefaultEntropy())
	if err != nil {
		return Prepared{}, fault.Wrap(err, fault.Internal, "no id for a bearer key")
	}
	seed := make([]byte, ed25519.SeedSize)
	if _, err := rand.Read(seed); err != nil {
		return Prepared{}, fault.Wrap(err, fault.Internal, "no random bytes for a key")
	}
	file, err := secretfile.Stage(r.dir, seed)
	if err != nil {
		return Prepared{}, fault.Wrap(err, fault.Internal, "a new key can't be written to the data folder")
	}
	return Prepared{edKey(id, seed), file}, nil
}

// Abandon removes a key that never came into force, and answers why.
func (r *Ring) Abandon(k Prepared, why error) error {
	return errors.Join(why, secretfile.Remove(k.file))
}

// Adopt brings k into force and removes the files of the keys that no living bearer was signed with; with o.RetireNow, of all
// the others, those too that can't be read today.
func (r *Ring) Adopt(k Prepared, o Rotation) error {
	r.looking.Lock()
	defer r.looking.Unlock()
	return r.keep(k, o)
}

// keep is Adopt for callers that hold looking.
func (r *Ring) keep(k Prepared, o Rotation) error {
	if err := secretfile.Name(k.file, r.path(k.kid)); err != nil {
		return r.Abandon(k, fault.Wrap(err, fault.Internal, "a new key can't be written to the data folder"))
	}
	r.look() // a file that can't be read is no reason to go on signing with the key that was to be replaced
	err := r.remove(func(kid string) bool {
		known, alive := r.known(kid)
		return kid != k.kid && (o.RetireNow || (known.kid != "" && !alive))
	})
	r.look()
	if _, ok := r.known(k.kid); err == nil && !ok {
		err = errNotInForce
	}
	if err != nil {
		return fault.Wrap(err, fault.Internal, "the bearer keys in the data folder can't be replaced: see the log")
	}
	return nil
}

var errNotInForce = errors.New("the new bearer key is not in force")

// remove deletes the files of the kids that gone names.
func (r *Ring) remove(gone func(kid string) bool) error {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		id, ours, err := keyFileID(e.Name())
		if kid := kidOf(id); err == nil && ours && gone(kid) {
			errs = append(errs, secretfile.Remove(r.path(kid)))
		}
	}
	return errors.Join(append(errs, secretfile.SyncFolder(r.dir))...)
}

func kidOf(id ulid.ULID) string { return kidPrefix + strings.ToLower(id.String()) }

func (r *Ring) path(kid string) string {
	return filepath.Join(r.dir, jwtPrefix+strings.TrimPrefix(kid, kidPrefix)+jwtSuffix)
}

// ourKid says whether kid has the form of a key file's: no other can be in the folder.
func ourKid(kid string) bool {
	id, ed := strings.CutPrefix(kid, kidPrefix)
	_, err := ulid.ParseStrict(strings.ToUpper(id))
	return ed && err == nil && strings.ToLower(id) == id
}

// keyFileID answers the id in the name of a bearer key's file, and whether it is one at all.
func keyFileID(file string) (id ulid.ULID, ours bool, err error) {
	name, ours := strings.CutPrefix(file, jwtPrefix)
	name, isKey := strings.CutSuffix(name, jwtSuffix)
	if !ours || !isKey {
		return id, false, nil
	}
	if id, err = ulid.ParseStrict(strings.ToUpper(name)); err != nil || strings.ToLower(name) != name {
		return id, false, fault.New(fault.Invalid, "the folder for keys in the data folder holds a bearer key with a name that isn't ours: move it away")
	}
	return id, true, nil
}
