package malform

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Chance answers a sibling of sound by chance: one to four changes of fields, bytes, pieces and cases before.
func Chance(sound []byte, p *Parts, r *rand.Rand) Case {
	b := slices.Clone(sound)
	name := ""
	for range 1 + r.IntN(4) {
		switch r.IntN(5) {
		case 0, 1: // a field says something else
			f := p.Fields[r.IntN(len(p.Fields))]
			all := lies(f)
			n := all[r.IntN(len(all))]
			for i := range f.Width {
				b[f.At+i] = byte(n >> (8 * i))
			}
			name += fmt.Sprintf("%s says %d; ", f.Name, n)
		case 2: // a byte of the metadata
			at := r.IntN(len(sound) - len(p.Data))
			b[at] = byte(r.IntN(256))
			name += fmt.Sprintf("byte %d; ", at)
		case 3: // a bit of the metadata
			at := r.IntN(len(sound) - len(p.Data))
			b[at] ^= 1 << r.IntN(8)
			name += fmt.Sprintf("a bit of byte %d; ", at)
		default: // a run of weights
			at := len(sound) - len(p.Data) + r.IntN(len(p.Data))
			end := min(len(b), at+r.IntN(64))
			for i := at; i < end; i++ {
				b[i] = byte(r.IntN(256))
			}
			name += fmt.Sprintf("weights from %d; ", at)
		}
	}
	return Case{"chance", name, b}
}
