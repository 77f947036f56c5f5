package crash

import (
	"encoding/binary"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// flooded is a book whose workers left as much as the memory that they share holds, each time something else.
func flooded(tb testing.TB) (*Book, *Table, time.Time) {
	tb.Helper()
	b, err := NewBook()
	require.NoError(tb, err)
	t, err := NewTable()
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, t.Close()) })
	at := time.Unix(1_800_000_000, 0)
	for generation := range mostCrashes {
		flood(t, generation)
		require.Equal(tb, places, b.Ended(at, true, t).InFlight)
	}
	require.Len(tb, b.crashes, mostCrashes)
	return b, t, at
}

// flood fills a table as a hostile worker would: every place with another payload of another principal.
func flood(t *Table, generation int) {
	for i := range places {
		var p Pair
		binary.BigEndian.PutUint64(p.Payload[24:], uint64(generation*places+i)) // like all others up to the end
		p.Principal = p.Payload
		t.mark(i, running, p)
	}
}

// clearAll says of every suspect that it ran alone.
func clearAll(t *Table) {
	for i := range mostSuspects {
		t.clearSuspect(i)
	}
}

// processorTime is what this process has used: unlike the clock's, it is the same on a busy machine.
func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u unix.Rusage
	require.NoError(tb, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// threat M8: what a hostile worker leaves is read while nobody serves, and takes no time that anybody notices. Compared pair by
// pair it took seconds.
func TestAFloodIsReadAtOnce(t *testing.T) {
	book, table, at := flooded(t)
	began := processorTime(t)
	const rounds = 10
	for i := range rounds {
		told := book.Verdicts(at).Suspects
		require.Len(t, told, mostSuspects)
		require.Equal(t, book.crashes[len(book.crashes)-1].pairs, pairsOf(told[:places]), "the newest are told in any case")
		flood(table, mostCrashes+i)
		clearAll(table)
		require.Equal(t, Found{InFlight: places}, book.Ended(at, true, table))
	}
	require.Less(t, processorTime(t)-began, rounds*time.Second)
	for range mostCrashes { // all that is left is cleared, a few crashes at a time
		book.Verdicts(at)
		clearAll(table)
		book.Ended(at, true, table)
	}
	require.Empty(t, book.Verdicts(at).Suspects)
}

func pairsOf(suspects []Suspect) (out []Pair) {
	for _, s := range suspects {
		out = append(out, s.Pair)
	}
	return out
}

// A worker reads no start of more than 8 MiB, and would take itself for a parent.
func TestTheMostVerdictsFitIntoAStart(t *testing.T) {
	book, table, at := flooded(t)
	for i := range mostRefused {
		d := Digest{0: byte(i), 1: byte(i >> 8)}
		for j := 2; j < len(d); j++ {
			d[j] = 255 // the longest as a number
		}
		book.count(d)
		book.count(d)
	}
	flood(table, mostCrashes)
	book.Ended(at, true, table)
	v := book.Verdicts(at)
	require.Len(t, v.Suspects, mostSuspects)
	require.Len(t, v.Refused, mostRefused)
	text, err := json.Marshal(v)
	require.NoError(t, err)
	require.Less(t, len(text), 4<<20)
}

func BenchmarkFlood(b *testing.B) {
	book, table, at := flooded(b)
	generation := mostCrashes
	for b.Loop() {
		flood(table, generation)
		generation++
		clearAll(table)
		book.Ended(at, true, table)
		if _, err := json.Marshal(book.Verdicts(at)); err != nil {
			b.Fatal(err)
		}
	}
}
