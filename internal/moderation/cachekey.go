package moderation

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"slices"
	"sync"

	"guardhouse/internal/access"
	"guardhouse/internal/prompt"
)

// cacheKey is the keyed hash of all that a verdict follows from. No text can be read back from it, nor a guess be checked
// without the key.
type cacheKey [sha256.Size]byte

// cacheKeys makes keys. It may be used by several goroutines.
type cacheKeys struct{ writers sync.Pool }

func newCacheKeys(secret []byte) *cacheKeys {
	secret = slices.Clone(secret)
	return &cacheKeys{sync.Pool{New: func() any {
		return &keyWriter{mac: hmac.New(sha256.New, secret), buf: make([]byte, 0, keyBuffer)}
	}}}
}

// keyBuffer is how much is hashed at once.
const keyBuffer = 4096

// keyWriter hashes parts, each with its length before it, so that no two lists of parts are the same bytes.
type keyWriter struct {
	mac hash.Hash
	buf []byte
}

func (w *keyWriter) number(n uint64) {
	if len(w.buf)+8 > cap(w.buf) {
		w.flush()
	}
	w.buf = binary.BigEndian.AppendUint64(w.buf, n)
}

func (w *keyWriter) flag(is bool) {
	if is {
		w.number(1)
	} else {
		w.number(0)
	}
}

func (w *keyWriter) part(s string) {
	w.number(uint64(len(s)))
	for len(s) > 0 {
		if len(w.buf) == cap(w.buf) {
			w.flush()
		}
		n := min(len(s), cap(w.buf)-len(w.buf))
		w.buf, s = append(w.buf, s[:n]...), s[n:]
	}
}

func (w *keyWriter) flush() {
	w.mac.Write(w.buf)
	clear(w.buf)
	w.buf = w.buf[:0]
}

// keyScope is what all inputs of one request share.
type keyScope struct {
	owner, model, template string // model and template by their SHA-256
	policyVersion          int64
	mode                   string
	// runtime changes the numbers: a remembered verdict is answered only by what it was computed with.
	runtime RuntimeRef
}

// of answers the key of one conversation, as normalize gives it to the model. Whether it holds a marker is read from what
// was sent, and is a part of its own.
func (k *cacheKeys) of(in keyScope, msgs []prompt.Message, normalize func(string) string) (key cacheKey) {
	w, ok := k.writers.Get().(*keyWriter)
	if !ok {
		return key // the pool holds nothing else
	}
	defer k.writers.Put(w)
	w.mac.Reset()
	for _, s := range []string{in.owner, in.model, in.template, in.mode, in.runtime.Engine, in.runtime.Device, in.runtime.Kernels, in.runtime.KVCache} {
		w.part(s)
	}
	w.flag(in.runtime.Flash)
	w.number(uint64(in.policyVersion))
	w.number(uint64(len(msgs)))
	w.flag(marked(msgs))
	for _, m := range msgs {
		w.part(m.Role)
		w.part(normalize(m.Content))
	}
	w.flush()
	w.mac.Sum(key[:0])
	return key
}

// cacheOwner answers whose verdicts p may be answered with: the person's own (threat T3). Service accounts count as one
// where the setting says so; the words before keep that one apart from every id.
func cacheOwner(p access.Principal, share bool) string {
	if share && p.Kind == access.KindKey && p.Service {
		return "services"
	}
	return "own:" + ownerOf(p)
}
