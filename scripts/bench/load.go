package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

type sample struct {
	whole time.Duration
	timings
}

type result struct {
	perSecond float64
	samples   []sample
}

// load runs n clients for a while, each with one request in flight, over texts that no request repeats
// within a round, or over s.repeat texts. It answers the rate and every sample.
func load(ctx context.Context, srv *server, n int, s settings, texts []string, first int) (result, int, error) {
	var (
		next   atomic.Int64
		mu     sync.Mutex
		all    []sample
		failed error
		wg     sync.WaitGroup
	)
	began := time.Now()
	for range n {
		wg.Go(func() {
			var mine []sample
			for time.Since(began) < s.seconds {
				i := int(next.Add(1)) - 1 + first
				if s.repeat > 0 {
					i %= s.repeat
				}
				text := fmt.Sprintf("%s (%d)", texts[i%len(texts)], i)
				at := time.Now()
				t, err := srv.judge(ctx, text)
				if err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
					return
				}
				mine = append(mine, sample{whole: time.Since(at), timings: t})
			}
			mu.Lock()
			all = append(all, mine...)
			mu.Unlock()
		})
	}
	wg.Wait()
	return result{perSecond: float64(len(all)) / time.Since(began).Seconds(), samples: all}, int(next.Load()), failed
}

func table(n int, rounds []result) string {
	var (
		rates                       []float64
		whole, model, queue, around []float64
	)
	for _, r := range rounds {
		rates = append(rates, r.perSecond)
		for _, s := range r.samples {
			ms := s.whole.Seconds() * 1000
			whole, model, queue = append(whole, ms), append(model, s.ModelMS), append(queue, s.QueueMS)
			around = append(around, ms-s.ModelMS-s.QueueMS)
		}
	}
	slices.Sort(rates)
	return fmt.Sprintf("| %d | %.0f (%.0f to %.0f) | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f |", n,
		rates[len(rates)/2], rates[0], rates[len(rates)-1],
		at(whole, 0.5), at(whole, 0.95), at(whole, 0.99), at(model, 0.5), at(queue, 0.5), at(around, 0.5))
}

func at(values []float64, share float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[min(int(share*float64(len(values))), len(values)-1)]
}

// loadTexts answers the lines of a file, or our own sentences of chat length in both languages.
func loadTexts(file string) ([]string, error) {
	if file == "" {
		return sentences(), nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var texts []string
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if lines.Text() != "" {
			texts = append(texts, lines.Text())
		}
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("%s holds no text", file)
	}
	return texts, lines.Err()
}

func sentences() []string {
	subjects := []string{"the loan officer", "a patient in ward three", "my neighbour", "our branch manager", "the night nurse", "一位住院患者", "支行经理", "我的同事"}
	acts := []string{"asked how to reset a forgotten card code before the weekend and which papers to bring along", "wants a short summary of yesterday's report with the three most important figures first", "询问如何办理跨行转账，需要准备哪些材料，以及大约多久到账", "would like to know what the words on the discharge letter mean and whom to call with questions", "想了解这份检查报告里的指标是什么意思，是否需要复查"}
	var all []string
	for _, s := range subjects {
		for _, a := range acts {
			all = append(all, s+" "+a)
		}
	}
	return all
}
