package export

import (
	"context"
	"encoding/hex"
	"io"
	"time"

	"github.com/oklog/ulid/v2"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
)

// packFormat is how the log names the export that a pack is.
const packFormat = "evidence"

// BeginPack is Begin of an export of rows between two times, either zero for none, that is part of a larger file. It takes one of the
// places of exports, and its rows are theirs.
func (s *Service) BeginPack(ctx context.Context, p access.Principal, from, to time.Time) (_ *Export, err error) {
	id := "exp_" + ulid.Make().String()
	pass, err := s.d.Guard.Enter(ctx, p, access.Op{Action: access.AuditExport, Resource: target(id)})
	if err != nil {
		return nil, err
	}
	defer pass.Close(&err)
	r := Request{Format: JSONL, Filter: audit.Filter{From: from, To: to}}
	if err := r.check(s.d.Now()); err != nil {
		return nil, err
	}
	if s.d.Ready != nil {
		if err := s.d.Ready(ctx); err != nil {
			return nil, err
		}
	}
	x, err := s.open(ctx, p, pass, id, r, map[string]any{"format": packFormat})
	if err != nil {
		return nil, err
	}
	x.packed = true
	return x, nil
}

// Head answers the end of the chain that the export ends with: its own opening row.
func (x *Export) Head() Head { return x.head }

// Began answers when the export was let in, and By who asked for it.
func (x *Export) Began() time.Time { return x.began }

// By answers the name of whoever asked.
func (x *Export) By() string { return x.p.Name }

// Enclose has fill write the larger file, and leaves its closing row with the sum of that file. What fill gets ends it as it ends an
// export: whoever asked left, may not have it any more, or takes too long. rows writes the export to where it stands in the file.
func (x *Export) Enclose(ctx context.Context, out io.Writer, fill func(ctx context.Context, out io.Writer, rows func(w io.Writer) (Sum, error)) error) (Sum, error) {
	defer x.release()
	var inner Sum
	own := newWriter(ctx, x, out)
	err := fill(ctx, own, func(w io.Writer) (sum Sum, err error) {
		sum, err = x.write(ctx, w)
		inner = sum
		return sum, err
	})
	sum := Sum{Rows: inner.Rows, First: inner.First, Last: inner.Last, Missing: inner.Missing, Bytes: own.sum.Bytes, SHA256: hex.EncodeToString(own.hash.Sum(nil))}
	if err != nil {
		return sum, x.broken(sum, err)
	}
	_, err = x.pass.End(access.Outcome{Details: x.details(sum)}, nil)
	return sum, err
}

// Write is part of io.Writer: what goes out as it is, counted, as long as the export is still allowed.
func (w *writer) Write(part []byte) (int, error) {
	if err := w.allowed(); err != nil {
		return 0, err
	}
	if err := w.send(part); err != nil {
		return 0, err
	}
	w.hash.Write(part)
	w.sum.Bytes += int64(len(part))
	return len(part), nil
}
