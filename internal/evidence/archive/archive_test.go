package archive_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/evidence/archive"
	"guardhouse/internal/fault"
)

func at() time.Time { return time.Date(2026, 11, 22, 15, 4, 33, 0, time.UTC) }

const note = "the note\n"

type part struct{ name, text string }

// packed is a pack of a few parts with what its writer said of them.
func packed(t testing.TB, parts ...part) (raw []byte, files []archive.File, before int64, sum string) {
	t.Helper()
	var out bytes.Buffer
	w := archive.NewWriter(&out, at())
	for _, p := range parts {
		m, err := w.Create(p.name)
		require.NoError(t, err)
		_, err = io.WriteString(m, p.text)
		require.NoError(t, err)
	}
	files, before, sum, err := w.Members()
	require.NoError(t, err)
	require.NoError(t, w.Finish([]byte(note)))
	return out.Bytes(), files, before, sum
}

func usual(t testing.TB) []byte {
	t.Helper()
	raw, _, _, _ := packed(t, part{"README.md", "read me\n"}, part{"config.json", "{}\n"}, part{"empty", ""}, part{"audit.jsonl", strings.Repeat("a row of the log\n", 9000)})
	return raw
}

func open(raw []byte) (*archive.Archive, error) {
	return archive.Open(bytes.NewReader(raw), int64(len(raw)))
}

// whole reads everything there is.
func whole(a *archive.Archive) (map[string]string, error) {
	out := map[string]string{}
	for _, f := range a.Members() {
		c, ok := a.Content(f.Name)
		if !ok {
			return nil, errors.New("a member has no content")
		}
		text, err := io.ReadAll(c)
		if err != nil {
			return nil, err
		}
		if out[f.Name] = string(text); int64(len(text)) != f.Size {
			return nil, errors.New("a member is not as long as it says")
		}
	}
	return out, nil
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 20_000)
	raw, files, before, sum := packed(t, part{"README.md", "read me\n"}, part{"empty", ""}, part{"audit.jsonl", long})
	a, err := open(raw)
	require.NoError(t, err)
	texts, err := whole(a)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"README.md": "read me\n", "empty": "", "audit.jsonl": long}, texts)
	require.Equal(t, note, string(a.Note()))
	require.Equal(t, archive.StampOf(at()), a.Stamp())
	n, hash, err := a.Before(t.Context())
	require.NoError(t, err)
	require.Equal(t, before, n)
	require.Equal(t, sum, hash)
	own := sha256.Sum256(raw[:before])
	require.Equal(t, hex.EncodeToString(own[:]), hash)
	own = sha256.Sum256([]byte(long))
	require.Equal(t, archive.File{Name: "audit.jsonl", SHA256: hex.EncodeToString(own[:]), Size: int64(len(long))}, files[2])

	again, _ := a.Content("audit.jsonl")
	for range 2 {
		text, err := io.ReadAll(again)
		require.NoError(t, err)
		require.Len(t, text, len(long))
		_, err = again.Seek(0, io.SeekStart)
		require.NoError(t, err)
	}
	_, err = again.Seek(1, io.SeekStart)
	require.Error(t, err)
	ended, stop := context.WithCancel(t.Context())
	stop()
	_, _, err = a.Before(ended)
	require.ErrorIs(t, err, context.Canceled)
}

// What the pack is for everybody else: a zip file.
func TestItIsAZipFile(t *testing.T) {
	raw := usual(t)
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	require.NoError(t, err)
	names := []string{}
	for _, f := range z.File {
		r, err := f.Open()
		require.NoError(t, err)
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.Len(t, text, int(f.UncompressedSize64))
		require.Equal(t, "-rw-r--r--", f.Mode().String())
		require.WithinDuration(t, at(), f.Modified, time.Second)
		names = append(names, f.Name)
	}
	require.Equal(t, []string{"README.md", "config.json", "empty", "audit.jsonl", archive.Last}, names)
}

