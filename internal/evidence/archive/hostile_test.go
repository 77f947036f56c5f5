package archive_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/evidence/archive"
	"guardhouse/internal/fault"
)

// madeBy is a zip file that another program makes.
func madeBy(t testing.TB, make func(z *zip.Writer) error) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	require.NoError(t, make(z))
	require.NoError(t, z.Close())
	return out.Bytes()
}

func add(z *zip.Writer, h *zip.FileHeader, text string) error {
	w, err := z.CreateHeader(h)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, text)
	return err
}

// many is the end of a file that says that it has as many members as a zip file can say, and is nothing else.
func many() []byte {
	b := append([]byte("PK\x05\x06"), 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff)
	b = binary.LittleEndian.AppendUint32(b, 0xfffffff0)
	return append(binary.LittleEndian.AppendUint32(b, 0), 0, 0)
}

func hostile(t testing.TB) map[string][]byte {
	t.Helper()
	good := usual(t)
	end := len(good) - 22
	directory := int(binary.LittleEndian.Uint32(good[end+16:]))
	put := func(at int, v ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[at:], v)
		return b
	}
	link := &zip.FileHeader{Name: archive.Last}
	link.SetMode(fs.ModeSymlink | 0o777)
	out := map[string][]byte{
		"nothing": {}, "no zip": []byte(strings.Repeat("no zip at all ", 90)), "many": many(), "an end alone": good[end:],
		"prepended": append([]byte("#!/bin/sh\n"), good...), "appended": append(bytes.Clone(good), "tail"...),
		"a comment":      append(put(len(good)-2, 3, 0), "abc"...),
		"encrypted":      put(directory+8, 9),
		"stored":         put(directory+10, 0),
		"another disk":   put(end+4, 1),
		"zip64":          put(directory+20, 0xff, 0xff, 0xff, 0xff),
		"longer":         put(directory+24, 0xff, 0xff, 0xff, 0x7f),
		"overlapping":    put(directory+46+len("README.md")+42, 0, 0, 0, 0),
		"a long name":    put(directory+28, 0xff, 0xff),
		"an extra field": put(directory+30, 4, 0),
		"a symlink":      put(directory+38, 0, 0, 0xff, 0xa1),
		"a local name":   put(30, 'X'),
		"ten to the four": madeBy(t, func(z *zip.Writer) (err error) {
			for i := range 10_000 {
				if err == nil {
					err = add(z, &zip.FileHeader{Name: "n" + strings.Repeat("x", i%90)}, "")
				}
			}
			return err
		}),
	}
	for name, h := range map[string]*zip.FileHeader{
		"another's": {Name: archive.Last}, "absolute": {Name: "/" + archive.Last}, "climbing": {Name: "../" + archive.Last}, "a link": link,
		"deflated": {Name: archive.Last, Method: zip.Deflate}, "zip64 of another": {Name: archive.Last, Extra: []byte{1, 0, 0, 0}},
	} {
		out[name] = madeBy(t, func(z *zip.Writer) error { return add(z, h, "x") })
	}
	out["twice"] = madeBy(t, func(z *zip.Writer) error {
		return errJoin(add(z, &zip.FileHeader{Name: "a"}, "x"), add(z, &zip.FileHeader{Name: "a"}, "y"))
	})
	return out
}

func errJoin(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// threat U1: a file that is none of ours is refused with a reason, before anything in it is unpacked.
func TestHostileFiles(t *testing.T) {
	for name, raw := range hostile(t) {
		t.Run(name, func(t *testing.T) {
			_, err := open(raw)
			require.Equal(t, fault.Invalid, fault.CodeOf(err), "%v", err)
			require.Contains(t, err.Error(), "This is no evidence pack")
		})
	}
}

// bomb is a pack whose one member unpacks to n zeros, and says that it has size.
func bomb(t testing.TB, n, size int) []byte {
	t.Helper()
	raw, _, _, _ := packed(t, part{"a", strings.Repeat("\x00", n)})
	a := binary.LittleEndian.AppendUint32(nil, uint32(n))
	b := binary.LittleEndian.AppendUint32(nil, uint32(size))
	at := bytes.LastIndex(raw, append([]byte("PK\x01\x02"), 0x14, 3))
	first := bytes.Index(raw, []byte("PK\x07\x08"))
	require.Equal(t, a, raw[first+12:first+16])
	copy(raw[first+12:], b)
	for i := bytes.Index(raw, []byte("PK\x01\x02")); i < at; i = at {
		require.Equal(t, a, raw[i+24:i+28])
		copy(raw[i+24:], b)
	}
	return raw
}

// A member that unpacks to more than it says ends there, whatever is behind it.
func TestABombIsNotUnpacked(t *testing.T) {
	for _, size := range []int{10, 1 << 30} {
		a, err := open(bomb(t, 64<<20, size))
		require.NoError(t, err)
		c, ok := a.Content("a")
		require.True(t, ok)
		n, err := io.Copy(io.Discard, c)
		require.Equal(t, fault.Invalid, fault.CodeOf(err))
		require.LessOrEqual(t, n, int64(64<<20))
		if size == 10 {
			require.Less(t, n, int64(1<<20))
		}
		_, err = c.Read(make([]byte, 1))
		require.Error(t, err, "it stays refused")
	}
	_, err := open(bomb(t, 1<<20, 1<<32-1))
	require.Error(t, err, "no pack unpacks to that much")
}

// Bytes behind the end of packed content would be read by nobody, and are refused.
func TestBytesBehindPackedContent(t *testing.T) {
	raw, _, _, _ := packed(t, part{"a", "abc"})
	const shorter = "KLJ\x06\x00" // abc in one last block, as another packer writes it
	from, to := 31, bytes.Index(raw, []byte("PK\x07\x08"))
	require.Greater(t, to-from, len(shorter))
	copy(raw[from:to], shorter+strings.Repeat("z", to-from-len(shorter)))
	a, err := open(raw)
	require.NoError(t, err)
	c, _ := a.Content("a")
	text, err := io.ReadAll(c)
	require.Equal(t, "abc", string(text))
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
}

// Whatever a file is, opening and reading it ends in a refusal or in content that is as long as it says.
func FuzzOpen(f *testing.F) {
	f.Add(usual(f))
	for _, raw := range hostile(f) {
		if len(raw) < 64<<10 {
			f.Add(raw)
		}
	}
	f.Add(bomb(f, 1<<20, 10))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := open(raw)
		if err != nil {
			if fault.CodeOf(err) != fault.Invalid {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		total := int64(0)
		for _, m := range a.Members() {
			c, ok := a.Content(m.Name)
			if !ok {
				t.Fatal("a member without content")
			}
			n, err := io.Copy(io.Discard, io.LimitReader(c, 8<<20))
			if total += n; n > m.Size+64<<10 || err == nil && n != m.Size && n < 8<<20 {
				t.Fatalf("%q unpacks to %d of %d: %v", m.Name, n, m.Size, err)
			}
		}
	})
}
