package apptest

import (
	"bytes"
	"sync"
)

// Lines keeps what is logged to it while a test reads it. The zero value holds nothing; all methods may be called from any
// goroutine.
type Lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write is io.Writer's.
func (l *Lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String answers all that was written.
func (l *Lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
