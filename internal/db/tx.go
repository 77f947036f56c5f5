package db

import (
	"context"
	"database/sql"
	"errors"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"
	"gorm.io/gorm"
)

// errGone answers every statement of a member whose transaction no longer exists: run on its own it would commit alone.
var errGone = errors.New("the transaction is gone")

// Tx is one member's part of the writer's transaction. It is dead once the function that got it has returned.
type Tx struct {
	w     *writer
	now   time.Time
	asked time.Time
	dead  bool
	after []func() error
	rows  []*sql.Rows
}

// Now is the transaction's time, stamped once, in UTC and cut to milliseconds.
func (t *Tx) Now() time.Time { return t.now }

// Asked is when the write was asked for, before it waited for the writer.
func (t *Tx) Asked() time.Time { return t.asked }

// Gorm answers a gorm session on the transaction. Contexts given to it are ignored: no request's context reaches SQL.
func (t *Tx) Gorm() *gorm.DB { return t.w.gorm.Session(&gorm.Session{NewDB: true}) }

// Exec runs one statement.
func (t *Tx) Exec(query string, args ...any) (sql.Result, error) {
	if err := t.usable(); err != nil {
		return nil, err
	}
	return t.w.conn.ExecContext(context.Background(), query, args...)
}

// Query runs a query. Its rows are closed when the function returns, at the latest.
func (t *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	if err := t.usable(); err != nil {
		return nil, err
	}
	rows, err := t.w.conn.QueryContext(context.Background(), query, args...)
	if err == nil {
		t.rows = append(t.rows, rows)
	}
	return rows, err
}

// end closes what the function left open and lets nothing more run: an open query would hold the writer's connection to an
// old state of the file, and the first write of another process would then refuse all of ours.
func (t *Tx) end() error {
	t.dead = true
	var errs []error
	for _, r := range t.rows {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}

// QueryRow runs a query for one row.
func (t *Tx) QueryRow(query string, args ...any) *sql.Row {
	if t.usable() != nil {
		return t.w.refusedRow()
	}
	return t.w.conn.QueryRowContext(context.Background(), query, args...)
}

// Prepare answers a statement that lives as long as the writer and is shared by all transactions: never close it, and ask
// for it anew before each use, because the check that the transaction still exists is made here.
func (t *Tx) Prepare(query string) (*sql.Stmt, error) {
	if err := t.usable(); err != nil {
		return nil, err
	}
	return t.w.prepare(query)
}

// AfterCommit has fn called once the transaction is durable, in the goroutine that called Write and before Write returns.
func (t *Tx) AfterCommit(fn func()) {
	t.Then(func() error {
		fn()
		return nil
	})
}

// Then is AfterCommit for what can fail: Write answers its error, and the transaction is durable all the same.
func (t *Tx) Then(fn func() error) { t.after = append(t.after, fn) }

// Value answers what SetValue stored under key in this transaction, by this member or one before it in the group.
func (t *Tx) Value(key any) any { return t.w.values[key] }

// SetValue keeps a value for the rest of the transaction. All values are forgotten when any member is rolled back, so they
// may only cache what the tables say.
func (t *Tx) SetValue(key, value any) {
	if t.usable() == nil {
		t.w.values[key] = value
	}
}

// usable refuses a finished member, and one whose transaction SQLite has rolled back under it.
func (t *Tx) usable() error {
	if t.dead || t.w.autocommit() {
		return errGone
	}
	return nil
}

// autocommit says whether the writer's connection is outside any transaction.
func (w *writer) autocommit() bool {
	auto := true
	err := w.conn.Raw(func(c any) error {
		if sc, ok := c.(*sqlite3.SQLiteConn); ok {
			auto = sc.AutoCommit()
		}
		return nil
	})
	return err != nil || auto
}

// refusedRow answers a row whose Scan fails: database/sql has no other way to make one.
func (w *writer) refusedRow() *sql.Row {
	return w.conn.QueryRowContext(context.Background(), "SELECT the_transaction_is_gone")
}

// txPool is what gorm sees of the writer: the current member's transaction, with every context dropped. It can begin
// nothing itself, so gorm's own transactions are refused.
type txPool struct{ w *writer }

func (p txPool) current() (*Tx, error) {
	if p.w.current == nil {
		return nil, errGone
	}
	return p.w.current, p.w.current.usable()
}

// PrepareContext is part of gorm.ConnPool.
func (p txPool) PrepareContext(_ context.Context, query string) (*sql.Stmt, error) {
	if _, err := p.current(); err != nil {
		return nil, err
	}
	return p.w.conn.PrepareContext(context.Background(), query)
}

// ExecContext is part of gorm.ConnPool.
func (p txPool) ExecContext(_ context.Context, query string, args ...any) (sql.Result, error) {
	t, err := p.current()
	if err != nil {
		return nil, err
	}
	return t.Exec(query, args...)
}

// QueryContext is part of gorm.ConnPool.
func (p txPool) QueryContext(_ context.Context, query string, args ...any) (*sql.Rows, error) {
	t, err := p.current()
	if err != nil {
		return nil, err
	}
	return t.Query(query, args...)
}

// QueryRowContext is part of gorm.ConnPool.
func (p txPool) QueryRowContext(_ context.Context, query string, args ...any) *sql.Row {
	t, err := p.current()
	if err != nil {
		return p.w.refusedRow()
	}
	return t.QueryRow(query, args...)
}