// Nothing may be added to, taken from or changed in a pack without its layout, a checksum or the hash before the note showing it.
func TestEveryByteCounts(t *testing.T) {
	raw, _, before, sum := packed(t, part{"README.md", "read me\n"}, part{"empty", ""}, part{"audit.jsonl", strings.Repeat("a row\n", 50)})
	same := func(raw []byte) bool {
		a, err := open(raw)
		if err != nil || string(a.Note()) != note || a.Stamp() != archive.StampOf(at()) {
			return false
		}
		n, hash, err := a.Before(t.Context())
		return err == nil && n == before && hash == sum
	}
	require.True(t, same(raw))
	for i := range raw {
		for _, flip := range []byte{1, 0x80, 0xff} {
			changed := bytes.Clone(raw)
			changed[i] ^= flip
			require.False(t, same(changed), "byte %d", i)
		}
		require.False(t, same(append(bytes.Clone(raw[:i]), raw[i+1:]...)), "byte %d is gone", i)
		require.False(t, same(append(append(bytes.Clone(raw[:i]), 'x'), raw[i:]...)), "a byte before %d", i)
		require.False(t, same(raw[:i]), "cut at %d", i)
	}
	require.False(t, same(append(bytes.Clone(raw), 0)))
}

func TestTheWriterRefuses(t *testing.T) {
	w := archive.NewWriter(io.Discard, at())
	for _, name := range []string{"", ".hidden", "../up", "a/b", "a\\b", "a b", archive.Last, strings.Repeat("x", archive.MaxName+1), "é"} {
		_, err := w.Create(name)
		require.Equal(t, fault.Internal, fault.CodeOf(err), name)
	}
	m, err := w.Create("a")
	require.NoError(t, err)
	_, err = w.Create("a")
	require.Error(t, err)
	_, err = w.Create("b")
	require.NoError(t, err)
	_, err = io.WriteString(m, "late")
	require.Error(t, err)
	require.Error(t, w.Finish(make([]byte, archive.MaxNote+1)))
}

// What does not fit is refused while it is written, and a sink that fails ends it.
func TestTheWriterEnds(t *testing.T) {
	for name, most := range map[string]int64{"what it unpacks to": 1 << 20, "what it is": 1000} {
		w := archive.NewWriter(io.Discard, at())
		w.Limit(most)
		m, err := w.Create("big")
		require.NoError(t, err)
		for i := 0; err == nil && i < 1<<20; i++ {
			if most == 1000 {
				_, err = m.Write([]byte{byte(rand.N(256))})
			} else {
				_, err = m.Write(make([]byte, 1<<10))
			}
			if err == nil && i > 2000 && most == 1000 {
				_, _, _, err = w.Members()
			}
		}
		require.Equal(t, fault.Unprocessable, fault.CodeOf(err), name)
		require.Equal(t, fault.Unprocessable, fault.CodeOf(w.Finish(nil)), name)
	}

	w := archive.NewWriter(broken{}, at())
	m, err := w.Create("a")
	require.NoError(t, err)
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = byte(rand.N(256))
	}
	_, err = m.Write(noise)
	require.ErrorIs(t, err, errGone)
	_, _, _, err = w.Members()
	require.ErrorIs(t, err, errGone)
}

type broken struct{}

var errGone = errors.New("gone")

func (broken) Write([]byte) (int, error) { return 0, errGone }

func TestStamps(t *testing.T) {
	for _, c := range []struct{ at, is time.Time }{
		{at(), at().Add(-time.Second)},
		{time.Date(1979, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)},
		{time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)},
		{time.Date(2107, 12, 31, 23, 59, 59, 0, time.FixedZone("", 3600)), time.Date(2107, 12, 31, 22, 59, 58, 0, time.UTC)},
	} {
		s := archive.StampOf(c.at)
		got := time.Date(int(s.Date>>9)+1980, time.Month(s.Date>>5&15), int(s.Date&31), int(s.Time>>11), int(s.Time>>5&63), int(s.Time&31)*2, 0, time.UTC)
		require.Equal(t, c.is, got)
	}
}
