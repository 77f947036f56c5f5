package bench

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// WriteTable writes the report as Markdown, for people and for docs.
func (r *Report) WriteTable(w io.Writer) error {
	var b strings.Builder
	r.head(&b)
	if len(r.Summary) > 0 {
		b.WriteString("\n| clients | verdicts/s, median (lowest to highest round) | p50 ms | p95 ms | p99 ms | model p50 ms | queue p50 ms | around p50 ms | prompt tokens/s | errors | client CPU ms | server CPU ms |\n" +
			"|---|---|---|---|---|---|---|---|---|---|---|---|\n")
		for _, s := range r.Summary {
			s.row(&b)
		}
		b.WriteString("\n")
		for _, note := range r.notes() {
			b.WriteString(note + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

const mebibyte = 1 << 20

func (r *Report) head(b *strings.Builder) {
	where := r.Settings.URL
	if where == "" {
		where = "this program, on a folder of its own"
	}
	fmt.Fprintf(b, "%s of %s. %s, %d cores, load %.1f before, %.1f after.\n", r.Settings.API, where, r.Machine.CPU, r.Machine.Cores, r.Machine.LoadBefore, r.Machine.LoadAfter)
	t := r.Texts
	fmt.Fprintf(b, "Texts: %s, %.0f %% with Chinese, %d / %d / %d characters (p5 / p50 / p95)", t.words(), 100*t.Chinese, t.Characters.P5, t.Characters.P50, t.Characters.P95)
	if t.Repeat > 0 {
		fmt.Fprintf(b, ", %d of them over and over", t.Repeat)
	}
	b.WriteString(".\n")
	for i, s := range r.Start {
		fmt.Fprintf(b, "Start %d: first verdict after %.0f ms; %s.\n", i+1, s.FirstVerdict, s.Memory.words())
	}
	if len(r.Start) > 1 {
		var first []float64
		for _, s := range r.Start {
			first = append(first, s.FirstVerdict)
		}
		m := rateOf(first)
		fmt.Fprintf(b, "First verdict of %d starts: %.0f ms (%.0f to %.0f).\n", len(r.Start), m.Median, m.Lowest, m.Highest)
	}
	if r.End != nil && r.End.Resident > 0 {
		fmt.Fprintf(b, "At the end: %s.\n", r.End.words())
	}
	if slices.ContainsFunc(r.Start, func(s StartReport) bool { return s.Memory.OnTmpfs }) {
		b.WriteString("The folder is in memory (tmpfs): durable commits cost less than on a disk. --scratch DIR names another place.\n")
	}
}

func (t TextsReport) words() string {
	if t.Seed != nil {
		return fmt.Sprintf("generated, seed %d", *t.Seed)
	}
	return fmt.Sprintf("%s, %d distinct", t.Source, t.Distinct)
}

func (m MemoryReport) words() string {
	text := fmt.Sprintf("%d MiB resident (peak %d), %d threads", m.Resident/mebibyte, m.Peak/mebibyte, m.Threads)
	if m.Constant != 0 {
		text += fmt.Sprintf("; %.1f weights + %.1f cache + %.1f for everything else, %.1f of them pages of the program's file", mib(m.Weights), mib(m.Cache), mib(m.Constant), mib(m.File))
	}
	return text
}

func mib(n int64) float64 { return float64(n) / mebibyte }

func (s Summary) row(b *strings.Builder) {
	fmt.Fprintf(b, "| %d | %s (%s to %s) | %.2f | %.2f | %.2f | %s | %s | %s | %s | %d | %.3f | %s |\n", s.Clients,
		rate(s.PerSecond.Median), rate(s.PerSecond.Lowest), rate(s.PerSecond.Highest), s.Latency.P50, s.Latency.P95, s.Latency.P99,
		middle(s.Model), middle(s.Queue), middle(s.Around), known(s.TokensPerSecond.Median, "%.0f"), total(s.Errors)+s.Unsent, s.ClientCPU, known(s.ServerCPU, "%.3f"))
}

// rate writes three significant digits for slow servers and whole numbers for fast ones.
func rate(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func middle(s *Spread) string {
	if s == nil {
		return ""
	}
	return fmt.Sprintf("%.2f", s.P50)
}

func known(v float64, format string) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf(format, v)
}

func total(counts map[string]int) (n int) {
	for _, v := range counts {
		n += v
	}
	return n
}

// notes are what a reader must know before he believes the table.
func (r *Report) notes() []string {
	var notes []string
	for _, s := range r.Summary {
		words := clientsInWords(s.Clients) + ": " + countsInWords(s.Answers)
		if s.Cached > 0 {
			words += fmt.Sprintf("; %d of %d remembered", s.Cached, s.Verdicts)
		}
		if n := total(s.Errors); n > 0 {
			words += "; errors: " + countsInWords(s.Errors)
		}
		if s.Unfinished > 0 {
			words += fmt.Sprintf("; %d texts refused until the round was over", s.Unfinished)
		}
		if s.Unsent > 0 {
			words += fmt.Sprintf("; %d texts were due and never begun: the server does not keep up with --rate, and the percentiles are lower bounds", s.Unsent)
		}
		notes = append(notes, words+".")
	}
	if r.Texts.Repeat == 0 && slices.ContainsFunc(r.Summary, func(s Summary) bool { return s.Cached > 0 }) {
		notes = append(notes, "Some distinct texts were remembered: the server has seen them before. Choose another --seed or --skip.")
	}
	if most := busiest(r.Rounds); most > 0.2*float64(r.Machine.Cores) {
		notes = append(notes, fmt.Sprintf("This program itself took %.2f of %d cores: on another machine the server would have had them.", most, r.Machine.Cores))
	}
	if r.Interrupted {
		notes = append(notes, "Interrupted: the last round is shorter than the others.")
	}
	return notes
}

func clientsInWords(n int) string {
	if n == 1 {
		return "1 client"
	}
	return fmt.Sprintf("%d clients", n)
}

// busiest answers how many cores our own side took in the round where it took most.
func busiest(rounds []Round) (most float64) {
	for _, r := range rounds {
		most = max(most, r.ClientCores)
	}
	return most
}

func countsInWords(counts map[string]int) string {
	var words []string
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("%s x %d", kind, counts[kind]))
	}
	return strings.Join(words, ", ")
}
