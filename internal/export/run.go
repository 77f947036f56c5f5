package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/oklog/ulid/v2"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

const (
	// lookEvery is how often schedules are asked whether their time has come; other processes add some.
	lookEvery = 20 * time.Second
	// A run that failed is tried again after a while, and less and less often.
	retryFirst = 5 * time.Minute
	retryLast  = 6 * time.Hour
)

// Run makes scheduled exports until ctx ends. A run that was missed, because the server or the folder was away, is made up for
// by one file.
func (s *Service) Run(ctx context.Context) {
	if err := s.Settle(ctx); err != nil && ctx.Err() == nil {
		s.d.Logger.WarnContext(ctx, "looking for exports without their name", "err", err)
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := s.RunDue(ctx); err != nil && ctx.Err() == nil {
			s.d.Logger.ErrorContext(ctx, "running scheduled exports", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Settle gives the newest file of each schedule its name, where the server was stopped between the row and the name.
func (s *Service) Settle(ctx context.Context) error {
	rows, err := list(s.d.DB.Read(ctx))
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range rows {
		if r.LastFile == "" {
			continue
		}
		p, err := s.openPlace(r.Name)
		if err == nil {
			err = errors.Join(p.tidy(r.LastFile), p.close())
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// RunDue makes the exports whose time has come. What fails is noted with the schedule and tried again later.
func (s *Service) RunDue(ctx context.Context) error {
	rows, err := due(ctx, s.d.DB, s.d.Now())
	if err != nil {
		return err
	}
	for _, r := range rows {
		if len(s.turns) == cap(s.turns) {
			return nil // others are exporting: it waits for its turn, and is asked for again soon
		}
		err := s.runOne(ctx, r)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			continue
		}
		s.d.Logger.WarnContext(ctx, "a scheduled export failed", "schedule", r.ID, "err", err)
		if err := failed(s.d.DB, r, whyFailed(err), backOff(r.Failures)); err != nil {
			return fmt.Errorf("schedule %s: %w", r.ID, err)
		}
	}
	return nil
}

func whyFailed(err error) string {
	if why := WhyOf(err); why != "" {
		return why
	}
	return WhyBroken
}

func backOff(failures int) time.Duration { return min(retryFirst<<min(failures, 8), retryLast) }

// runOne makes one file. Its rows in the log are those of any export; a folder where it cannot write leaves one too.
func (s *Service) runOne(ctx context.Context, r row) (err error) {
	req, err := r.request()
	if err != nil {
		return err
	}
	id, by := "exp_"+ulid.Make().String(), access.Server("exports")
	pass, err := s.d.Guard.Enter(ctx, by, access.Op{Action: access.AuditExport, Resource: target(id)})
	if err != nil {
		return err
	}
	defer pass.Close(&err)
	p, err := s.ready(r)
	if err != nil {
		return s.refused(ctx, pass, r, err)
	}
	defer func() { err = errors.Join(err, p.close()) }()
	x, err := s.open(ctx, by, pass, id, req, map[string]any{"schedule": r.ID})
	if err != nil {
		return err
	}
	defer x.release()
	return s.fill(ctx, x, r, p)
}

// ready answers the schedule's folder, with nothing half done in it.
func (s *Service) ready(r row) (place, error) {
	p, err := s.openPlace(r.Name)
	if err != nil {
		return place{}, err
	}
	if err := p.tidy(r.LastFile); err != nil {
		return place{}, errors.Join(err, p.close())
	}
	return p, nil
}

// refused leaves the row of a run that could not begin, and answers why.
func (s *Service) refused(ctx context.Context, pass *access.Pass, r row, why error) error {
	_, err := pass.Commit(ctx, access.Outcome{
		Decision: audit.Error, Reason: reasonFailed,
		Details: map[string]any{"schedule": r.ID, "code": string(fault.CodeOf(why)), "why": whyFailed(why)},
	}, nil)
	return errors.Join(why, err)
}

// fill writes the file, then its row and the schedule's place in one transaction, then its name.
func (s *Service) fill(ctx context.Context, x *Export, r row, p place) error {
	name := fmt.Sprintf("%s%012d-%012d.%s", filePrefix, r.AfterSeq+1, x.head.Seq, x.Format)
	sum, err := x.toFile(ctx, p, name)
	if err != nil {
		return x.broken(sum, err)
	}
	details := x.details(sum)
	details["schedule"], details["file"] = r.ID, name
	_, err = x.pass.End(access.Outcome{Details: details}, func(tx *db.Tx, _ audit.Event) error {
		return exported(tx, r, name, x, sum, next(Every(r.Every), r.AtMinute, s.d.Now()))
	})
	if err != nil {
		return err
	}
	return p.name(name)
}

func (x *Export) toFile(ctx context.Context, p place, name string) (sum Sum, err error) {
	f, err := p.create(name)
	if err != nil {
		return Sum{}, err
	}
	sum, err = x.write(ctx, &file{f, x.s.d.DiskLow})
	if err == nil {
		err = written(f.Sync())
	}
	err = errors.Join(err, written(f.Close()))
	if err == nil {
		err = p.sync() // the row that follows says that the file is there, and a power cut must not deny it
	}
	if err != nil {
		err = errors.Join(err, p.root.Remove(name+partSuffix))
	}
	return sum, err
}

// file is a place on disk. It leaves the room that the log itself needs.
type file struct {
	f   *os.File
	low func() bool
}

// Disk answers a file as exports write into it: what fails there is said as what it is, and the room that the log needs is left.
func (s *Service) Disk(f *os.File) io.Writer { return &file{f, s.d.DiskLow} }

// Write is part of io.Writer.
func (f *file) Write(p []byte) (int, error) {
	if f.low != nil && f.low() {
		return 0, fault.Wrap(&whyError{WhyFull}, fault.Unprocessable, "There is no room for the export.")
	}
	n, err := f.f.Write(p)
	return n, written(err)
}
