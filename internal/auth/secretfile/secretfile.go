// Package secretfile keeps secrets of the data folder in files that only their owner reads, written whole or not at all. It
// knows nothing of what a secret is for.
package secretfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"guardhouse/internal/fault"
)

// Folder is where the secrets of a data folder lie.
const Folder = "secrets"

const (
	dirMode  = 0o700
	fileMode = 0o600
	// othersMode is every right of the group and of strangers.
	othersMode = 0o077
)

// OpenFolder answers the folder for secrets of a data folder, after making it if there is none.
func OpenFolder(dataDir string) (string, error) {
	dir := filepath.Join(dataDir, Folder)
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return "", fault.Wrap(err, fault.Internal, "the folder for keys in the data folder can't be made")
	}
	return dir, nil
}

// ReadOrMake answers the secret in path, made of random bytes if there is none; two processes that start at once end with the same one.
func ReadOrMake(path string, size int) ([]byte, error) {
	secret, err := Read(path, size)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	fresh := make([]byte, size)
	if _, err := rand.Read(fresh); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "no random bytes for a key")
	}
	if err := write(path, fresh); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fault.Wrap(err, fault.Internal, "a new key can't be written to the data folder")
	}
	return Read(path, size)
}

// Read answers the secret in path. It refuses links, other lengths and files that the group or strangers have any right to.
func Read(path string, size int) (secret []byte, err error) {
	name := filepath.Join(filepath.Base(filepath.Dir(path)), filepath.Base(path))
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, name+" in the data folder can't be opened")
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, name+" in the data folder can't be examined")
	}
	if !info.Mode().IsRegular() {
		return nil, fault.New(fault.Invalid, name+" in the data folder is no plain file")
	}
	if mode := info.Mode().Perm(); mode&othersMode != 0 {
		return nil, fault.Newf(fault.Invalid, "%s in the data folder can be used by others (mode %04o): chmod 600, and replace the key if others were on this machine", name, mode)
	}
	if !ownedRight(path, info) {
		return nil, fault.New(fault.Invalid, name+" in the data folder belongs to a user who is neither this one nor the folder's: remove it, and find out who put it there")
	}
	secret = make([]byte, size+1)
	n, err := io.ReadFull(f, secret)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, fault.Wrap(err, fault.Internal, name+" in the data folder can't be read")
	}
	if n != size {
		return nil, fault.Newf(fault.Invalid, "%s in the data folder isn't %d bytes long: put the right file back", name, size)
	}
	return secret[:size], nil
}

// ownedRight accepts a file of root, of this process's user or of the folder's owner: anybody else who can write to the folder
// could plant a key of which he knows the secret.
func ownedRight(path string, info fs.FileInfo) bool {
	owner, ok := ownerOf(info)
	if !ok || owner == 0 || owner == os.Geteuid() {
		return ok
	}
	dir, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return false
	}
	folder, ok := ownerOf(dir)
	return ok && owner == folder
}

func ownerOf(info fs.FileInfo) (uid int, ok bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Uid), true
}

// giveToFolder makes a file of root's in another user's folder that user's: the server that runs under his name has to read
// the keys that an administrator makes.
func giveToFolder(f *os.File, dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Uid == 0 {
		return nil
	}
	return f.Chown(int(st.Uid), int(st.Gid))
}

// write makes path whole or not at all; fs.ErrExist if it is there already.
func write(path string, secret []byte) error {
	tmp, err := Stage(filepath.Dir(path), secret)
	if err != nil {
		return err
	}
	return errors.Join(Name(tmp, path), Remove(tmp))
}

// Stage writes the secret to a file of the folder that nobody reads yet, and answers its name.
func Stage(dir string, secret []byte) (name string, err error) {
	tmp, err := os.CreateTemp(dir, ".new-*") // CreateTemp makes 0600
	if err != nil {
		return "", fmt.Errorf("making a key file: %w", err)
	}
	_, err = tmp.Write(secret)
	if err := errors.Join(err, tmp.Chmod(fileMode), giveToFolder(tmp, dir), tmp.Sync(), tmp.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("writing a key file: %w", err), Remove(tmp.Name()))
	}
	return tmp.Name(), nil
}

// Name gives a staged secret its own name; fs.ErrExist if that is taken.
func Name(staged, path string) error {
	// A link, unlike a rename, never replaces a key that another process made meanwhile. Not every file system has it.
	err := os.Link(staged, path)
	if err == nil {
		err = os.Remove(staged)
	} else if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.ENOSYS) {
		err = os.Rename(staged, path)
	}
	if err != nil {
		return fmt.Errorf("naming a key file: %w", err)
	}
	return SyncFolder(filepath.Dir(path))
}

// SyncFolder makes the names in dir last.
func SyncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("opening the key folder: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("syncing the key folder: %w", err)
	}
	return nil
}

// Remove deletes the file; one that is gone already is no error.
func Remove(path string) error {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
