package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
)

const (
	// downloadsAtOnce is how many files go out at a time: each takes of the disk that models are loaded from.
	downloadsAtOnce = 4
	// longestDownload ends one whose reader takes a block now and then and would hold his place for days.
	longestDownload = 4 * time.Hour
	// downloadBlock is about how much goes out in one write.
	downloadBlock = 1 << 20
)

// Download is a file that was let out: its opening row is durable, and it has one of the places. Whoever has it calls Write, or
// Abandon where nothing will be written.
type Download struct {
	Model Model
	s     *Service
	pass  *access.Pass
	file  *File
	still access.Still
}

// Download lets a holder of model.view whom a rule gives download have the model's file, and leaves the opening row. It refuses
// what the gate refuses, a file that is not as it was imported as far as can be seen before it is read (Unprocessable), and a fifth
// download at a time (Busy). still is asked while it goes on.
func (s *Service) Download(ctx context.Context, p access.Principal, id string, still access.Still) (_ *Download, err error) {
	op := access.Op{Action: access.ModelView, Operation: access.Download}
	m, err := s.byID(ctx, id)
	switch {
	case fault.CodeOf(err) == fault.NotFound:
		op.Unknown = true
		if ValidID(id) { // else it is any text, which has no place in a row
			op.Model = id
		}
	case err != nil:
		return nil, err
	default:
		op.Model, op.ModelSHA256, op.Resource = m.ID, m.SHA256, "model:"+m.ID
	}
	pass, err := s.guard.Enter(ctx, p, op)
	if err != nil {
		return nil, err
	}
	opened := false
	defer func() {
		if !opened {
			pass.Close(&err)
		}
	}()
	if op.Unknown { // the gate refuses these itself; never go on without a model
		return nil, unknown()
	}
	d := &Download{Model: m, s: s, pass: pass, still: still}
	if err := d.open(ctx); err != nil {
		return nil, err
	}
	opened = true
	return d, nil
}

func (s *Service) byID(ctx context.Context, id string) (Model, error) {
	all, err := s.All(ctx)
	if err != nil {
		return Model{}, err
	}
	if m, ok := find(all, func(m Model) bool { return m.ID == id }); ok {
		return m, nil
	}
	return Model{}, unknown()
}

// open takes a place and the descriptor, and writes the opening row.
func (d *Download) open(ctx context.Context) (err error) {
	select {
	case d.s.downloads <- struct{}{}:
	default:
		return fault.Newf(fault.Busy, "%d models are being downloaded. Wait until one is done.", downloadsAtOnce).WithRetry(time.Minute)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.release())
		}
	}()
	if d.file, err = d.s.open(d.Model); err != nil {
		return err
	}
	info, err := d.file.Stat()
	if err != nil {
		return fault.Wrap(err, fault.Unprocessable, "the model's file cannot be read")
	}
	if info.Size() != d.Model.SizeBytes {
		return fault.Wrap(errChanged, fault.Unprocessable, "the model's file is not the one that was imported: its size differs")
	}
	_, err = d.pass.Open(ctx, access.Outcome{Details: map[string]any{"change": "begin", "size_bytes": d.Model.SizeBytes}})
	return err
}

func (d *Download) release() error {
	<-d.s.downloads
	if d.file == nil {
		return nil
	}
	return d.file.Close()
}

// Abandon ends a download of which nothing was written, for a reason that its row tells.
func (d *Download) Abandon(why error) error {
	return errors.Join(d.end(0, why), d.release())
}

// Write writes the file and leaves the closing row. The last block leaves only when everything had the model's hash and the row is
// durable: nobody ever holds another file of that length. It ends early when the caller leaves, may not have it any more, or takes hours.
func (d *Download) Write(ctx context.Context, out io.Writer) (err error) {
	defer func() { err = errors.Join(err, d.release()) }()
	ctx, cancel := context.WithTimeoutCause(ctx, longestDownload, fault.New(fault.Timeout, "The download took too long."))
	defer cancel()
	ctx, stop := d.pass.While(ctx, d.still)
	defer stop()
	sent, last, err := d.most(ctx, out)
	if err = d.end(sent+int64(len(last)), err); err != nil {
		return err
	}
	return taken(out.Write(last))
}

// most writes all but the last block, and answers that once the hash of everything is right.
func (d *Download) most(ctx context.Context, out io.Writer) (sent int64, last []byte, err error) {
	h := sha256.New()
	block, held := make([]byte, downloadBlock), make([]byte, 0, downloadBlock)
	for at := int64(0); ; {
		if ctx.Err() != nil {
			return sent, nil, context.Cause(ctx)
		}
		n, err := d.file.ReadAt(block, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return sent, nil, fault.Wrap(err, fault.Unprocessable, "the model's file cannot be read")
		}
		if n == 0 {
			return sent, held, d.whole(h, at)
		}
		if at+int64(n) > d.Model.SizeBytes { // it grew: what is held could be the last that the reader waits for
			return sent, nil, errOther()
		}
		if err := taken(out.Write(held)); err != nil {
			return sent, nil, err
		}
		_, _ = h.Write(block[:n]) // a hash never refuses
		at, sent = at+int64(n), sent+int64(len(held))
		held = append(held[:0], block[:n]...)
	}
}

func (d *Download) whole(h hash.Hash, size int64) error {
	if size != d.Model.SizeBytes || hex.EncodeToString(h.Sum(nil)) != d.Model.SHA256 {
		return errOther()
	}
	return nil
}

func errOther() error {
	return fault.Wrap(errChanged, fault.Unprocessable, "the model's file is not the one that was imported: its SHA-256 differs")
}

// taken says that a reader who does not take a block has left, whatever the network calls it.
func taken(_ int, err error) error {
	if err == nil {
		return nil
	}
	return fault.Wrap(err, fault.Canceled, "the download was not taken")
}

// end leaves the closing row, and answers why, or that the row could not be written.
func (d *Download) end(sent int64, why error) error {
	o := access.Outcome{Details: map[string]any{"change": "end", "bytes": sent}}
	if why != nil {
		code := fault.CodeOf(why)
		o.Decision, o.Reason, o.Details["code"] = audit.Error, "failed", string(code)
		if code == fault.Canceled {
			o.Reason = "canceled"
		}
	}
	if _, err := d.pass.End(o, nil); err != nil {
		return err
	}
	return why
}
