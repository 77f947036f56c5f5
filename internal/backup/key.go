package backup

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"guardhouse/internal/fault"
)

const (
	// keyText stands in front of the 64 digits of a key file, so that nobody takes it for anything else.
	keyText = "guardhouse-backup-key-1 "
	// minPhrase is the password rule's; an archive can be guessed at for ever.
	minPhrase, maxPhrase = 12, 1024
	privateFile          = 0o600
	privateDir           = 0o700
	othersMode           = 0o077
)

// Key opens and closes archives: the bytes of a key file, or a passphrase.
type Key struct {
	file   []byte
	phrase []byte
	cost   cost
}

// String keeps a key out of every log and message.
func (Key) String() string { return "[redacted]" }

// Passphrase answers the key that a passphrase is. It refuses one outside 12 to 1,024 bytes.
func Passphrase(text string) (Key, error) {
	if len(text) < minPhrase || len(text) > maxPhrase {
		return Key{}, fault.Newf(fault.Invalid, "a passphrase has %d to %d bytes", minPhrase, maxPhrase)
	}
	return Key{phrase: []byte(text), cost: standardCost()}, nil
}

// ReadKeyFile answers the key in path. It refuses a file that others can read, and one that is no key file.
func ReadKeyFile(path string) (k Key, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return Key{}, fmt.Errorf("opening the key file: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return Key{}, fmt.Errorf("examining the key file: %w", err)
	}
	switch mode := info.Mode(); {
	case !mode.IsRegular():
		return Key{}, fault.New(fault.Invalid, "the key file is no plain file")
	case mode.Perm()&othersMode != 0:
		return Key{}, fault.Newf(fault.Invalid, "the key file can be used by others (mode %04o): chmod 600, and make a new backup with a new key if others were on this machine", mode.Perm())
	}
	text, err := io.ReadAll(io.LimitReader(f, int64(len(keyText))+2*keySize+2))
	if err != nil {
		return Key{}, fmt.Errorf("reading the key file: %w", err)
	}
	digits, ok := bytes.CutPrefix(bytes.TrimSuffix(text, []byte("\n")), []byte(keyText))
	key := make([]byte, keySize)
	if !ok || len(digits) != 2*keySize {
		return Key{}, fault.New(fault.Invalid, "the key file isn't one of a guardhouse backup")
	}
	if _, err := hex.Decode(key, digits); err != nil {
		return Key{}, fault.New(fault.Invalid, "the key file isn't one of a guardhouse backup")
	}
	return Key{file: key}, nil
}

// WriteKeyFile makes a key (32 random bytes) and keeps it in a new file that only its owner can read. fs.ErrExist if there is
// a file of that name.
func WriteKeyFile(path string) (k Key, err error) {
	key := make([]byte, keySize)
	if _, err := rand.Read(key); err != nil {
		return Key{}, fault.Wrap(err, fault.Internal, "no random bytes for a key")
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, privateFile)
	if errors.Is(err, fs.ErrExist) {
		return Key{}, fmt.Errorf("the key file is there already: name it with --key-file, or move it away: %w", err)
	}
	if err != nil {
		return Key{}, fmt.Errorf("making the key file: %w", err)
	}
	_, err = f.WriteString(keyText + hex.EncodeToString(key) + "\n")
	if err := errors.Join(err, f.Chmod(privateFile), f.Sync(), f.Close(), syncDir(filepath.Dir(path))); err != nil {
		return Key{}, fmt.Errorf("writing the key file: %w", errors.Join(err, os.Remove(path)))
	}
	return Key{file: key}, nil
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening a folder to sync it: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("syncing a folder: %w", err)
	}
	return nil
}
