package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"gorm.io/gorm"

	"guardhouse/internal/fault"
)

// groupMax is how many writes share one transaction. A sync costs about as much as 64 small inserts, so beyond that a
// bigger group only makes its first member wait longer.
const groupMax = 64

// queueMax bounds the writes that may wait: 64 full groups, a few seconds of a slow disk.
const queueMax = 64 * groupMax

// member is one waiting Write.
type member struct {
	fn    func(*Tx) error
	asked time.Time
	tx    *Tx
	err   error
	done  chan struct{}
}

// writer owns the only connection that writes. Everything below the queue is touched by its goroutine alone.
type writer struct {
	mu      sync.Mutex
	queue   []*member
	closing bool
	wake    chan struct{}
	stopped chan struct{}

	now     func() time.Time
	locked  bool // the last transaction waited for another process's for as long as anybody waits
	pool    *sql.DB
	conn    *sql.Conn
	gorm    *gorm.DB
	counts  *counts
	stmts   map[string]*sql.Stmt
	values  map[any]any
	current *Tx
}

func newWriter(ctx context.Context, path string, now func() time.Time) (*writer, error) {
	w := &writer{
		now: now, wake: make(chan struct{}, 1), stopped: make(chan struct{}),
		stmts: map[string]*sql.Stmt{}, values: map[any]any{}, counts: newCounts(),
		pool: sql.OpenDB(newConnector(path, writing)),
	}
	w.pool.SetMaxOpenConns(1)
	err := w.connect(ctx)
	if err != nil {
		return nil, errors.Join(unopened(err, "the database cannot be opened"), w.pool.Close())
	}
	go w.loop()
	return w, nil
}

func (w *writer) connect(ctx context.Context) error {
	var err error
	if w.conn, err = w.pool.Conn(ctx); err != nil {
		return err
	}
	// gorm asks for the version when it is opened, before there is any transaction: it gets the connection for that.
	if w.gorm, err = openGorm(w.conn); err != nil {
		return err
	}
	w.gorm.ConnPool = txPool{w}
	w.gorm.Statement.ConnPool = txPool{w}
	return nil
}

// write queues fn and waits for the commit of its group.
func (w *writer) write(fn func(*Tx) error) error {
	m := &member{fn: fn, asked: w.now(), done: make(chan struct{})}
	w.mu.Lock()
	switch {
	case w.closing:
		w.mu.Unlock()
		return fault.New(fault.AuditUnavailable, "the server is stopping")
	case len(w.queue) >= queueMax:
		w.mu.Unlock()
		return fault.New(fault.Busy, "too many writes are waiting").WithRetry(time.Second)
	}
	w.queue = append(w.queue, m)
	w.mu.Unlock()
	w.poke()
	<-m.done
	if m.err != nil {
		return m.err
	}
	var err error
	for _, fn := range m.tx.after {
		err = errors.Join(err, fn())
	}
	return err
}

func (w *writer) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// take answers the next group, nil when there is none, and whether the writer is to stop.
func (w *writer) take() (group []*member, stop bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.queue), groupMax)
	group, w.queue = w.queue[:n:n], w.queue[n:]
	if len(w.queue) == 0 {
		w.queue = nil
	}
	return group, w.closing && n == 0
}

// loop runs groups until the writer is closed and nothing waits.
func (w *writer) loop() {
	var group []*member
	defer close(w.stopped)
	// A function that ends the goroutine (runtime.Goexit) must not leave the others waiting for ever.
	defer func() { w.abandon(group) }()
	for {
		var stop bool
		group, stop = w.take()
		switch {
		case stop:
			return
		case len(group) == 0:
			<-w.wake
			continue
		}
		w.runGroup(group)
		for _, m := range group {
			close(m.done)
		}
		group = nil
	}
}

func (w *writer) abandon(group []*member) {
	w.mu.Lock()
	w.closing = true
	group = append(group, w.queue...)
	w.queue = nil
	w.mu.Unlock()
	for _, m := range group {
		m.err = fault.New(fault.AuditUnavailable, "the writer has stopped")
		close(m.done)
	}
}

// runGroup runs all members in one transaction, or each in its own when the shared one was lost.
func (w *writer) runGroup(group []*member) {
	err := w.transaction(group)
	var lost *lostError
	if !errors.As(err, &lost) {
		return
	}
	if len(group) == 1 {
		w.fail(group, lost.verdict())
		return
	}
	for i := range group {
		w.runGroup(group[i : i+1])
	}
}

// lostError says that the shared transaction is gone for a reason that may be one member's alone.
type lostError struct{ cause error }

func (e *lostError) Error() string {
	return fmt.Sprintf("the shared transaction was lost: %v", e.cause)
}
func (e *lostError) Unwrap() error { return e.cause }

// verdict is what the only member of a lost transaction is told.
func (e *lostError) verdict() error {
	if isConstraint(e.cause) {
		return Translate(e.cause)
	}
	return unavailable(e.cause)
}

