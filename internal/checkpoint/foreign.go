package checkpoint

import (
	"bytes"
	"context"
	"path/filepath"
	"strconv"
	"strings"

	"guardhouse/internal/db"
	"guardhouse/internal/proof"
)

// longestFile is what is read of a day's copies: a checkpoint every second is a tenth of it.
const longestFile = 256 << 20

// search looks through all of the folder, once for each start of a server: that it holds another life's checkpoints is no less true
// because ours stand behind them. It may take long, and a folder that does not answer keeps only this waiting.
func (s *Service) search(ctx context.Context) {
	foreign, err := s.anchor.strangers(ctx, s.db)
	if err != nil {
		if ctx.Err() == nil {
			s.log.WarnContext(ctx, "looking for checkpoints in the anchor that are not this database's", "err", err)
		}
		return
	}
	if !foreign {
		return
	}
	if !s.State().Anchor.Foreign {
		s.sayForeign(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Anchor.Foreign = true
}

func (s *Service) sayForeign(ctx context.Context) {
	s.log.ErrorContext(ctx, "the anchor holds checkpoints that this database does not: it was restored, or is not the one that was copied there")
}

// strangers says whether the folder holds a checkpoint that the database does not have. A file that cannot be read is left out: what
// is in it is verify's to say.
func (a *anchor) strangers(ctx context.Context, d *db.DB) (bool, error) {
	names, err := noteFiles(a.dir)
	if err != nil {
		return false, err
	}
	known := shelf{}
	for _, name := range names {
		text, err := readTail(filepath.Join(a.dir, name), longestFile)
		if err != nil {
			continue
		}
		for note := range proof.Notes(text) {
			fields, whole := proof.Peek(note)
			n, err := strconv.ParseInt(fields.Get("number"), 10, 64)
			if !whole || err != nil || proof.KindOf(note) != proof.KindCheckpoint {
				continue
			}
			if same, err := known.holds(ctx, d, n, note); err != nil || !same {
				return err == nil, err
			}
		}
	}
	return false, nil
}

// shelf holds checkpoints of the database that follow one another: notes of a folder mostly do too.
type shelf map[int64]string

// holds says whether a checkpoint of the database is the one of a note, or begins with what a crash has left of it.
func (s *shelf) holds(ctx context.Context, d *db.DB, number int64, note []byte) (bool, error) {
	torn := string(bytes.TrimRight(note, "\n"))
	if own, there := (*s)[number]; there {
		return strings.HasPrefix(own, torn), nil
	}
	rows, err := ReadAfter(ctx, d, number-1, copyAtOnce)
	if err != nil {
		return false, err
	}
	*s = shelf{}
	for _, r := range rows {
		(*s)[r.Number] = r.Note
	}
	own, there := (*s)[number]
	return there && strings.HasPrefix(own, torn), nil
}
