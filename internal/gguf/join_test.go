package gguf

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
)

// cutUp answers the parts of a model: metadata in the first, and so many tensors in each of the others.
func cutUp(m *model, each int) (parts [][]byte) {
	n := (len(m.sheets) + each - 1) / each
	for i := range n + 1 {
		p := &model{magic: "GGUF", version: 3, tensorCount: -1, keyCount: -1, alignment: 32}
		if i == 0 {
			p.pairs = append(p.pairs, m.pairs...)
		} else {
			p.sheets = m.sheets[(i-1)*each : min(i*each, len(m.sheets))]
		}
		p.set("split.no", uint16(i))
		p.set("split.count", uint16(n+1))
		p.set("split.tensors.count", int32(len(m.sheets)))
		parts = append(parts, p.bytes())
	}
	return parts
}

func joined(parts [][]byte) ([]byte, error) {
	var all []Part
	for _, b := range parts {
		all = append(all, Part{bytes.NewReader(b), int64(len(b))})
	}
	j, err := Join(all)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	n, err := j.WriteTo(&out)
	if err == nil && (n != j.Size() || n != int64(out.Len())) {
		return nil, io.ErrShortWrite
	}
	return out.Bytes(), err
}

func TestPartsAreJoinedIntoOneSoundFile(t *testing.T) {
	whole := tiny()
	want, err := Read(bytes.NewReader(whole.bytes()), int64(len(whole.bytes())))
	require.NoError(t, err)
	for _, each := range []int{1, 3, 100} {
		b, err := joined(cutUp(whole, each))
		require.NoError(t, err)
		require.NoError(t, check(b))
		got, err := Read(bytes.NewReader(b), int64(len(b)))
		require.NoError(t, err)
		require.Equal(t, want.KV, got.KV, "the keys of the whole, and none of splitting")
		require.Len(t, got.Tensors, len(want.Tensors))
		for i, s := range got.Tensors {
			w := want.Tensors[i]
			require.Equal(t, w.Name, s.Name)
			require.Equal(t, whole.bytes()[want.DataStart+w.Offset:][:w.Size], b[got.DataStart+s.Offset:][:s.Size], s.Name)
		}
	}
}

// threat M1
func TestPartsThatDoNotFitAreRefused(t *testing.T) {
	parts := func() [][]byte { return cutUp(tiny(), 4) }
	other := func(change func(*model)) []byte { m := tiny(); change(m); return cutUp(m, 4)[0] }
	for name, change := range map[string]func(p [][]byte) [][]byte{
		"one missing":       func(p [][]byte) [][]byte { return p[:len(p)-1] },
		"one twice":         func(p [][]byte) [][]byte { p[2] = p[1]; return p },
		"out of order":      func(p [][]byte) [][]byte { p[1], p[2] = p[2], p[1]; return p },
		"one alone":         func(p [][]byte) [][]byte { return p[:1] },
		"no metadata":       func(p [][]byte) [][]byte { return append([][]byte{p[1]}, p[1:]...) },
		"one cut":           func(p [][]byte) [][]byte { p[3] = p[3][:len(p[3])-40]; return p },
		"one longer":        func(p [][]byte) [][]byte { p[3] = append(p[3], make([]byte, 64)...); return p },
		"one empty":         func(p [][]byte) [][]byte { p[3] = nil; return p },
		"one whole":         func(p [][]byte) [][]byte { p[3] = tiny().bytes(); return p },
		"a wrong sum":       func(p [][]byte) [][]byte { p[0] = other(func(m *model) { m.sheets = m.sheets[:12] }); return p },
		"a type":            func(p [][]byte) [][]byte { p[0] = other(func(m *model) { m.set("qwen3.block_count", "1") }); return p },
		"no architecture":   func(p [][]byte) [][]byte { p[0] = other(func(m *model) { m.drop("general.architecture") }); return p },
		"too many of them":  func(p [][]byte) [][]byte { return make([][]byte, MaxParts+1) },
		"nothing but parts": func([][]byte) [][]byte { return nil },
	} {
		_, err := joined(change(parts()))
		require.Error(t, err, name)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), name)
	}
}

// What a part says of itself again, it says as the first does; the reason is told before anything is missed in its metadata.
func TestPartsOfAnotherModelAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(p [][]byte) [][]byte
		want   string
	}{
		"the first two change places": {func(p [][]byte) [][]byte { p[0], p[1] = p[1], p[0]; return p }, "part 1 of 5 is not the one that its name says"},
		"the second alone":            {func(p [][]byte) [][]byte { return [][]byte{p[1], p[1]} }, "not the one that its name says"},
		"another architecture":        {again("general.architecture", "llama"), "part 2 of 5 is of another model"},
		"another kind of value":       {again("general.architecture", uint32(3)), "wrong type"},
		"another vocabulary":          {again(tokensKey, []string{"a"}), "another model"},
		"another alignment":           {again("general.alignment", uint32(64)), "another model"},
		"another sum":                 {again("split.tensors.count", int32(99)), "another model"},
	} {
		_, err := joined(c.change(cutUp(tiny(), 4)))
		require.Equal(t, fault.Invalid, fault.CodeOf(err), name)
		require.Contains(t, fault.From(err).Message, c.want, name)
	}
	for key, v := range map[string]any{"general.architecture": "qwen3", "x.of.a.part": "anything", typesKey: tiny().get(typesKey)} {
		_, err := joined(again(key, v)(cutUp(tiny(), 4)))
		require.NoError(t, err, key)
	}
}

// again answers a change that gives the second part a key, with what else it says.
func again(key string, v any) func(p [][]byte) [][]byte {
	return func(p [][]byte) [][]byte {
		whole := tiny()
		m := &model{magic: "GGUF", version: 3, tensorCount: -1, keyCount: -1, alignment: 32, sheets: whole.sheets[:4]}
		m.set("split.no", uint16(1))
		m.set("split.count", uint16(len(p)))
		m.set("split.tensors.count", int32(len(whole.sheets)))
		m.set(key, v)
		p[1] = m.bytes()
		return p
	}
}

// By chance, from a seed: what broken parts make is refused, or is written and read like any other file.
func TestPartsByChance(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 8))
	var sound [][][]byte
	for each := range 4 {
		sound = append(sound, cutUp(tiny(), 2+3*each))
	}
	whole := 0
	for range 400 {
		var parts [][]byte
		for _, b := range sound[r.IntN(len(sound))] {
			parts = append(parts, bytes.Clone(b))
		}
		for range 1 + r.IntN(3) {
			b := parts[r.IntN(len(parts))]
			at := r.IntN(min(len(b), 400))
			if r.IntN(2) == 0 {
				at = r.IntN(len(b))
			}
			b[at] = byte(r.IntN(256))
		}
		b, err := joined(parts)
		if err == nil {
			_, err = Read(bytes.NewReader(b), int64(len(b)))
		}
		if err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
			continue
		}
		whole++
	}
	require.Greater(t, whole, 20, "weights may change, and names")
}

// FuzzJoin: what two parts make is refused, or is a file that Read takes.
func FuzzJoin(f *testing.F) {
	p := cutUp(tiny(), 100)
	f.Add(p[0], p[1])
	f.Fuzz(func(t *testing.T, a, b []byte) {
		whole, err := joined([][]byte{a, b})
		if err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
			return
		}
		_, err = Read(bytes.NewReader(whole), int64(len(whole)))
		if err != nil { // no tensors at all, metadata longer than its bound
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
		}
	})
}
