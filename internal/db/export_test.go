package db

import (
	"context"
	"database/sql"
	"time"
)

// Waiting answers how many writes are queued behind the running group.
func (d *DB) Waiting() int {
	d.writer.mu.Lock()
	defer d.writer.mu.Unlock()
	return len(d.writer.queue)
}

// Interrupted runs a statement under a context that ends while it runs: what a request's context would do, did it reach SQL.
func (t *Tx) Interrupted(query string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	_, err := t.w.conn.ExecContext(ctx, query)
	return err
}

// WriterConn lends the writer's connection to a test; no write may run meanwhile.
func (d *DB) WriterConn() *sql.Conn { return d.writer.conn }

// Pragmas lists what every connection must answer.
func Pragmas() map[string]string { return pragmas() }
