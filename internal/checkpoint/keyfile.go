package checkpoint

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"guardhouse/internal/auth/secretfile"
	"guardhouse/internal/fault"
	"guardhouse/internal/proof"
)

// keySuffix ends the name of a key's file, which begins with the key's id.
const keySuffix = ".key"

// keyFiles is the folder of private keys: apart from the database, so that who can write the one cannot sign for it.
type keyFiles struct {
	dir     string
	own     bool // it lies in the data folder
	dataDir string
}

func (f keyFiles) path(id string) string { return filepath.Join(f.dir, id+keySuffix) }

// read answers a key; fs.ErrNotExist where its file is gone. It refuses a file that others can read and one that holds another
// key than its name says.
func (f keyFiles) read(id string) (proof.Signer, error) {
	size, err := f.size(id)
	if err != nil {
		return proof.Signer{}, err
	}
	secret, err := secretfile.Read(f.path(id), size)
	if err != nil {
		return proof.Signer{}, because(WhyKey, err)
	}
	s, err := proof.ParseSigner(string(secret))
	switch {
	case err != nil:
		return s, because(WhyKey, err)
	case s.ID() != id:
		return s, fault.Wrap(because(WhyKey, nil), fault.Invalid, "The file of the audit log's key holds another key than its name says.")
	}
	return s, nil
}

// size answers the length of a key's file, within what a key can have.
func (f keyFiles) size(id string) (int, error) {
	info, err := os.Lstat(f.path(id))
	if err != nil {
		return 0, fault.Wrap(because(WhyKey, err), fault.Internal, "the audit log's key can't be opened")
	}
	return int(min(info.Size(), 512)), nil
}

// save writes a key that is in use nowhere yet.
func (f keyFiles) save(s proof.Signer, secret string) error {
	if err := f.folder(); err != nil {
		return err
	}
	staged, err := secretfile.Stage(f.dir, []byte(secret))
	if err == nil {
		err = secretfile.Name(staged, f.path(s.ID()))
	}
	if err != nil {
		return fault.Wrap(because(WhyKey, err), fault.Internal, "the audit log's key can't be written: look at the folder of audit.key_dir")
	}
	return nil
}

// folder makes the data folder's own; one that the settings name has to be there: what is not mounted must not be replaced.
func (f keyFiles) folder() error {
	if !f.own {
		if info, err := os.Stat(f.dir); err != nil || !info.IsDir() {
			return fault.Wrap(because(WhyKey, err), fault.Invalid, "audit.key_dir names no folder that is there: make or mount it")
		}
		return nil
	}
	return makeLike(f.dir, f.dataDir)
}

// remove takes away the file of a key that signs no more.
func (f keyFiles) remove(id string) error { return secretfile.Remove(f.path(id)) }

// ids answers whose files lie there.
func (f keyFiles) ids() ([]string, error) {
	entries, err := os.ReadDir(f.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var ids []string
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), keySuffix); ok {
			ids = append(ids, id)
		}
	}
	return ids, err
}

// makeLike makes a folder for its owner alone. One that root makes belongs to whom the data folder belongs to: the server
// that runs under his name has to use it.
func makeLike(dir, like string) error {
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = giveLike(dir, like)
	}
	if err != nil {
		return fault.Wrap(err, fault.Internal, "a folder of the audit log can't be made in the data folder")
	}
	return nil
}

// giveLike makes what root made the property of the owner of like.
func giveLike(path, like string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(like)
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 {
		return os.Lchown(path, int(st.Uid), int(st.Gid))
	}
	return nil
}
