package backup

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"time"
)

// manifest is what stands first inside the encryption: its length in four bytes, then its JSON, then the bytes of its files
// one after the other, and nothing more.
type manifest struct {
	Version       int     `json:"version"`
	CreatedAt     string  `json:"created_at"`
	SchemaVersion int64   `json:"schema_version"`
	Head          Head    `json:"audit_head"`
	Files         []File  `json:"files"`
	Models        []Model `json:"models"`
}

const lengthSize = 4

// encode answers the manifest with its length in front.
func (m *manifest) encode() ([]byte, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	if len(text) > maxManifest || len(m.Models) > maxModels {
		return nil, errUnfit("the catalogue holds too many models for one")
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...), nil
}

// readManifest reads the manifest from the front of total plain bytes. It refuses everything that encode would not have
// written: other spellings, other names, sizes that do not add up to the rest of the archive.
func readManifest(r io.Reader, total int64) (*manifest, error) {
	var size [lengthSize]byte
	if err := readFull(r, size[:]); err != nil {
		return nil, err
	}
	n := int64(binary.BigEndian.Uint32(size[:]))
	if n > maxManifest || n > total-lengthSize {
		return nil, errUnfit("its list of contents is too long")
	}
	text := make([]byte, n)
	if err := readFull(r, text); err != nil {
		return nil, err
	}
	m := &manifest{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, errUnfit("its list of contents cannot be read")
	}
	// One spelling: what is not written again byte for byte had doubled, unknown or misspelt members.
	if again, err := json.Marshal(m); err != nil || !bytes.Equal(again, text) {
		return nil, errUnfit("its list of contents isn't as a backup writes it")
	}
	return m, m.check(total - lengthSize - n)
}

// check holds the manifest against its own rules and the bytes that follow it.
func (m *manifest) check(rest int64) error {
	if _, err := m.createdAt(); err != nil || m.Version != version || m.SchemaVersion < 1 || len(m.Models) > maxModels || m.Models == nil {
		return errUnfit("its list of contents isn't as a backup writes it")
	}
	if m.Head.Seq < 0 || !isHash(m.Head.Hash) {
		return errUnfit("it names no head of the audit log")
	}
	if len(m.Files) == 0 || len(m.Files) > maxFiles || m.Files[0].Name != databaseName {
		return errUnfit("it doesn't begin with a database")
	}
	var names []string
	for _, f := range m.Files {
		switch limit := allowed(f.Name); {
		case limit == 0:
			return errUnfit("it holds a file that no backup holds")
		case f.Size < 1 || f.Size > limit || !isHash(f.SHA256):
			return errUnfit("the size or hash of a file in it cannot be right")
		case slices.Contains(names, f.Name):
			return errUnfit("it holds a file twice")
		}
		names = append(names, f.Name)
		if rest -= f.Size; rest < 0 {
			return errUnfit("its files are longer than itself")
		}
	}
	switch {
	case rest != 0:
		return errUnfit("it is longer than its files")
	case m.hasKeys() && !slices.Contains(names, rootKeyName):
		return errUnfit("it holds keys without the root key")
	}
	return nil
}

func (m *manifest) createdAt() (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, m.CreatedAt)
	if err != nil || t.UTC().Format(time.RFC3339Nano) != m.CreatedAt {
		return time.Time{}, errors.New("not a time as we write it")
	}
	return t.UTC(), nil
}

// hasKeys says that the archive holds the server's keys.
func (m *manifest) hasKeys() bool { return len(m.Files) > 1 }

func isHash(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32 && hex.EncodeToString(b) == s
}

// readFull reads exactly p: an archive that ends before it is damaged.
func readFull(r io.Reader, p []byte) error {
	_, err := io.ReadFull(r, p)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errDamaged(err)
	}
	return err
}
