package gpu

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
)

// Library is a library whose every file is open and has the bytes that its manifest names.
type Library struct {
	Dir           string
	SHA256        string // of the manifest, which names all the rest
	Architectures string // that it was built for
	Toolkit       string // CUDA's version
	Files         []*os.File
}

// Open checks the library in a folder and opens its files in the order in which they are loaded. It answers ErrAbsent where
// none is installed and an UnsafeError where others could change it. pin is the SHA-256 that its manifest must have, "" for
// any: then the folder's owner alone decides what is loaded.
func Open(dir, pin string) (_ *Library, err error) {
	folder, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	defer folder.Close() //nolint:errcheck // only looked up in
	text, err := readManifest(folder)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	l := &Library{Dir: dir, SHA256: hex.EncodeToString(sum[:])}
	if pin != "" && pin != l.SHA256 {
		return nil, fmt.Errorf("%s/%s has SHA-256 %s, engine.gpu_library_sha256 wants %s", dir, manifestName, l.SHA256, pin)
	}
	m, err := parseManifest(text)
	if err != nil {
		return nil, err
	}
	l.Architectures, l.Toolkit = m.architectures, m.toolkit
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	for _, e := range m.files {
		f, err := openFile(folder, e.name)
		if err != nil {
			return nil, err
		}
		l.Files = append(l.Files, f)
		if err := hasSum(f, e.sum); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func readManifest(folder *os.File) ([]byte, error) {
	f, err := openFile(folder, manifestName)
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrAbsent
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // read only
	text, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err == nil && len(text) > maxManifest {
		err = fmt.Errorf("%s is longer than %d bytes", f.Name(), maxManifest)
	}
	return text, err
}

func hasSum(f *os.File, want string) error {
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("reading %s: %w", f.Name(), err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Errorf("%s has SHA-256 %s, its manifest says %s", f.Name(), got, want)
	}
	return nil
}

// Close closes the files. What was loaded from them stays.
func (l *Library) Close() error {
	var errs []error
	for _, f := range l.Files {
		errs = append(errs, f.Close())
	}
	l.Files = nil
	return errors.Join(errs...)
}
