package gpu

import "fmt"

const (
	// What is left free on a device: the engine takes more as it runs (cuBLAS, graphs, its pool), so do other programs, and
	// a device that has none left ends the whole process.
	leastRoom, mostRoom = 512 << 20, 1 << 30
	roomPart            = 16 // of the device's memory
)

// Sizes are a model's parts in bytes.
type Sizes struct {
	Layers  []int64 // weights, first layer first
	Output  int64   // weights of the output, which is put there after all layers
	Cache   int64   // keys and values of one layer, all slots
	Compute int64   // what lies between two operations of the largest pass
}

// Need answers the bytes that so many layers take, counted from the last one; one more than there are is the output.
func (s Sizes) Need(layers int) int64 {
	if layers <= 0 {
		return 0
	}
	n := min(layers, len(s.Layers))
	total := s.Compute + int64(n)*s.Cache
	for _, bytes := range s.Layers[len(s.Layers)-n:] {
		total += bytes
	}
	if layers > len(s.Layers) {
		total += s.Output
	}
	return total
}

// Choice is where a model goes: so many layers on one device. None is the processor.
type Choice struct {
	Device Device
	Layers int
	Of     int    // all, the output counted
	Why    string // one half of a sentence
}

// room answers what has to stay free on a device.
func room(d Device) int64 { return min(max(d.Total/roomPart, leastRoom), mostRoom) }

// Usable answers what models may take of a device now.
func (d Device) Usable() int64 { return max(0, d.Free-room(d)) }

// Choose answers the device that takes the most of a model, the freest one where several do, and how many layers go there:
// wanted, or for AllLayers as many as leave head-room.
func Choose(devices []Device, s Sizes, wanted int) Choice {
	of := len(s.Layers) + 1
	best := Choice{Of: of, Why: "there is no GPU"}
	for _, d := range devices {
		c := Choice{Device: d, Of: of, Layers: min(wanted, of), Why: fmt.Sprintf("engine.gpu_layers is %d", wanted)}
		if wanted == AllLayers {
			c.Layers = fitting(d, s)
			c.Why = fmt.Sprintf("%s of %s would be needed beside %s of head-room", gibibytes(s.Need(of)), gibibytes(d.Free), gibibytes(room(d)))
		}
		if best.Device.Description == "" || c.Layers > best.Layers || c.Layers == best.Layers && d.Free > best.Device.Free {
			best = c
		}
	}
	return best
}

func fitting(d Device, s Sizes) int {
	for n := len(s.Layers) + 1; n > 0; n-- {
		if s.Need(n) <= d.Usable() {
			return n
		}
	}
	return 0
}

// Fewer answers what is tried after so many layers found no memory: half of them, in the end none.
func Fewer(layers int) int { return layers / 2 }

// String is the choice in a sentence.
func (c Choice) String() string {
	switch {
	case c.Device.Description == "":
		return "on the processor: " + c.Why
	case c.Layers == 0:
		return fmt.Sprintf("on the processor, beside %s: %s", c.Device.Description, c.Why)
	case c.Layers == c.Of:
		return fmt.Sprintf("all %d layers on %s", c.Of, c.Device.Description)
	default:
		return fmt.Sprintf("%d of %d layers on %s: %s", c.Layers, c.Of, c.Device.Description, c.Why)
	}
}
