package policy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
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
	written string    // the hash of the bad content that has its audit row
}

// stamp is what shows without reading that a file was changed or replaced, through whatever links it is reached.
type stamp struct {
	dev, ino   uint64
	size       int64
	mtim, ctim unix.Timespec
	missing    bool
}

// watchEvery is how often the file is looked at. A change counts when it was seen twice, so that what is still being written is
// not taken, and is in force within a second.
const watchEvery = 200 * time.Millisecond

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
		if source.Path == "" {
			return nil
		}
		return s.leave(ctx)
	}
	path, err := filepath.Abs(s.o.File)
	if err != nil {
		return fmt.Errorf("finding acl.file: %w", err)
	}
	s.file.mu.Lock()
	s.file.state.Path = path
	s.file.mu.Unlock()
	at := look(path)
	if err := s.load(ctx, path, at); err != nil && source.Path != path {
		return fmt.Errorf("acl.file %s: %s", path, fault.From(err).Message)
	}
	return nil // what is wrong with it has its finding, its row and its line in the log
}

// leave hands the rules back to the administrators.
func (s *Service) leave(ctx context.Context) error {
	_, err := s.write(ctx, s.fileSystem(), Write{Note: "acl.file is no longer set"}, edit{
		target: "policy", source: &access.FileSource{}, tag: tagOf,
		apply: func(now []rule.Rule) ([]rule.Rule, error) { return now, nil },
	})
	return err
}

// Watch takes what acl.file becomes, until ctx ends. Without acl.file it returns at once.
func (s *Service) Watch(ctx context.Context) {
	if s.o.File == "" {
		return
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var last stamp
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			last = s.poll(ctx, last)
		}
	}
}

// poll looks at the file once and takes it where it is not the one that was read, but the one that was seen before. It answers
// what it saw.
func (s *Service) poll(ctx context.Context, last stamp) stamp {
	s.file.mu.Lock()
	path, seen, retry := s.file.state.Path, s.file.seen, s.file.retry
	s.file.mu.Unlock()
	at := look(path)
	again := !retry.IsZero() && !s.now().Before(retry)
	if at == last && (at != seen || again) {
		_ = s.load(ctx, path, at) // it says itself what is wrong
	}
	return at
}

// look answers the stamp of the file that the path leads to now.
func look(path string) stamp {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return stamp{missing: true} // what is wrong shows when it is read
	}
	return stamp{dev: uint64(st.Dev), ino: st.Ino, size: st.Size, mtim: st.Mtim, ctim: st.Ctim} //nolint:unconvert,nolintlint // other systems have other widths
}

// load reads the file and has it in force, or says why not. at is what it was when it was looked at.
func (s *Service) load(ctx context.Context, path string, at stamp) error {
	data, sum, err := read(path)
	if err == nil {
		err = s.take(ctx, path, data, sum)
	}
	return s.note(ctx, at, sum, err)
}

// note remembers how the file stands, and tells of a bad content once.
func (s *Service) note(ctx context.Context, at stamp, sum string, err error) error {
	if fault.CodeOf(err) == fault.Canceled {
		return err
	}
	if !s.remember(at, sum, err) {
		return err
	}
	problem := fault.From(err).Message
	s.log.Error("acl.file is not taken; the rules of the last good one stay", "problem", problem)
	if lost := s.record(ctx, sum, problem); lost != nil {
		s.log.Error("the audit row of a bad acl.file was not written", "err", lost)
		s.file.mu.Lock()
		defer s.file.mu.Unlock()
		s.file.written, s.file.retry = "", s.now().Add(retryEvery)
	}
	return err
}

