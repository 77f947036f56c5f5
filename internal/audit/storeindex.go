package audit

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"guardhouse/internal/db"
)

// The index of words and the sums are made of rows that are in the log already: appending waits for neither. Rows that are
// not in them yet are read themselves.
const (
	// indexBatch is how many rows one transaction takes in: every other writer waits for so long.
	indexBatch = 256
	// indexLag is how many rows may wait while the log grows: fewer and bigger parts make a smaller index.
	indexLag = 1024
)

const (
	indexedSQL = `SELECT seq FROM audit_index`
	unreadSQL  = `SELECT seq, at, decision, actor_id, key_id, actor_name, action, resource, model, reason, rule_id, purpose, operation, ip
		FROM audit_events WHERE seq > ? ORDER BY seq LIMIT ?`
	addWordsSQL = `INSERT INTO audit_search (rowid, words) VALUES (?, ?)`
	addSumSQL   = `INSERT INTO audit_sums (width, at, decision, n, first_seq, last_seq) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (width, at, decision) DO UPDATE SET n = n + excluded.n,
			first_seq = min(first_seq, excluded.first_seq), last_seq = max(last_seq, excluded.last_seq)`
	indexedNowSQL = `UPDATE audit_index SET seq = ? WHERE seq = ?`
	stillSQL      = `SELECT count(*) FROM audit_events WHERE seq BETWEEN ? AND ?`
)

// indexedTo answers the last row that the index of words and the sums hold.
func (l *Log) indexedTo(ctx context.Context) (seq int64, err error) {
	err = l.db.ReadSQL().QueryRowContext(ctx, indexedSQL).Scan(&seq)
	return seq, db.Translate(err)
}

// indexSome takes in what waits up to head, where it is enough or nothing more comes.
func (l *Log) indexSome(ctx context.Context, head int64, rests bool) error {
	known, err := l.indexedTo(ctx)
	if err != nil || head == known || (!rests && head-known < indexLag) {
		return err
	}
	return l.Index(ctx)
}

// Index takes every row that waits into the index of words and the sums, some hundred to a transaction; after each it lets as
// much time pass to others as it took. It ends early with ctx.
func (l *Log) Index(ctx context.Context) error {
	for {
		began := l.db.Now()
		more, err := l.indexNext(ctx)
		if err != nil || !more {
			return err
		}
		pause := time.NewTimer(max(l.db.Now().Sub(began), 0))
		select {
		case <-ctx.Done():
			pause.Stop()
			return nil
		case <-pause.C:
		}
	}
}

// indexNext takes in one batch and says whether there may be another. The words are made before the transaction.
func (l *Log) indexNext(ctx context.Context) (more bool, err error) {
	known, err := l.indexedTo(ctx)
	if err != nil {
		return false, err
	}
	rows, err := l.unread(ctx, known)
	if err != nil || len(rows) == 0 {
		return false, err
	}
	words, sums := make([]string, len(rows)), sumsOf(rows)
	for i, r := range rows {
		words[i] = r.indexed()
	}
	last := rows[len(rows)-1].seq
	err = l.db.Write(func(tx *db.Tx) error {
		var there int
		if err := tx.QueryRow(stillSQL, rows[0].seq, last).Scan(&there); err != nil || there != len(rows) {
			return err // some were removed meanwhile: the next batch is without them
		}
		moved, err := tx.Exec(indexedNowSQL, last, known)
		if err != nil {
			return err
		}
		if n, err := moved.RowsAffected(); err != nil || n == 0 {
			return err // another process was faster
		}
		return addRows(tx, rows, words, sums)
	})
	return err == nil, err
}

func addRows(tx *db.Tx, rows []searchable, words []string, sums map[sumKey]sum) error {
	for i, r := range rows {
		stmt, err := tx.Prepare(addWordsSQL) //nolint:sqlclosecheck // the writer's own, closed with it
		if err != nil {
			return err
		}
		if _, err := stmt.ExecContext(context.Background(), r.seq, words[i]); err != nil {
			return err
		}
	}
	for key, s := range sums {
		stmt, err := tx.Prepare(addSumSQL) //nolint:sqlclosecheck // the writer's own, closed with it
		if err != nil {
			return err
		}
		if _, err := stmt.ExecContext(context.Background(), key.width, key.at, key.decision, s.n, s.first, s.last); err != nil {
			return err
		}
	}
	return nil
}

// unread answers the next rows behind a number, oldest first.
func (l *Log) unread(ctx context.Context, known int64) (out []searchable, err error) {
	found, err := l.db.ReadSQL().QueryContext(ctx, unreadSQL, known, indexBatch)
	if err != nil {
		return nil, db.Translate(err)
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	return scanSearchable(found)
}

func scanSearchable(found *sql.Rows) (out []searchable, err error) {
	for found.Next() {
		var r searchable
		if err := found.Scan(&r.seq, &r.at, &r.decision, &r.actorID, &r.keyID, &r.actorName, &r.action, &r.resource, &r.model, &r.reason,
			&r.ruleID, &r.purpose, &r.operation, &r.ipColumn); err != nil {
			return nil, db.Translate(err)
		}
		out = append(out, r)
	}
	return out, db.Translate(found.Err())
}
