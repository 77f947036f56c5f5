package bench

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Two rounds of four clients: what a reader is told, to the letter.
func TestTheTableToTheLetter(t *testing.T) {
	r := newReport(Options{URL: "https://localhost:8443", API: Moderations, Texts: Generated(1), Clients: []int{4}, Rounds: 2, Duration: time.Second})
	r.Machine = Machine{CPU: "A Processor", Cores: 2, LoadBefore: 0.25, LoadAfter: 1.5}
	for n, ms := range []int{10, 20} {
		round := Round{Clients: 4, Number: n + 1, Seconds: 1, Errors: map[string]int{}, Answers: map[string]int{}}
		for i := range 100 {
			round.samples = append(round.samples, sample{
				at: time.Second, took: time.Duration(ms+i/10) * time.Millisecond, model: 4, queue: 1, prompt: 50, label: safe, timed: true, cached: n == 1 && i < 5,
			})
		}
		round.add(spent{client: 5 * time.Millisecond, server: 600 * time.Millisecond}, false)
		r.Rounds = append(r.Rounds, round)
	}
	r.Rounds[1].Errors["503"], r.Rounds[1].Errors["timeout"] = 2, 1
	r.close(nil)
	r.Machine.LoadAfter = 1.5
	var out bytes.Buffer
	require.NoError(t, r.WriteTable(&out))
	require.Equal(t, `moderations of https://localhost:8443. A Processor, 2 cores, load 0.2 before, 1.5 after.
Texts: generated, seed 1, 52 % with Chinese, 33 / 100 / 273 characters (p5 / p50 / p95).

| clients | verdicts/s, median (lowest to highest round) | p50 ms | p95 ms | p99 ms | model p50 ms | queue p50 ms | around p50 ms | prompt tokens/s | errors | client CPU ms | server CPU ms |
|---|---|---|---|---|---|---|---|---|---|---|---|
| 4 | 100 (100 to 100) | 19.00 | 28.00 | 29.00 | 4.00 | 1.00 | 14.00 | 5000 | 3 | 0.050 | 6.000 |

4 clients: Safe x 200; 5 of 200 remembered; errors: 503 x 2, timeout x 1.
Some distinct texts were remembered: the server has seen them before. Choose another --seed or --skip.
`, out.String())
	require.Equal(t, "timeout x 1", r.Failed())
}

func TestRatesAreWrittenAsPreciselyAsTheyAre(t *testing.T) {
	for v, want := range map[float64]string{0.654: "0.65", 12.34: "12.3", 345.6: "346", 2661: "2661"} {
		require.Equal(t, want, rate(v))
	}
}

func BenchmarkRequestAndAnswer(b *testing.B) {
	d, err := newDialect(Options{API: Moderations})
	require.NoError(b, err)
	texts, body := Generated(1), []byte(nil)
	b.ReportAllocs()
	for i := uint64(0); b.Loop(); i++ {
		if body, err = d.body(body[:0], texts.at(i)); err != nil {
			b.Fatal(err)
		}
		var a answer
		if err := d.read([]byte(oneVerdict), &a); err != nil {
			b.Fatal(err)
		}
	}
}
