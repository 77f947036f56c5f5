package retention

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// story makes marks: each line is a step of the wall clock and one of the machine's own.
type story struct {
	marks []mark
	now   mark
}

func tell() *story {
	first := mark{Number: 1, Seq: 10, At: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Boot: "one", Up: time.Hour}
	return &story{marks: []mark{first}, now: first}
}

// pass lets the same time pass on both clocks.
func (s *story) pass(d time.Duration) *story { return s.move(d, d) }

func (s *story) move(wall, up time.Duration) *story {
	s.now.At, s.now.Up = s.now.At.Add(wall), s.now.Up+up
	s.now.Number++
	s.now.Seq += 10
	s.marks = append(s.marks, s.now)
	return s
}

// boot starts the machine anew after it was off, as the wall says; it has run for up when the next mark is made.
func (s *story) boot(off, up time.Duration) *story {
	s.now.Boot += "+"
	s.now.Up = 0
	return s.move(off+up, up)
}

func (s *story) read(confirmed int64) timeline { return read(s.marks, confirmed, s.now) }

func kinds(list []Question) []string {
	out := []string{}
	for _, q := range list {
		out = append(out, q.Kind)
	}
	return out
}

func TestWhatIsAskedAboutTheClock(t *testing.T) {
	century := 100 * 365 * day
	for name, tc := range map[string]struct {
		story *story
		asks  []string
	}{
		"nothing":                    {tell(), nil},
		"a year by both clocks":      {tell().pass(365 * day), nil},
		"corrections":                {tell().move(time.Hour+time.Minute, time.Hour).move(time.Hour-time.Minute, time.Hour), nil},
		"an hour forward":            {tell().move(2*time.Hour+time.Second, time.Hour), []string{Jumped}},
		"an hour back":               {tell().move(-time.Second, time.Hour), []string{Jumped}},
		"ten years forward":          {tell().pass(day).move(century/10, time.Minute).pass(day), []string{Jumped}},
		"forward and back":           {tell().move(century/10, time.Minute).move(-century/10, time.Minute), []string{Jumped, Jumped}},
		"creeping":                   {tell().move(50*time.Minute, 0).move(50*time.Minute, 0), []string{Jumped}},
		"off for a while":            {tell().boot(10*time.Minute, time.Minute), nil},
		"off for long":               {tell().boot(2*time.Hour, time.Minute), []string{Gap}},
		"off and ten years":          {tell().boot(century/10, time.Minute), []string{Gap}},
		"off often":                  {off(26), []string{Gaps}},
		"off and set back":           {tell().boot(-2*time.Hour, time.Minute), []string{Back}},
		"the server was off, not it": {tell().pass(30 * day), nil},
		"another machine":            {tell().boot(-40*day, 60*day), []string{Moved}},
		"restored at once elsewhere": {tell().boot(-40*day, 40*day+time.Minute), nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := kinds(tc.story.read(0).questions)
			if tc.asks == nil {
				tc.asks = []string{}
			}
			require.Equal(t, tc.asks, got)
			last := tc.story.marks[len(tc.story.marks)-1].Number
			require.Empty(t, tc.story.read(last).questions, "all of it was explained")
		})
	}
}

func off(times int) *story {
	s := tell()
	for range times {
		s.boot(58*time.Minute, time.Minute)
	}
	return s
}

// The present moment is asked about, though no checkpoint has seen it.
func TestTheClockIsAskedAboutNow(t *testing.T) {
	s := tell().pass(400 * day)
	s.now.At = s.now.At.Add(3650 * day)
	line := s.read(99)
	require.Equal(t, []string{Jumped}, kinds(line.questions))
	m, ok := line.cut(365)
	require.True(t, ok)
	require.Equal(t, s.marks[0].Seq, m.Seq, "and nothing ages by it")
}

// threat U4: what is confirmed ages by the machine's own clock, whatever the wall says.
func TestAgeIsWhatBothClocksSay(t *testing.T) {
	for name, tc := range map[string]struct {
		story *story
		want  int64 // the mark that is old enough for 365 days, 0 for none
	}{
		"a day short":              {tell().pass(364 * day), 0},
		"to the moment":            {tell().pass(365 * day), 1},
		"the newest of them":       {tell().pass(day).pass(day).pass(364 * day), 2},
		"ten years in a moment":    {tell().move(3650*day, time.Minute).pass(day), 0},
		"set back a year":          {tell().pass(400*day).move(-365*day, time.Minute), 0},
		"born in the past":         {tell().move(3650*day, time.Minute).pass(366 * day), 2},
		"off for a confirmed year": {tell().boot(400*day, time.Minute), 1},
		"a future that was undone": {tell().pass(day).move(3650*day, time.Minute).move(-3650*day, time.Minute).pass(366 * day), 4},
	} {
		t.Run(name, func(t *testing.T) {
			line := tc.story.read(1000)
			m, ok := line.cut(365)
			require.Equal(t, tc.want > 0, ok)
			require.Equal(t, tc.want, m.Number)
			_, ok = line.cut(0)
			require.False(t, ok, "0 is for ever")
		})
	}
}

func TestWhatIsLeftBetweenSpans(t *testing.T) {
	for name, tc := range map[string]struct {
		last       int64
		gone, held []span
		want       []span
	}{
		"nothing there":      {last: 0},
		"all":                {last: 9, want: []span{{1, 9}}},
		"a beginning gone":   {last: 9, gone: []span{{1, 4}}, want: []span{{5, 9}}},
		"all gone":           {last: 9, gone: []span{{1, 4}, {5, 12}}},
		"holes":              {last: 9, held: []span{{3, 3}, {5, 6}}, want: []span{{1, 2}, {4, 4}, {7, 9}}},
		"both, and in turns": {last: 20, gone: []span{{1, 4}, {8, 9}}, held: []span{{5, 5}, {7, 7}, {12, 30}}, want: []span{{6, 6}, {10, 11}}},
		"one in the other":   {last: 9, gone: []span{{2, 8}}, held: []span{{3, 4}}, want: []span{{1, 1}, {9, 9}}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tc.want, without(tc.last, tc.gone, tc.held)) })
	}
	require.Equal(t, []span{{1, 3}, {5, 5}}, extend(extend(extend(extend([]span{{1, 1}}, 2), 3), 3), 5))
}

func TestBatches(t *testing.T) {
	batch, left := take([]span{{1, 2}, {5, 9}, {11, 11}}, 4)
	require.Equal(t, []span{{1, 2}, {5, 6}}, batch)
	require.Equal(t, []span{{7, 9}, {11, 11}}, left)
	batch, left = take(left, 100)
	require.Equal(t, []span{{7, 9}, {11, 11}}, batch)
	require.Empty(t, left)
}
