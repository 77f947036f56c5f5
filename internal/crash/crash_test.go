package crash

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"guardhouse/internal/apptest"
	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
)

// house is a parent and the worker that it runs now. Both sides have a mapping of their own, as two processes have.
type house struct {
	t      *testing.T
	clock  *apptest.Clock
	book   *Book
	table  *Table
	worker *Table
	marks  *Marks
}

func newHouse(t *testing.T) *house {
	t.Helper()
	book, err := NewBook()
	require.NoError(t, err)
	table, err := NewTable()
	require.NoError(t, err)
	fd, err := unix.Dup(int(table.File().Fd()))
	require.NoError(t, err)
	worker, err := OpenTable(os.NewFile(uintptr(fd), "worker"))
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, table.Close())
		require.NoError(t, worker.Close())
	})
	h := &house{t: t, clock: apptest.NewClock(time.Unix(1_800_000_000, 0)), book: book, table: table, worker: worker}
	h.start()
	return h
}

func (h *house) start() { h.marks = NewMarks(h.worker, h.book.Verdicts(h.clock.Now()), h.clock.Now) }

// crash ends the worker while whatever is in flight is in flight, and starts the next one.
func (h *house) crash() Found {
	h.clock.Advance(time.Second)
	f := h.book.Ended(h.clock.Now(), true, h.table)
	h.start()
	return f
}

func text(s string) [32]byte { return sha256.Sum256([]byte(s)) }

// begin puts a payload in flight.
func (h *house) begin(payload, principal string) inference.Mark {
	h.t.Helper()
	m, err := h.marks.Admit(h.t.Context(), text(payload), principal)
	require.NoError(h.t, err)
	require.NoError(h.t, m.Begin(h.t.Context(), false))
	return m
}

func (h *house) refusal(payload, principal string) fault.Code {
	m, err := h.marks.Admit(h.t.Context(), text(payload), principal)
	if err == nil {
		m.End(false)
	}
	return fault.CodeOf(err)
}

func (h *house) suspected(payload, principal string) bool {
	return h.marks.suspected(Pair{h.marks.verdicts.payload(text(payload)), h.marks.verdicts.principal(principal)}, h.clock.Now())
}

// threat M8: whoever is in a batch with a text that crashes is never blamed, and has his answer.
func TestNeighboursAreNotBlamed(t *testing.T) {
	h := newHouse(t)
	for round := range 10 {
		h.begin("report", "victim")
		h.begin(fmt.Sprint("bomb ", round), fmt.Sprint("attacker ", round))
		f := h.crash()
		require.Equal(t, 2, f.InFlight)
		require.False(t, f.Alone || f.Refused || f.Stopped, "round %d", round)
		require.True(t, h.suspected("report", "victim"))
		h.begin("report", "victim").End(true)
		require.False(t, h.suspected("report", "victim"), "he ran alone and did no harm")
	}
	require.Empty(t, h.refusal("report", "victim"))
	require.Empty(t, h.refusal("bomb 0", "attacker 0"), "he never ran alone")
}

// threat M8: a payload that ended the worker twice alone is refused, by whoever it comes; others of the same principal are not.
func TestAPayloadThatCrashedTwiceAlone(t *testing.T) {
	h := newHouse(t)
	h.begin("report", "victim")
	h.begin("bomb", "attacker")
	h.crash()
	h.begin("bomb", "attacker")
	f := h.crash()
	require.True(t, f.Alone)
	require.False(t, f.Refused, "once alone")
	require.False(t, h.suspected("report", "victim"), "the one who did it is found")
	require.Empty(t, h.refusal("bomb", "somebody"))
	h.begin("bomb", "attacker")
	f = h.crash()
	require.True(t, f.Refused)
	require.Equal(t, fault.PayloadRefused, h.refusal("bomb", "attacker"))
	require.Equal(t, fault.PayloadRefused, h.refusal("bomb", "somebody"))
	require.Empty(t, h.refusal("report", "victim"))
	h.clock.Advance(24 * time.Hour)
	h.start()
	require.Equal(t, fault.PayloadRefused, h.refusal("bomb", "attacker"), "as long as the parent lives")
}

// threat M8: one changed byte makes another payload, and the third crash stops who sends them; then it is over after a time.
func TestAMutatingAttackerIsStoppedAtThree(t *testing.T) {
	h := newHouse(t)
	h.begin("report", "victim")
	h.begin("bomb 0", "attacker")
	require.False(t, h.crash().Stopped)
	for i := 1; i <= 2; i++ {
		require.Empty(t, h.refusal("harmless", "attacker"))
		h.begin(fmt.Sprint("bomb ", i), "attacker")
		require.Equal(t, i == 2, h.crash().Stopped, "crash %d", i+1)
	}
	require.Equal(t, fault.CrashStopped, h.refusal("bomb 3", "attacker"))
	require.Equal(t, fault.CrashStopped, h.refusal("harmless", "attacker"))
	m, err := h.marks.Admit(t.Context(), text("x"), "attacker")
	require.Nil(t, m)
	require.Equal(t, Window, fault.From(err).RetryAfter)
	require.Equal(t, map[string]string{"Retry-After": "600", "RateLimit": `"crashes";r=0;t=600`, "RateLimit-Policy": `"crashes";q=3;w=600`}, fault.From(err).Headers)
	require.Empty(t, h.refusal("report", "victim"))
	h.clock.Advance(Window)
	require.Empty(t, h.refusal("harmless", "attacker"), "even by the worker that was told")
	h.start()
	require.False(t, h.suspected("harmless", "attacker"))
}

