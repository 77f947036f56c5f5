package retention

import "time"

const (
	// jump is how far the wall clock may come apart from the machine's own before somebody has to explain it: an hour is more
	// than any correction by a time server, and less than anything that would age a row by a day.
	jump = time.Hour
	// offTotal is for how long the machine may have been off in short stretches together: a reboot a day for a year.
	offTotal = day
	// maxQuestions bounds what one confirmation is about.
	maxQuestions = 20
)

// What can be asked about the clock.
const (
	// Jumped: the wall clock moved by more than an hour against the time since the machine started.
	Jumped = "jumped"
	// Gap: more than an hour passed, by the wall clock, while the machine was off.
	Gap = "gap"
	// Gaps: several stretches of being off come to more than a day together.
	Gaps = "gaps"
	// Moved: the log goes on on another machine, more than an hour later.
	Moved = "moved"
	// Back: the clock is more than an hour behind the last checkpoint before the machine started.
	Back = "back"
)

// mark is a checkpoint as a moment on two clocks: At by the wall, Up since the start of the machine that Boot names.
type mark struct {
	Number, Seq int64
	At          time.Time
	Boot        string
	Up          time.Duration
}

// Question is what has to be confirmed: between Before and After the clock moved by By that nothing explains.
type Question struct {
	Kind          string
	Before, After time.Time
	By            time.Duration
	Number        int64 // of the checkpoint after it, 0 for the present moment
}

// timeline says how much time surely passed between marks, and what is unexplained in them.
type timeline struct {
	marks     []mark
	elapsed   []time.Duration // since the first mark, never less than what the machine itself counted
	questions []Question
}

// read compares each mark with the one before it. What is up to the confirmed number was explained by somebody. now is the present
// moment, which only asks: nothing ages by it.
func read(marks []mark, confirmed int64, now mark) timeline {
	t := timeline{marks: marks, elapsed: make([]time.Duration, len(marks))}
	var sum suspicion
	for i := 1; i < len(marks); i++ {
		t.elapsed[i] = t.elapsed[i-1] + step(marks[i-1], marks[i])
		if marks[i].Number <= confirmed {
			continue
		}
		t.ask(sum.add(marks[i-1], marks[i]))
	}
	if n := len(marks); n > 0 {
		t.ask(sum.add(marks[n-1], now))
	}
	return t
}

func (t *timeline) ask(q *Question) {
	if q != nil && len(t.questions) < maxQuestions {
		t.questions = append(t.questions, *q)
	}
}

// step answers how much time surely passed: by the machine's own clock where it ran on, else by the wall's, which somebody
// was asked about where it is much.
func step(a, b mark) time.Duration {
	if a.Boot == b.Boot {
		return max(b.Up-a.Up, 0)
	}
	return max(b.At.Sub(a.At), 0)
}

// suspicion adds up what small steps come to, so that many of them are no way around.
type suspicion struct{ drift, off time.Duration }

// add answers what is to be asked about the time between two marks, nil for nothing.
func (s *suspicion) add(a, b mark) *Question {
	q := Question{Before: a.At, After: b.At, Number: b.Number}
	wall := b.At.Sub(a.At)
	if a.Boot == b.Boot {
		s.drift += wall - (b.Up - a.Up)
		if s.drift.Abs() <= jump {
			return nil
		}
		q.Kind, q.By, s.drift = Jumped, s.drift, 0
		return &q
	}
	off := wall - b.Up // from the last mark to the start of the machine
	switch {
	case wall < -jump:
		q.Kind, q.By = Back, wall
	case off < -jump && wall > jump:
		q.Kind, q.By = Moved, wall
	case off > jump:
		q.Kind, q.By = Gap, off
	default:
		if s.off += max(off, 0); s.off <= offTotal {
			return nil
		}
		q.Kind, q.By, s.off = Gaps, s.off, 0
	}
	return &q
}

// cut answers the newest mark that is at least so many days before the newest of all, by both clocks; ok is false where none is, and
// for 0 days.
func (t *timeline) cut(days int) (m mark, ok bool) {
	n := len(t.marks) - 1
	if days <= 0 || n < 0 {
		return mark{}, false
	}
	keep := time.Duration(days) * day
	for i := n; i >= 0; i-- {
		if t.elapsed[n]-t.elapsed[i] >= keep && t.marks[n].At.Sub(t.marks[i].At) >= keep {
			return t.marks[i], true
		}
	}
	return mark{}, false
}
