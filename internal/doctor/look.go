package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// unbounded lets a copy have whatever size its file has: somebody asked for this one look.
const unbounded = 1 << 60

// LookAt opens the database of a folder, the live one or a copy, without writing into the folder. A file that a process has open
// is read through its log, one at rest as it lies, and one that lies there with a log is copied to the folder for temporary
// files first. It refuses a file whose schema is not one of ours; of one that
// lacks triggers or indexes alone (db.ErrLacks) it answers that error and the look, for whoever walks rows all the same.
func LookAt(ctx context.Context, data string) (look *db.DB, done func(), err error) {
	path := filepath.Join(data, databaseName)
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return nil, nil, fault.Wrap(errors.Join(err, errors.New("no plain file")), fault.NotFound, "there is no guardhouse database in the folder")
	}
	d := &doctor{o: Options{Data: data, Proc: "/proc"}, most: unbounded}
	if look, done, err = d.open(ctx, path); err != nil {
		return nil, nil, err
	}
	if err := look.CheckSchema(ctx); err != nil {
		if errors.Is(err, db.ErrLacks) {
			return look, done, err
		}
		done()
		return nil, nil, err
	}
	return look, done, nil
}

// Torn says of an error of a look, or of reading what was looked at, that no database can be made of the bytes that are there: mostly
// a copy of which the parts are of different moments.
func Torn(err error) bool { return db.Damaged(err) }