// transaction leaves an outcome in every member and answers nil, or answers a *lostError and leaves none.
func (w *writer) transaction(group []*member) error {
	clear(w.values)
	began := w.now()
	if err := w.begin(); err != nil {
		w.rollback()
		w.fail(group, unavailable(err))
		return nil
	}
	now := w.now().UTC().Truncate(time.Millisecond)
	if len(group) == 1 {
		return w.alone(group[0], now, began)
	}
	for _, m := range group {
		if err := w.runMember(m, now); err != nil {
			w.rollback()
			return &lostError{err}
		}
	}
	return w.commit(group, began)
}

// begin takes the database's write lock. Once it was waited for in vain, those behind wait a tenth as long: each would else be
// told after as many turns of the whole time as there are groups before him. The first that gets it ends that.
func (w *writer) begin() error {
	err := w.control("BEGIN IMMEDIATE")
	if locked := isBusy(err); locked != w.locked && (locked || err == nil) {
		wait := busyTimeoutMS
		if locked {
			wait = impatientMS
		}
		if perr := w.exec("PRAGMA busy_timeout = " + strconv.Itoa(wait)); perr != nil {
			return errors.Join(err, perr)
		}
		w.locked = locked
	}
	return err
}

// alone runs the only member of a group without a savepoint: the transaction itself is what is undone, and SQLite need
// not copy every page before it is changed.
func (w *writer) alone(m *member, now, began time.Time) error {
	gone := w.call(m, now)
	if gone == nil && m.err == nil {
		return w.commit([]*member{m}, began)
	}
	w.rollback()
	if gone != nil {
		return &lostError{gone}
	}
	m.err = Translate(m.err)
	return nil
}

// commit makes the transaction durable; what it leaves and answers is as transaction says.
func (w *writer) commit(group []*member, began time.Time) error {
	err := w.control("COMMIT")
	if err == nil {
		w.counts.seconds.Observe(max(w.now().Sub(began), 0).Seconds())
		w.counts.groups.Observe(float64(len(group)))
		return nil
	}
	w.rollback()
	// A constraint checked at COMMIT is some member's fault, not the disk's: find whose.
	if isConstraint(err) {
		return &lostError{err}
	}
	w.fail(group, unavailable(err))
	return nil
}

// runMember runs one function in its own savepoint. It answers an error only when the transaction itself is unusable.
func (w *writer) runMember(m *member, now time.Time) error {
	if err := w.control("SAVEPOINT member"); err != nil {
		return err
	}
	if err := w.call(m, now); err != nil {
		return err
	}
	if m.err != nil {
		clear(w.values)
		m.err = Translate(m.err)
		if err := w.exec("ROLLBACK TO member"); err != nil {
			return err
		}
	}
	return w.control("RELEASE member")
}

// call runs one function and leaves its error in the member. It answers an error only when the transaction itself is gone.
func (w *writer) call(m *member, now time.Time) error {
	m.tx = &Tx{w: w, now: now, asked: m.asked}
	w.current = m.tx
	m.err = call(m.fn, m.tx)
	w.current = nil
	m.err = errors.Join(m.err, m.tx.end())
	if w.autocommit() {
		return errors.Join(errGone, m.err)
	}
	return nil
}

// call turns a panic into an error: the writer serves everybody.
func call(fn func(*Tx) error, tx *Tx) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fault.Wrap(fmt.Errorf("panic in a write: %v", r), fault.Internal, "something went wrong on our side")
		}
	}()
	return fn(tx)
}

// fail gives all members one error, and counts where it was the disk's.
func (w *writer) fail(group []*member, err error) {
	if fault.CodeOf(err) == fault.AuditUnavailable {
		w.counts.failed.Add(1)
	}
	for _, m := range group {
		m.err = err
	}
}

func (w *writer) exec(query string) error {
	_, err := w.conn.ExecContext(context.Background(), query)
	return err
}

// control runs a statement that every group needs: it is parsed once.
func (w *writer) control(query string) error {
	stmt, err := w.prepare(query) //nolint:sqlclosecheck // the writer's own, closed with it
	if err != nil {
		return err
	}
	_, err = stmt.ExecContext(context.Background())
	return err
}

// rollback ends whatever transaction is left; there may be none.
func (w *writer) rollback() {
	clear(w.values)
	if !w.autocommit() {
		_ = w.exec("ROLLBACK") // it fails only where there is nothing to undo
	}
}

func (w *writer) prepare(query string) (*sql.Stmt, error) {
	if s := w.stmts[query]; s != nil {
		return s, nil
	}
	s, err := w.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	w.stmts[query] = s
	return s, nil
}

// close refuses new writes, finishes the waiting ones and closes the connection.
func (w *writer) close() error {
	w.mu.Lock()
	w.closing = true
	w.mu.Unlock()
	w.poke()
	<-w.stopped
	errs := make([]error, 0, len(w.stmts)+2)
	for _, s := range w.stmts {
		errs = append(errs, s.Close())
	}
	errs = append(errs, w.conn.Close(), w.pool.Close())
	return errors.Join(errs...)
}
