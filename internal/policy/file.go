package policy

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// FileState is how acl.file stands. The rules of the last good file stay in force while it is bad.
type FileState struct {
	Path    string // "" where rules do not come from a file
	Valid   bool
	Problem string    // what is wrong, in words that may be shown
	Since   time.Time // since when it is as it is
	SHA256  string    // of what is in force
}

// FileState answers how acl.file stands now.
func (s *Service) FileState() FileState {
	s.file.mu.Lock()
	defer s.file.mu.Unlock()
	return s.file.state
}

// watched is what the service knows of acl.file.
type watched struct {
	mu      sync.Mutex
	state   FileState
	seen    stamp     // of the file when it was last read
	retry   time.Time // when a file that was refused for what else there is is looked at again
	written string    // the bad content that has its audit row, and what is wrong with it
}

// stamp is what shows without reading that a file was changed or replaced, through whatever links it is reached.
type stamp struct {
	dev, ino   uint64
	size       int64
	mtim, ctim unix.Timespec
	missing    bool
}

// watchEvery is how often the file is looked at. What has an end mark is taken when it stood still for stillEnded, and so is in force
// within a second. What has none may be the first part of what somebody writes: it has to stand still for stillOpen.
const (
	watchEvery = 200 * time.Millisecond
	stillEnded = 2 * watchEvery
	stillOpen  = 2 * time.Second
)

// retryEvery is how often a file is tried again that was refused for names that nobody has yet.
const retryEvery = 5 * time.Second

// systemName is who changes rules for the file, in audit rows.
const systemName = "acl.file"

func (s *Service) fileSystem() access.Principal {
	return access.Principal{Kind: access.KindSystem, Name: systemName}
}

// Start takes acl.file into force before anything is served. A file that can't be taken is refused, unless the rules in force
// came from it: then they stay, and the finding stands. Without acl.file, rules that came from one are the administrators' from
// then on.
func (s *Service) Start(ctx context.Context) error {
	source, err := s.d.Guard.PolicySource(ctx)
	if err != nil {
		return err
	}
	if s.o.File == "" {
		return s.withoutFile(ctx, source)
	}
	path, err := filepath.Abs(s.o.File)
	if err != nil {
		return fmt.Errorf("finding acl.file: %w", err)
	}
	s.file.mu.Lock()
	s.file.state.Path = path
	s.file.mu.Unlock()
	if err := s.first(ctx, path, source); err != nil && source.Path != path {
		return fmt.Errorf("acl.file %s: %s", path, fault.From(err).Message)
	}
	return nil // what is wrong with it has its finding, its row and its line in the log
}

// first has the file in force that is there at the start. Where its content is in force already nobody waits.
func (s *Service) first(ctx context.Context, path string, source access.FileSource) error {
	at := look(path)
	data, sum, err := read(path, ourselves())
	if err == nil && !holds(source, path, sum) {
		err = s.settled(ctx, path, at, data)
	}
	if err == nil {
		err = s.take(ctx, path, data, sum)
	}
	return s.note(ctx, at, sum, err)
}

// settled refuses a file that changes while it is waited for.
func (s *Service) settled(ctx context.Context, path string, at stamp, data []byte) error {
	still := stillOpen
	if rule.Ended(data) {
		still = stillEnded
	}
	if err := s.pause(ctx, still); err != nil {
		return err
	}
	if look(path) != at {
		return fault.New(fault.Unprocessable, "it is being written")
	}
	return nil
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// DefaultLeft says that the default deny of a former acl.file still stands against acl.default, which allows.
func (s *Service) DefaultLeft(ctx context.Context) (bool, error) {
	if s.o.File != "" || !s.o.DefaultAllow {
		return false, nil
	}
	def, err := s.fileDefault(ctx)
	return def == "deny", err
}

// withoutFile hands rules that came from a file back to the administrators. A default of the file that denied stays where
// acl.default would open what it closed, until somebody sets it; once both say the same nothing is left of it.
func (s *Service) withoutFile(ctx context.Context, source access.FileSource) error {
	def, err := s.fileDefault(ctx)
	if err != nil {
		return err
	}
	if def == "deny" && s.o.DefaultAllow {
		s.log.Warn("the default deny of the former acl.file still stands though acl.default is allow: to end it, import a policy with `default: allow`")
	}
	note := "acl.file is no longer set"
	if source.Path == "" {
		if def == "" || def != s.setDefault() {
			return nil
		}
		note = "acl.default says the same as the file did"
	}
	_, err = s.write(ctx, s.fileSystem(), Write{Note: note}, edit{
		target: "policy", source: &access.FileSource{}, tag: tagOf,
		apply: func(now []rule.Rule) ([]rule.Rule, error) { return now, nil },
		def: func(now string) (string, error) {
			if now == "deny" && s.o.DefaultAllow {
				return now, nil
			}
			return "", nil
		},
	})
	return s.soon(err)
}

// Watch takes what acl.file becomes, until ctx ends. Without acl.file it returns at once.
func (s *Service) Watch(ctx context.Context) {
	if s.o.File == "" {
		return
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var last sight
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			last = s.poll(ctx, last)
		}
	}
}

// sight is what was seen of the file, and since when it is all that was seen.
type sight struct {
	stamp
	since time.Time
}

// poll looks at the file once and takes it where it is not the one that was read and stood still for long enough. It answers
// what it saw.
func (s *Service) poll(ctx context.Context, last sight) sight {
	s.file.mu.Lock()
	path, seen, retry := s.file.state.Path, s.file.seen, s.file.retry
	s.file.mu.Unlock()
	at, now := look(path), s.now()
	if at != last.stamp || last.since.IsZero() {
		return sight{at, now}
	}
	again := !retry.IsZero() && !now.Before(retry)
	if still := now.Sub(last.since); still >= stillEnded && (at != seen || again) {
		s.load(ctx, path, at, still)
	}
	return last
}

// look answers the stamp of the file that the path leads to now.
func look(path string) stamp {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return stamp{missing: true} // what is wrong shows when it is read
	}
	return stamp{dev: uint64(st.Dev), ino: st.Ino, size: st.Size, mtim: st.Mtim, ctim: st.Ctim} //nolint:unconvert,nolintlint // other systems have other widths
}

// load reads the file and has it in force, or tells why not. What changed meanwhile, and what has no end mark and may still get
// one, is left for later looks. at is what the file was when it was looked at, still how long it had been that.
func (s *Service) load(ctx context.Context, path string, at stamp, still time.Duration) {
	data, sum, err := read(path, ourselves())
	if look(path) != at || err == nil && still < stillOpen && !rule.Ended(data) {
		return
	}
	if err == nil {
		err = s.take(ctx, path, data, sum)
	}
	_ = s.note(ctx, at, sum, err) // it says itself what is wrong
}
