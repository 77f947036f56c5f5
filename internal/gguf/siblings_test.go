package gguf

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/gguf/malform"
)

// TestSiblings reads every sibling of a sound file that package malform knows: each is refused with our own words, or its
// structure is sound, within the bounds of a reader. What the engine makes of those that pass is tried elsewhere.
// threat M1, threat M2
func TestSiblings(t *testing.T) {
	sound := tiny().bytes()
	p := malform.Split(sound)
	require.Equal(t, sound, p.Join(), "the pieces are the whole")
	all, passed := map[string]int{}, map[string]int{}
	for i, c := range malform.Cases(sound) {
		if testing.Short() && i%10 != 0 {
			continue
		}
		all[c.Class]++
		var err error
		bounded(t, c.Name, func() { err = check(c.Bytes) })
		if err == nil {
			passed[c.Class]++
			continue
		}
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%s: %s", c.Class, c.Name)
	}
	for _, class := range slices.Sorted(maps.Keys(all)) {
		t.Logf("%-16s %5d, %4d of them sound", class, all[class], passed[class])
	}
	for _, class := range []string{"header", "foreign", "truncated"} {
		require.LessOrEqual(t, passed[class], 1, class)
	}
}

// By chance, from a seed: the same files each time.
func TestSiblingsByChance(t *testing.T) {
	sound := tiny().bytes()
	p, r := malform.Split(sound), rand.New(rand.NewPCG(7, 11))
	for range 2000 {
		c := malform.Chance(sound, p, r)
		f, err := Read(bytes.NewReader(c.Bytes), int64(len(c.Bytes)))
		if err == nil {
			err = f.CheckLlama()
		}
		if err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err), c.Name)
		}
	}
}

// A sound model of any shape passes, whatever its architecture, sizes and kinds of weights.
func TestShapesByChancePass(t *testing.T) {
	p, r := malform.Split(tiny().bytes()), rand.New(rand.NewPCG(13, 17))
	for range 300 {
		c := malform.Shape(p, r)
		require.NoError(t, check(c.Bytes), c.Name)
	}
}
