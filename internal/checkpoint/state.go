package checkpoint

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// State is what a person is told: the newest checkpoint, and how the anchor stands. Problem is why none can be written, "" in
// good order, and Why its code.
type State struct {
	Last         Row
	Problem, Why string
	Anchor       AnchorState
}

// AnchorState says how far the copies are. Outside is whether the folder lies on another disk than the database. Number and At are
// those of the last copy. Problem is why copies can't be made since Since, "" in good order, and Why its code. Foreign says that the
// folder holds checkpoints that this database does not: it was restored, or is another's.
type AnchorState struct {
	Outside bool
	Number  int64
	At      time.Time
	Problem string
	Why     string
	Since   time.Time
	Foreign bool
}

// State answers how things stand.
func (s *Service) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Outside says whether the folder of copies that the settings name lies outside the data folder and on another file system: what
// takes the one does not take the other. A folder that is not there is not outside. It refuses one that does not answer.
func Outside(ctx context.Context, dataDir, anchor string) (bool, error) {
	return answered(ctx, func() (bool, error) { return outside(dataDir, anchor), nil })
}

// Outside is the same of the service's own folder, and does not ask one that is known not to answer.
func (s *Service) Outside(ctx context.Context) (bool, error) {
	if s.State().Anchor.Why == WhySilent {
		return false, silent()
	}
	return Outside(ctx, s.o.DataDir, s.o.Anchor)
}

func outside(dataDir, anchor string) bool {
	if anchor == "" {
		return false
	}
	rel, err := filepath.Rel(dataDir, anchor)
	if err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return false
	}
	a, okA := deviceOf(dataDir)
	b, okB := deviceOf(anchor)
	return okA && okB && a != b
}

func deviceOf(path string) (uint64, bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return st.Dev, true
}
