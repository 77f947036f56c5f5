package llamacpp

import (
	"sync/atomic"
	"time"
)

// A person looks at a load a few times a second; nobody looks closer.
const (
	watchEvery = 100 * time.Millisecond
	watchWhole = 10000 // what done counts in
)

// watch tells how far something is that counts in done, whenever that has moved, until the answered function is called. The
// function tells where it ended and waits: told is not called after it. It is called by one goroutine at a time.
func watch(done *int32, told func(float64)) (end func()) {
	if told == nil {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		last := int32(0)
		for over := false; !over; {
			select {
			case <-tick.C:
			case <-stop:
				over = true
			}
			if now := atomic.LoadInt32(done); now > last {
				last = now
				told(float64(now) / watchWhole)
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}