// threat M8: three crashes over more than ten minutes stop nobody.
func TestOldCrashesAreForgotten(t *testing.T) {
	h := newHouse(t)
	for i := range 6 {
		h.begin(fmt.Sprint("bomb ", i), "unlucky")
		require.False(t, h.crash().Stopped)
		h.clock.Advance(Window / 2)
	}
	require.Empty(t, h.refusal("x", "unlucky"))
}

// threat M8: several texts of one principal are a crash of his, and of none of the texts.
func TestOneAmongHimself(t *testing.T) {
	h := newHouse(t)
	for i := range 3 {
		h.begin("window 1", "attacker")
		if i == 0 {
			h.begin("window 2", "attacker")
		}
		f := h.crash()
		require.Equal(t, i > 0, f.Alone)
		require.Equal(t, i == 2, f.Refused)
		require.Equal(t, i == 2, f.Stopped)
	}
}

func TestNobodyIsBlamedForWhatIsNotNative(t *testing.T) {
	h := newHouse(t)
	for round := range 10 {
		report, victim := fmt.Sprint("report ", round), fmt.Sprint("victim ", round)
		h.begin(report, victim)
		h.clock.Advance(time.Second)
		require.Equal(t, Found{InFlight: 1}, h.book.Ended(h.clock.Now(), false, h.table), "killed from outside")
		h.start()
		done := h.marks.Company()
		h.begin(report, victim)
		f := h.crash()
		require.False(t, f.Alone || f.Refused || f.Stopped, "a model was being loaded")
		done()
		require.Equal(t, Found{}, h.crash(), "nothing was in flight")
		require.Empty(t, h.refusal(report, victim))
	}
}

// threat M8: whoever crashes the worker while it loads a model is found all the same: a suspect runs only where nothing else does.
func TestASuspectDoesNotRunWhileAModelIsLoaded(t *testing.T) {
	h := newHouse(t)
	h.marks.Company()
	h.begin("bomb", "attacker")
	require.Equal(t, Found{InFlight: 1}, h.crash(), "the model may have done it")
	loaded := h.marks.Company()
	require.Equal(t, fault.Busy, h.refusal("bomb", "attacker"))
	require.Equal(t, fault.Busy, h.refusal("another", "attacker"))
	h.begin("report", "victim").End(true)
	loaded()
	m, err := h.marks.Admit(t.Context(), text("bomb"), "attacker")
	require.NoError(t, err)
	loaded = h.marks.Company()
	require.Equal(t, fault.Busy, fault.CodeOf(m.Begin(t.Context(), false)), "it was admitted before")
	m.End(false)
	loaded()
	h.begin("bomb", "attacker")
	loading := make(chan func(), 1)
	marks := h.marks
	go func() { loading <- marks.Company() }()
	require.Eventually(t, func() bool {
		marks.gate.mu.Lock()
		defer marks.gate.mu.Unlock()
		return len(marks.gate.waiting) == 1
	}, time.Minute, time.Millisecond, "no model is loaded beside it")
	require.True(t, h.crash().Alone)
	marks.gate.leaveAlone()
	(<-loading)()
}

func TestWhatEndedIsNotInFlight(t *testing.T) {
	h := newHouse(t)
	for range 3 * places { // places are used again
		h.begin("report", "victim").End(true)
	}
	h.marks.Company()()
	require.Zero(t, h.crash().InFlight)
}

func TestASuspectThatLeftIsStillOne(t *testing.T) {
	h := newHouse(t)
	h.begin("a", "attacker")
	h.begin("b", "victim")
	h.crash()
	h.begin("a", "attacker").End(false)
	require.True(t, h.suspected("a", "attacker"), "it was not run to its end")
	h.begin("a", "somebody").End(true)
	require.True(t, h.suspected("a", "attacker"), "somebody else's run frees nobody")
	require.True(t, h.suspected("another", "attacker"))
	require.True(t, h.suspected("a", "anybody"))
	require.False(t, h.suspected("another", "anybody"))
	h.begin("a", "attacker").End(true)
	require.False(t, h.suspected("a", "attacker"))
	h.book.Ended(h.clock.Now(), false, h.table)
	h.start()
	require.False(t, h.suspected("a", "attacker"), "the parent knows it too")
	require.True(t, h.suspected("b", "victim"))
}

