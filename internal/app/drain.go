package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// cutPatience is how long requests that are cut may take to write down how they ended.
const cutPatience = 3 * time.Second

// underway counts the requests that handlers work on.
type underway struct{ requests atomic.Int64 }

func (u *underway) of(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.requests.Add(1)
		defer u.requests.Add(-1)
		h.ServeHTTP(w, r)
	})
}

// none waits until there are none and answers how many are left where that takes too long.
func (u *underway) none(within time.Duration) int64 {
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	over := time.After(within)
	for u.requests.Load() > 0 {
		select {
		case <-look.C:
		case <-over:
			return u.requests.Load()
		}
	}
	return 0
}

// drain finishes what every listener accepted, all at the same time. What is not finished when the time is over is cut, which is how
// a server stops and no error: its handlers are waited for a moment, because their rows are theirs to write.
func drain(servers []*http.Server, accepted *underway, grace time.Duration, log *slog.Logger) error {
	// A fresh context, because the one that served has ended.
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	errs := make([]error, len(servers))
	var late atomic.Bool
	var work sync.WaitGroup
	for i, s := range servers {
		work.Go(func() {
			if errs[i] = s.Shutdown(ctx); errors.Is(errs[i], context.DeadlineExceeded) {
				late.Store(true)
				errs[i] = nil
			}
		})
	}
	work.Wait()
	if !late.Load() {
		return errors.Join(errs...)
	}
	cut := accepted.requests.Load()
	for _, s := range servers {
		errs = append(errs, s.Close())
	}
	log.Warn("requests were cut: they took longer than a stop waits", "requests", cut, "waited_s", int(grace.Seconds()), "unfinished", accepted.none(cutPatience))
	return errors.Join(errs...)
}
