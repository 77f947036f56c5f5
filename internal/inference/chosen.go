package inference

import (
	"fmt"
	"time"
)

// Chosen is how a server laid a model out, kept for whoever looks at the folder without the server.
type Chosen struct {
	Model  string    `json:"model"`
	At     time.Time `json:"at"`
	Memory int64     `json:"memory"` // most bytes that the model can need
	Lines  []string  `json:"lines"`
}

// Lines answers the description in sentences: the layout, why it was chosen, and the memory with its parts.
func (d Description) Lines() []string {
	attention := "off"
	if d.Flash {
		attention = "on"
	}
	const mib = 1 << 20
	m := d.Memory
	lines := []string{
		fmt.Sprintf("lanes %d, threads %d, slots %d of %d tokens, passes of up to %d tokens, flash attention %s, cache %s, kernels %s",
			d.Lanes, d.Threads, d.Slots, d.SlotTokens, d.Batch, attention, d.Cache, d.Kernels),
		fmt.Sprintf("chosen: %s (%.1f s)", d.Choice.Why, d.Choice.Took.Seconds()),
		fmt.Sprintf("memory: at most %.1f MiB: weights %.1f, repacked %.1f, cache %.1f, computing %.1f, logits %.1f",
			float64(m.Total())/mib, float64(m.Weights)/mib, float64(m.Packed)/mib, float64(m.Cache)/mib, float64(m.Compute)/mib, float64(m.Output)/mib),
	}
	if m.GPU > 0 {
		lines = append(lines, fmt.Sprintf("on %s: %.1f MiB", d.Device, float64(m.GPU)/mib))
	}
	return lines
}
