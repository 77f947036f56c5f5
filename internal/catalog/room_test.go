package catalog_test

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/gguf/malform"
)

// vast is a model of eight terabytes in whose metadata nothing is wrong. The file is sparse: it takes a few kilobytes.
func vast(t testing.TB) string {
	t.Helper()
	const wide, feed, head, layers = 1 << 17, 1 << 20, 128, 8
	p := tiny(t, chatML).With(func(p *malform.Parts) {
		for key, n := range map[string]uint32{
			"block_count": layers, "embedding_length": wide, "feed_forward_length": feed, "attention.head_count": wide / head,
			"attention.head_count_kv": wide / head, "attention.key_length": head, "attention.value_length": head,
		} {
			p.Set("qwen3."+key, 4, binary.LittleEndian.AppendUint32(nil, n))
		}
		var layer []malform.Tensor
		all := p.Table
		p.Table, p.Data = nil, nil
		for _, x := range all {
			for i, n := range x.Dims {
				switch {
				case strings.HasSuffix(x.Name, "q_norm.weight"), strings.HasSuffix(x.Name, "k_norm.weight"):
					x.Dims[i] = head
				case n == 64:
					x.Dims[i] = feed
				case n < 64:
					x.Dims[i] = wide
				}
			}
			if strings.HasPrefix(x.Name, "blk.") {
				layer = append(layer, x)
				continue
			}
			p.Table = append(p.Table, x)
		}
		for i := range layers {
			for _, x := range layer {
				x.Name = strings.Replace(x.Name, "blk.0", "blk."+string(rune('0'+i)), 1)
				p.Table = append(p.Table, x)
			}
		}
		p.Tensors = uint64(len(p.Table))
	})
	size := uint64(0)
	for i, x := range p.Table {
		bytes := uint64(2)
		if x.Kind == 0 {
			bytes = 4
		}
		for _, n := range x.Dims {
			bytes *= n
		}
		p.Table[i].Offset, size = size, size+(bytes+31)/32*32
	}
	front := p.Join()
	path := filepath.Join(t.TempDir(), "vast.gguf")
	require.NoError(t, os.WriteFile(path, front, 0o600))
	require.NoError(t, os.Truncate(path, int64(len(front))+int64(size)))
	return path
}

// threat M1: a file says what it likes of its size, and a full disk stops a server that runs beside the import. Nothing of what
// cannot fit is copied.
func TestWhatHasNoRoomIsNotCopied(t *testing.T) {
	h := newHouse(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // what it may write, should it begin
	defer cancel()
	_, err := h.cat.Import(ctx, system(), catalog.ImportRequest{Path: vast(t)})
	require.Equal(t, fault.Unprocessable, fault.CodeOf(err), "%v", err)
	require.Contains(t, fault.From(err).Message, "no room")
	h.nothingHappened(t)
}
