// Package isa says which instruction sets this binary was compiled for and which the processor has that it runs on.
// Its C half looks once more before anything else of the program runs, the C++ constructors and Go's runtime included:
// a build that meets a processor without what it was compiled for says so in one sentence and exits 1, where it would have
// died of an illegal instruction. Nothing here loads the engine.
package isa

// #include "isa.h"
import "C"

import (
	"runtime"
	"slices"
	"strings"
)

// Set is one instruction set that a compiler may use by itself.
type Set struct {
	Name  string
	Built bool // this binary was compiled to use it
	Here  bool // processor and operating system have it
}

// Sets lists what is known of this architecture, oldest first; nothing where the architecture is a stranger.
func Sets() []Set {
	raw := make([]C.struct_gh_isa_set, int(C.gh_isa_count())+1) // never empty: its first element has an address
	C.gh_isa_all(&raw[0])
	sets := make([]Set, len(raw)-1)
	for i := range sets {
		sets[i] = Set{Name: C.GoString(raw[i].name), Built: raw[i].built != 0, Here: raw[i].here != 0}
	}
	return sets
}

// Level names the smallest of the common levels that holds every set of the list that keep answers true for, such as
// x86-64-v3; "" where none does. What lies beyond the last level (VNNI and later) does not count.
func Level(sets []Set, keep func(Set) bool) string {
	level := ""
	for _, l := range levels() {
		if !l.within(sets, keep) {
			break
		}
		level = l.name
	}
	return level
}

// Missing names the sets up to that level for which keep does not hold, oldest first; nil for a level of another architecture.
func Missing(name string, sets []Set, keep func(Set) bool) []string {
	var missing []string
	for _, l := range levels() {
		for _, add := range l.adds {
			if !kept(sets, add, keep) {
				missing = append(missing, add)
			}
		}
		if l.name == name {
			return missing
		}
	}
	return nil
}

// Describe is the level and every set beyond it, such as "x86-64-v3" or "x86-64-v3 AVX-VNNI".
func Describe(sets []Set, keep func(Set) bool) string {
	names := []string{Level(sets, keep)}
	if names[0] == "" {
		names[0] = runtime.GOARCH
	}
	var within []string
	for _, l := range levels() {
		within = append(within, l.adds...)
		if l.name == names[0] {
			break
		}
	}
	for _, s := range sets {
		if keep(s) && !slices.Contains(within, s.Name) {
			names = append(names, s.Name)
		}
	}
	return strings.Join(names, " ")
}

// level is a name that compilers and distributions share, and what it adds to the one before.
type level struct {
	name string
	adds []string
}

// levels are those of the x86-64 psABI; of arm64 there is the base and what ggml's fast paths ask for.
func levels() []level {
	switch runtime.GOARCH {
	case "amd64":
		return []level{
			{"x86-64", nil},
			{"x86-64-v2", []string{"SSE3", "SSSE3", "SSE4.1", "SSE4.2", "POPCNT"}},
			{"x86-64-v3", []string{"AVX", "F16C", "FMA", "MOVBE", "LZCNT", "BMI", "AVX2", "BMI2"}},
			{"x86-64-v4", []string{"AVX512F", "AVX512DQ", "AVX512CD", "AVX512BW", "AVX512VL"}},
		}
	case "arm64":
		return []level{{"armv8-a", nil}, {"armv8.2-a+dotprod", []string{"FP16", "DOTPROD"}}}
	}
	return nil
}

// within says that keep holds for everything the level adds.
func (l level) within(sets []Set, keep func(Set) bool) bool {
	for _, name := range l.adds {
		if !kept(sets, name, keep) {
			return false
		}
	}
	return true
}

func kept(sets []Set, name string, keep func(Set) bool) bool {
	return slices.ContainsFunc(sets, func(s Set) bool { return s.Name == name && keep(s) })
}

// Refusal is the sentence with which a binary refuses a processor, "" where nothing is missing. The program itself never
// asks: it would not have come this far.
func Refusal(sets []Set) string {
	missing := make([]C.char, len(sets)+1)
	for i, s := range sets {
		if s.Built && !s.Here {
			missing[i] = 1
		}
	}
	words := make([]C.char, C.GH_ISA_WORDS)
	length := C.gh_isa_refusal(&missing[0], C.int(len(sets)), &words[0])
	return C.GoStringN(&words[0], length)
}
