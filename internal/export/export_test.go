package export

import (
	"os"
	"time"
)

// Names that the tests need from inside.
const (
	PageRows = pageRows
	Stretch  = stretch
	Block    = block
)

// AppendRecord is the writer of records.
func AppendRecord(b []byte, cells []string) []byte { return appendRecord(b, cells) }

// Said names the members of a request's filter.
func (r Request) Said() map[string]any { return said(r.Filter) }

// Next answers the first run after now.
func Next(every Every, at string, now time.Time) time.Time { return next(every, minute(at), now) }

// OnSync has each making durable of a folder told first.
func (s *Service) OnSync(told func(dir *os.File) error) {
	s.fsync = func(dir *os.File) error {
		if err := told(dir); err != nil {
			return err
		}
		return dir.Sync()
	}
}
