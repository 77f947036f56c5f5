package app

import (
	"context"
	"path/filepath"
	"time"

	"guardhouse/internal/audit"
	"guardhouse/internal/checkpoint"
	"guardhouse/internal/config"
	"guardhouse/internal/doctor"
	"guardhouse/internal/export"
	"guardhouse/internal/overview"
	"guardhouse/internal/proof"
)

// tombstonesAtOnce is how many notes of rows that are gone are read at a time.
const tombstonesAtOnce = 200

// openExport builds what writes the log out. Its folder lies outside of all that the server keeps for itself.
func (a *App) openExport() {
	c := a.Config
	a.Export = export.New(export.Deps{
		DB: a.DB, Guard: a.Guard, Log: a.Audit, Span: a.span, Ready: a.keyed, Still: a.Auth.Recheck, Folder: c.ExportDir, Kept: keptFolders(c), Loose: doctor.Loose,
		DiskLow: a.diskLow, Now: a.now, Logger: a.log,
		Prover: export.Prover{Install: a.Checkpoints.Install, Sign: a.Checkpoints.Sign, Notes: a.notes},
	})
}

// keptFolders are those of the server itself.
func keptFolders(c *config.Config) []string {
	kept := []string{c.Data, c.ModelsDir, checkpoint.KeyDir(c.Data, c.AuditKeyDir), checkpoint.AnchorDir(c.Data, c.Anchor)}
	for _, file := range []string{c.TLSKey, c.TLSCert, c.JWTSecretFile, c.JWTSecretPreviousFile, c.ACLFile, c.LogFile} {
		if file != "" {
			kept = append(kept, filepath.Dir(file))
		}
	}
	return kept
}

// notes hands over what rows need to be checked: keys and checkpoints, and tombstones of what is gone between them.
func (a *App) notes(ctx context.Context, first, last int64, each func(kind string, note []byte) error) error {
	if err := a.Checkpoints.Notes(ctx, first, last, func(kind, note string) error { return each(kind, []byte(note)) }); err != nil {
		return err
	}
	for after := int64(0); ; {
		list, err := a.Audit.Tombstones(ctx, after, tombstonesAtOnce)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, t := range list {
			if after = t.Last; t.Last+1 < first {
				continue
			}
			if t.First > last {
				return nil
			}
			if err := each("tombstone", []byte(t.Note)); err != nil {
				return err
			}
		}
	}
}

// keyed writes the first checkpoint of a log that has none, which brings its first key.
func (a *App) keyed(ctx context.Context) error {
	keys, err := a.Checkpoints.Keys(ctx)
	if err != nil || len(keys) > 0 {
		return err
	}
	return a.Checkpoints.Write(ctx, proof.CauseManual)
}

// span widens rows to the tombstones whose rows were of a time. Without either it is the place where they would be.
func (a *App) span(ctx context.Context, from, to time.Time, first, last int64) (int64, int64, error) {
	if first == 0 && !from.IsZero() {
		_, before, err := a.Audit.Bounds(ctx, audit.Filter{To: from})
		if err != nil {
			return 0, 0, err
		}
		first, last = before+1, before
	}
	for after := int64(0); ; {
		list, err := a.Audit.Tombstones(ctx, after, tombstonesAtOnce)
		if err != nil || len(list) == 0 {
			return first, max(first, last), err
		}
		for _, t := range list {
			if after = t.First; (from.IsZero() || !t.To.Before(from)) && (to.IsZero() || t.From.Before(to)) {
				first, last = min(max(first, 1), t.First), max(last, t.Last)
			}
		}
	}
}

// failedExports answers the schedules whose last run came to nothing.
func (a *App) failedExports(ctx context.Context) (out overview.FailedExports, err error) {
	list, err := a.Export.Schedules(ctx)
	if err != nil {
		return out, err
	}
	for _, sc := range list {
		if sc.Failures == 0 {
			continue
		}
		out.Names = append(out.Names, sc.Name)
		if at := sc.FailedAt; at != nil && (out.Since.IsZero() || at.Before(out.Since)) {
			out.Since = *at
		}
	}
	return out, nil
}
