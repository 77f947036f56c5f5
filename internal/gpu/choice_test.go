package gpu

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const mib, gib = int64(1) << 20, int64(1) << 30

// model is 28 layers of 100 MiB with 10 MiB of cache each, an output of 600 MiB and 300 MiB to compute in: 3,980 MiB.
func model() Sizes {
	s := Sizes{Output: 600 * mib, Cache: 10 * mib, Compute: 300 * mib}
	for range 28 {
		s.Layers = append(s.Layers, 100*mib)
	}
	return s
}

func TestNeed(t *testing.T) {
	s := model()
	require.Zero(t, s.Need(0))
	require.Equal(t, 410*mib, s.Need(1))
	require.Equal(t, (300+28*110)*mib, s.Need(28))
	require.Equal(t, (300+28*110+600)*mib, s.Need(29))
	require.Equal(t, s.Need(29), s.Need(99))
	s.Layers[27] = 200 * mib
	require.Equal(t, 510*mib, s.Need(1), "the last layers go first")
}

func TestChoose(t *testing.T) {
	board := func(name string, free, total int64) Device {
		return Device{Name: name, Description: name, Free: free, Total: total}
	}
	for name, c := range map[string]struct {
		devices []Device
		wanted  int
		layers  int
		device  string
		says    string
	}{
		"no GPU":                    {nil, AllLayers, 0, "", "on the processor: there is no GPU"},
		"all":                       {[]Device{board("A", 8*gib, 8*gib)}, AllLayers, 29, "A", "all 29 layers on A"},
		"exactly":                   {[]Device{board("A", 3980*mib+512*mib, 8*gib)}, AllLayers, 29, "A", "all 29"},
		"a byte short of head-room": {[]Device{board("A", 3980*mib+512*mib-1, 8*gib)}, AllLayers, 28, "A", "28 of 29 layers on A: 3.9 GiB of 4.4 GiB would be needed beside 0.5 GiB"},
		"head-room grows":           {[]Device{board("A", 3980*mib+512*mib, 48*gib)}, AllLayers, 28, "A", "beside 1.0 GiB"},
		"half":                      {[]Device{board("A", 2*gib, 2*gib)}, AllLayers, 11, "A", "11 of 29"},
		"nothing":                   {[]Device{board("A", 900*mib, 8*gib)}, AllLayers, 0, "A", "on the processor, beside A"},
		"nearly full":               {[]Device{board("A", 100*mib, 8*gib)}, AllLayers, 0, "A", "on the processor, beside A"},
		"the one that takes more":   {[]Device{board("A", 2*gib, 2*gib), board("B", 8*gib, 8*gib)}, AllLayers, 29, "B", ""},
		"the freer of two":          {[]Device{board("A", 8*gib, 8*gib), board("B", 16*gib, 24*gib), board("C", 9*gib, 9*gib)}, AllLayers, 29, "B", ""},
		"none wanted":               {[]Device{board("A", 8*gib, 8*gib)}, 0, 0, "A", "engine.gpu_layers is 0"},
		"ten wanted":                {[]Device{board("A", 8*gib, 8*gib)}, 10, 10, "A", "10 of 29 layers on A: engine.gpu_layers is 10"},
		"more wanted than there is": {[]Device{board("A", 8*gib, 8*gib)}, 999, 29, "A", "all 29"},
		"wanted is tried":           {[]Device{board("A", gib, 8*gib)}, 29, 29, "A", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := Choose(c.devices, model(), c.wanted)
			require.Equal(t, c.layers, got.Layers)
			require.Equal(t, c.device, got.Device.Description)
			require.Contains(t, got.String(), c.says)
		})
	}
}

// However many layers it begins with, it ends on the processor, and soon.
func TestFewer(t *testing.T) {
	for layers := range 200 {
		n, steps := layers, 0
		for n > 0 {
			less := Fewer(n)
			require.Less(t, less, n)
			n, steps = less, steps+1
		}
		require.LessOrEqual(t, steps, 8)
	}
	require.Equal(t, 14, Fewer(29))
}
