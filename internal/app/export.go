package app

import (
	"context"
	"path/filepath"

	"guardhouse/internal/checkpoint"
	"guardhouse/internal/config"
	"guardhouse/internal/doctor"
	"guardhouse/internal/export"
	"guardhouse/internal/overview"
)

// tombstonesAtOnce is how many notes of rows that are gone are read at a time.
const tombstonesAtOnce = 200

// openExport builds what writes the log out. Its folder lies outside of all that the server keeps for itself.
func (a *App) openExport() {
	c := a.Config
	a.Export = export.New(export.Deps{
		DB: a.DB, Guard: a.Guard, Log: a.Audit, Still: a.Auth.Recheck, Folder: c.ExportDir, Kept: keptFolders(c), Loose: doctor.Loose,
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