// remember says whether there is something bad to tell that was not told before.
func (s *Service) remember(at stamp, sum string, err error) bool {
	s.file.mu.Lock()
	defer s.file.mu.Unlock()
	st := &s.file.state
	s.file.seen, s.file.retry = at, time.Time{}
	if err == nil {
		if !st.Valid || st.SHA256 != sum {
			st.Since = s.now()
		}
		st.Valid, st.Problem, st.SHA256, s.file.written = true, "", sum, ""
		return false
	}
	problem := fault.From(err).Message
	if st.Valid || st.Since.IsZero() || st.Problem != problem {
		st.Since = s.now()
	}
	st.Valid, st.Problem = false, problem
	if fault.CodeOf(err) != fault.Invalid {
		s.file.retry = s.now().Add(retryEvery) // somebody may come who is named there; a disk may come back
	}
	told := s.file.written == sum+" "+problem
	s.file.written = sum + " " + problem
	return !told
}

// record leaves the row of a content that was not taken.
func (s *Service) record(ctx context.Context, sum, problem string) (err error) {
	pass, err := s.d.Guard.Enter(ctx, s.fileSystem(), access.Op{Action: access.ACLManage, Resource: "policy"})
	if err != nil {
		return err
	}
	defer pass.Close(&err)
	_, err = pass.Commit(ctx, access.Outcome{
		Decision: audit.Error, Reason: "acl_file_invalid", Details: map[string]any{"sha256": sum, "problem": problem},
	}, nil)
	return err
}

// take has the content in force. Everything is checked before the gate is entered, so that a content that is tried again and
// again leaves no row each time.
func (s *Service) take(ctx context.Context, path string, data []byte, sum string) error {
	f, err := rule.ParseFile(data)
	if err != nil {
		return err
	}
	now := s.d.Guard.Stored()
	next, err := s.stored(ctx, f.Rules, now, listed)
	if err != nil {
		return err
	}
	allow := f.Default == "allow" || f.Default == "" && s.o.DefaultAllow
	if _, err := rule.Compile(next, allow); err != nil {
		return err
	}
	is := access.FileSource{Path: path, SHA256: sum}
	if same, err := s.inForce(ctx, is, f.Default, next, now); same || err != nil {
		return err
	}
	for i := range next {
		next[i].Origin = originFile
	}
	_, err = s.write(ctx, s.fileSystem(), Write{}, edit{
		target: "policy", source: &is, def: f.Default, tag: tagOf, details: map[string]any{"sha256": sum},
		apply: func([]rule.Rule) ([]rule.Rule, error) { return next, nil },
	})
	return err
}

// inForce says whether the rules in force came from this very content and are still its rules: a restart leaves no row.
func (s *Service) inForce(ctx context.Context, is access.FileSource, def string, next []rule.Rule, now access.Stored) (bool, error) {
	source, err := s.d.Guard.PolicySource(ctx)
	if err != nil || source != is {
		return false, err
	}
	stored, err := s.fileDefault(ctx)
	return stored == def && tagOf(plain(now.Rules)) == tagOf(sorted(next)), err
}

// read answers what the file holds and its hash. It refuses what is no regular file, one that everybody may write, and a large
// one, as Invalid, and reads no more than that.
func read(path string) (data []byte, sum string, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // a pipe in its place must not hold us
	if err != nil {
		return nil, "", unreadable(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, "", unreadable(err)
	case !info.Mode().IsRegular():
		return nil, "", fault.New(fault.Unprocessable, "it is no regular file")
	case info.Mode().Perm()&0o002 != 0:
		return nil, "", fault.New(fault.Unprocessable, "everybody on this machine may write it: chmod o-w")
	}
	data, err = io.ReadAll(io.LimitReader(f, rule.MaxFile+1))
	if err != nil {
		return nil, "", unreadable(err)
	}
	hash := sha256.Sum256(data)
	sum = hex.EncodeToString(hash[:])
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, sum, fault.New(fault.Invalid, "it is empty")
	}
	return data, sum, nil
}

// CheckFile says whether a file of rules can be read and understood. The names in it are not looked up.
func CheckFile(path string) error {
	data, _, err := read(path)
	if err == nil {
		_, err = rule.ParseFile(data)
	}
	return err
}

func unreadable(err error) error {
	text := "it cannot be read"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		text = "it is not there"
	case errors.Is(err, fs.ErrPermission):
		text = "it may not be read by this process"
	}
	return fault.Wrap(err, fault.Unprocessable, text)
}
