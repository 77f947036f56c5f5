package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"guardhouse/internal/access"
	"guardhouse/internal/backup"
	"guardhouse/internal/config"
)

// Backup writes an archive of the data folder, which may be in use. See backup.Make.
func (a *App) Backup(ctx context.Context, p access.Principal, r backup.Request) (backup.Archive, error) {
	return backup.Make(ctx, p, backup.Source{DB: a.DB, Guard: a.Guard, DataDir: a.Config.Data, Now: a.now}, r)
}

// Restore puts an archive into the data folder of the settings, which it makes if need be. It refuses while a server or another
// command has the folder open, and takes away the folder that it made when it is refused. See backup.Restore.
func Restore(ctx context.Context, c *config.Config, p access.Principal, r backup.Restoration) (_ backup.Restored, err error) {
	_, before := os.Lstat(c.Data)
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return backup.Restored{}, fmt.Errorf("making the data folder: %w", err)
	}
	release, err := ownFolder(ctx, c.Data)
	if err != nil {
		return backup.Restored{}, err
	}
	defer func() {
		// A folder that was made for this and holds nothing but our locks goes again, before they do.
		if err != nil && errors.Is(before, os.ErrNotExist) && !Exists(c) {
			for _, name := range []string{serveLock, aliveLock, useLock, ""} {
				err = errors.Join(err, os.Remove(filepath.Join(c.Data, name)))
			}
		}
		err = errors.Join(err, release())
	}()
	r.DataDir = c.Data
	return backup.Restore(ctx, p, r)
}

// MissingModels answers those of models whose files are not where the settings say, with the right size: the ones to bring.
func MissingModels(c *config.Config, models []backup.Model) []backup.Model {
	missing := []backup.Model{}
	for _, m := range models {
		info, err := os.Lstat(filepath.Join(c.ModelsDir, m.File))
		if m.File != filepath.Base(m.File) || err != nil || !info.Mode().IsRegular() || info.Size() != m.Size {
			missing = append(missing, m)
		}
	}
	return missing
}
