// Command bench measures a built guardhouse from outside: time to the first verdict, memory, and
// verdicts per second with their latency over HTTPS with a key, the gate and the durable audit. Each
// answer carries the model's own milliseconds, so the cost of everything around the forward pass is
// read from the same requests. It prints one Markdown table.
//
//	go run ./scripts/bench -bin bin/guardhouse -clients 1,4,16 -seconds 10s
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

type settings struct {
	bin, texts string
	clients    []int
	seconds    time.Duration
	rounds     int
	repeat     int
}

func main() {
	var s settings
	clients := flag.String("clients", "1,4,16", "numbers of clients at once")
	flag.StringVar(&s.bin, "bin", "bin/guardhouse", "the program to measure")
	flag.StringVar(&s.texts, "texts", "", "a file with one text a line (default: our own sentences)")
	flag.DurationVar(&s.seconds, "seconds", 10*time.Second, "length of one measurement")
	flag.IntVar(&s.repeat, "repeat", 0, "how many texts are sent over and over, so that verdicts are remembered (default: every text is new)")
	flag.IntVar(&s.rounds, "rounds", 3, "interleaved rounds")
	flag.Parse()
	for _, n := range strings.Split(*clients, ",") {
		v, err := strconv.Atoi(n)
		if err != nil || v < 1 {
			fail(fmt.Errorf("-clients wants numbers, not %q", n))
		}
		s.clients = append(s.clients, v)
	}
	if err := run(context.Background(), s); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

func run(ctx context.Context, s settings) error {
	texts, err := loadTexts(s.texts)
	if err != nil {
		return err
	}
	srv, err := start(ctx, s.bin, texts[0])
	if err != nil {
		return err
	}
	defer srv.stop()
	fmt.Printf("start to first verdict over HTTPS: %.0f ms; memory after it: %d MiB\n\n", srv.firstVerdict.Seconds()*1000, srv.rss())
	rows := map[int][]result{}
	next := 0
	for range s.rounds {
		for _, n := range s.clients {
			r, used, err := load(ctx, srv, n, s, texts, next)
			if err != nil {
				return err
			}
			next += used
			rows[n] = append(rows[n], r)
		}
	}
	fmt.Println("| clients | verdicts/s | latency p50 ms | p95 ms | p99 ms | model p50 ms | queue p50 ms | around the model p50 ms |")
	fmt.Println("|---|---|---|---|---|---|---|---|")
	for _, n := range s.clients {
		fmt.Println(table(n, rows[n]))
	}
	fmt.Printf("\nmemory at the end: %d MiB\n", srv.rss())
	return nil
}
