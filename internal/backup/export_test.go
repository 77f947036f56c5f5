package backup

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
)

// Sizes that tests place their cuts by.
const (
	HeaderSize = headerSize
	SealedSize = sealedSize
	ChunkSize  = chunkSize
	TagSize    = tagSize
)

// WithStep has fn called before every step of a restore.
func (r Restoration) WithStep(fn func(string) error) Restoration {
	r.step = fn
	return r
}

// KeyOf is a key file's key; Cheap makes a passphrase affordable.
func KeyOf(b byte) Key { return Key{file: bytes.Repeat([]byte{b}, keySize)} }

// Cheap answers a passphrase that costs next to nothing to try.
func Cheap(text string) Key {
	return Key{phrase: []byte(text), cost: cost{memory: 8, time: 1, lanes: 1}}
}

// Seal makes an archive of any contents whatever.
func Seal(k Key, plain []byte) ([]byte, error) {
	h, chunkKey, err := newHeader(k)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.Write(h[:])
	w, err := newSealer(&out, &h, chunkKey)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Unseal answers the plain bytes of an archive.
func Unseal(archive []byte, k Key) ([]byte, error) {
	var h header
	if len(archive) < headerSize {
		return nil, io.ErrUnexpectedEOF
	}
	copy(h[:], archive)
	chunkKey, err := h.open(k)
	if err != nil {
		return nil, err
	}
	o, err := newOpener(bytes.NewReader(archive[headerSize:]), int64(len(archive)-headerSize), &h, chunkKey)
	if err != nil {
		return nil, err
	}
	if _, ok := plainSize(int64(len(archive) - headerSize)); !ok {
		return nil, errDamaged(nil)
	}
	return io.ReadAll(o)
}

// Contents puts a list of contents in front of bytes, as an archive holds them.
func Contents(list any, files ...[]byte) ([]byte, error) {
	text, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	if raw, ok := list.(string); ok {
		text = []byte(raw)
	}
	out := append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
	return append(out, bytes.Join(files, nil)...), nil
}

// List is a list of contents that tests may twist.
type List = manifest

// Parts takes plain bytes apart into the list of contents and what follows it.
func Parts(plain []byte) (List, []byte, error) {
	n := binary.BigEndian.Uint32(plain)
	var m manifest
	err := json.Unmarshal(plain[lengthSize:lengthSize+n], &m)
	return m, plain[lengthSize+n:], err
}

// ReadAll reads an archive of any source as Describe does.
func ReadAll(archive []byte, k Key) (Archive, error) {
	in, err := openReader(bytes.NewReader(archive), int64(len(archive)), k)
	if err != nil {
		return Archive{}, err
	}
	return in.archive(), in.each(context.Background(), func(File) (io.WriteCloser, error) { return discard{}, nil })
}

// UnpackInto reads an archive into a fresh stage of a data folder and answers the stage, which the caller removes.
func UnpackInto(data string, archive []byte, k Key) (dir string, err error) {
	in, err := openReader(bytes.NewReader(archive), int64(len(archive)), k)
	if err != nil {
		return "", err
	}
	s, err := newStage(data, func(string) error { return nil })
	if err != nil {
		return "", err
	}
	if err := s.unpack(context.Background(), in); err != nil {
		return "", errors.Join(err, s.discard())
	}
	return s.dir, s.root.Close()
}

// FinishWithStep is Finish that calls fn before every step.
func FinishWithStep(data string, fn func(string) error) error { return finish(data, fn) }