// The worker may have died of a write into any memory.
func TestScribbledTable(t *testing.T) {
	h := newHouse(t)
	for i := range h.worker.memory {
		h.worker.memory[i] = byte(7 * i)
	}
	f := h.crash()
	require.False(t, f.Alone || f.Refused || f.Stopped)
	require.Zero(t, h.crash().InFlight, "the next one begins with an empty table")
}

func TestBookIsBounded(t *testing.T) {
	h := newHouse(t)
	for i := range 2 * mostCrashes {
		for k := range 100 {
			h.worker.mark(k, running, Pair{h.marks.verdicts.payload(text(fmt.Sprint(i, k))), h.marks.verdicts.principal(fmt.Sprint(k))})
		}
		h.book.Ended(h.clock.Now(), true, h.table)
	}
	require.Len(t, h.book.crashes, mostCrashes)
	v := h.book.Verdicts(h.clock.Now())
	require.Len(t, v.Suspects, mostSuspects)
	require.True(t, slices.ContainsFunc(v.Suspects, func(s Suspect) bool {
		return s.Payload == h.marks.verdicts.payload(text(fmt.Sprint(2*mostCrashes-1, 0)))
	}), "the newest are told")
	for i := range mostRefused + 10 {
		h.book.count(v.payload(text(fmt.Sprint(i))))
	}
	require.Len(t, h.book.alone, mostRefused)
}

func TestTableOfAnotherSizeIsRefused(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	_, err = OpenTable(f)
	require.ErrorContains(t, err, "not the memory")
}

func TestAFullTableRefuses(t *testing.T) {
	h := newHouse(t)
	var all []inference.Mark
	for i := range places {
		all = append(all, h.begin(fmt.Sprint(i), "many"))
	}
	m, err := h.marks.Admit(t.Context(), text("one more"), "many")
	require.NoError(t, err)
	require.Equal(t, fault.Busy, fault.CodeOf(m.Begin(t.Context(), false)))
	m.End(false)
	h.marks.Company()()
	for _, m := range all {
		m.End(true)
	}
	h.begin("one more", "many").End(true)
}

// threat M8: one that runs alone knows that it keeps others out, and those who run together know that one waits to be alone.
func TestWhoWaitsForWhom(t *testing.T) {
	h := newHouse(t)
	h.begin("a", "attacker")
	h.begin("b", "victim")
	h.crash()
	waits := func(m inference.Mark) {
		t.Helper()
		require.Eventually(t, m.Crowded, time.Minute, time.Millisecond)
	}
	begin := func(m inference.Mark, goesOn bool) <-chan error {
		began := make(chan error, 1)
		go func() { began <- m.Begin(t.Context(), goesOn) }()
		return began
	}
	first := h.begin("a", "attacker")
	require.False(t, first.Crowded())
	neighbour, err := h.marks.Admit(t.Context(), text("c"), "neighbour")
	require.NoError(t, err)
	in := begin(neighbour, false)
	waits(first)
	first.End(false)
	require.NoError(t, <-in)
	require.False(t, neighbour.Crowded())

	first, err = h.marks.Admit(t.Context(), text("a"), "attacker")
	require.NoError(t, err)
	again := begin(first, true)
	waits(neighbour)
	neighbour.End(true)
	require.NoError(t, <-again)
	require.False(t, first.Crowded())
	other := make(chan inference.Mark, 1)
	go func() {
		m, err := h.marks.Admit(t.Context(), text("b"), "victim")
		if err != nil {
			t.Error(err)
		}
		other <- m
	}()
	waits(first)
	first.End(true)
	(<-other).End(false)
}

// threat M8: whoever goes on with a text waits as long as it takes to be alone again.
func TestGoingOnIsNotRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.begin("a", "attacker")
		h.begin("b", "victim")
		h.crash()
		neighbour := h.begin("c", "neighbour")
		m, err := h.marks.Admit(t.Context(), text("a"), "attacker")
		require.NoError(t, err)
		require.Equal(t, fault.Busy, fault.CodeOf(m.Begin(t.Context(), false)))
		m.End(false)
		m, err = h.marks.Admit(t.Context(), text("a"), "attacker")
		require.NoError(t, err)
		began := make(chan error, 1)
		go func() { began <- m.Begin(t.Context(), true) }()
		<-time.After(10 * alonePatience)
		neighbour.End(true)
		require.NoError(t, <-began)
		m.End(true)
	})
}

func TestWaitingToBeAloneEndsWithItsContext(t *testing.T) {
	h := newHouse(t)
	h.begin("a", "attacker")
	h.begin("b", "victim")
	h.crash()
	neighbour := h.begin("c", "neighbour")
	ctx, cancel := context.WithCancel(t.Context())
	m, err := h.marks.Admit(ctx, text("a"), "attacker")
	require.NoError(t, err)
	began := make(chan error, 1)
	go func() { began <- m.Begin(ctx, false) }()
	cancel()
	require.Equal(t, fault.Canceled, fault.CodeOf(<-began))
	m.End(false)
	h.begin("d", "neighbour").End(true)
	neighbour.End(true)
	h.begin("b", "victim").End(true)
}
