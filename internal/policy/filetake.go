package policy

import (
	"context"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// note remembers how the file stands, and tells of a bad content once. The row comes before the finding is shown, so that whoever
// sees the finding and looks into the log finds it there; a log that takes no row keeps nobody from seeing it.
func (s *Service) note(ctx context.Context, at stamp, sum string, err error) error {
	if fault.CodeOf(err) == fault.Canceled {
		return err
	}
	if err == nil {
		s.good(at, sum)
		return nil
	}
	var lost error
	if s.untold(sum, err) {
		lost = s.tell(ctx, sum, fault.From(err).Message)
	}
	s.bad(at, sum, err, lost)
	return err
}

// good remembers that what stands there is in force.
func (s *Service) good(at stamp, sum string) {
	s.file.mu.Lock()
	defer s.file.mu.Unlock()
	st := &s.file.state
	if !st.Valid || st.SHA256 != sum {
		st.Since = s.now()
	}
	st.Valid, st.Problem, st.SHA256 = true, "", sum
	s.file.seen, s.file.retry, s.file.written = at, time.Time{}, ""
}

// bad remembers what is wrong with what stands there, and when it is looked at again. lost is why it has no row.
func (s *Service) bad(at stamp, sum string, err, lost error) {
	s.file.mu.Lock()
	defer s.file.mu.Unlock()
	st, problem := &s.file.state, fault.From(err).Message
	if st.Valid || st.Since.IsZero() || st.Problem != problem {
		st.Since = s.now()
	}
	st.Valid, st.Problem = false, problem
	s.file.seen, s.file.retry, s.file.written = at, time.Time{}, toldAs(sum, err)
	if lost != nil {
		s.file.written = ""
	}
	if lost != nil || fault.CodeOf(err) != fault.Invalid {
		s.file.retry = s.now().Add(retryEvery) // somebody may come who is named there; a disk may come back
	}
}

// untold says that no row tells of that content and what is wrong with it.
func (s *Service) untold(sum string, err error) bool {
	s.file.mu.Lock()
	defer s.file.mu.Unlock()
	return s.file.written != toldAs(sum, err)
}

// toldAs is what a content is told by: the same one may be wrong for another reason later.
func toldAs(sum string, err error) string { return sum + " " + fault.From(err).Message }

// tell says what is wrong in the server's own log and in a row, and answers why there is no row.
func (s *Service) tell(ctx context.Context, sum, problem string) error {
	s.log.Error("acl.file is not taken; the rules of the last good one stay", "problem", problem)
	lost := s.record(ctx, sum, problem)
	if lost != nil {
		s.log.Error("the audit row of a bad acl.file was not written", "err", lost)
	}
	return lost
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
// again leaves no row each time. One that is in force stays good whatever became of the people whom it names.
func (s *Service) take(ctx context.Context, path string, data []byte, sum string) error {
	source, err := s.d.Guard.PolicySource(ctx)
	if err != nil {
		return err
	}
	is := access.FileSource{Path: path, SHA256: sum, Ended: rule.Ended(data)}
	if source.Ended && !is.Ended {
		return fault.New(fault.Invalid, "it looks cut off: the last good one was whole by itself, and this one has no line `...` at its end. If it is whole, end it with that line")
	}
	f, err := parse(data)
	if err != nil {
		return err
	}
	now := s.d.Guard.Stored()
	def, err := s.fileDefault(ctx)
	if err != nil {
		return err
	}
	same := holds(source, path, sum) && def == f.Default
	next, err := s.fromFile(ctx, f, now)
	switch {
	case same && fault.CodeOf(err) == fault.Unprocessable: // somebody has no name any more; the rules hold ids
		return nil
	case err != nil:
		return err
	case same && source.Ended == is.Ended && tagOf(plain(now.Rules)) == tagOf(sorted(next)): // a restart leaves no row
		return nil
	}
	_, err = s.write(ctx, s.fileSystem(), Write{}, edit{
		target: "policy", source: &is, tag: tagOf, details: map[string]any{"sha256": sum},
		def:   func(string) (string, error) { return f.Default, nil },
		apply: func([]rule.Rule) ([]rule.Rule, error) { return next, nil },
	})
	return s.soon(err)
}

// holds says that what is in force was taken from that content of the file. A former release did not say whether it was ended.
func holds(source access.FileSource, path, sum string) bool {
	return source.Path == path && source.SHA256 == sum
}

// soon answers nil for a change that is stored and not in force yet: the gate sees to that by itself, and nothing is wrong with the file.
func (s *Service) soon(err error) error {
	if fault.CodeOf(err) != fault.NotInForce {
		return err
	}
	s.log.Error("the rules are stored and will be in force shortly", "err", err)
	return nil
}

// fromFile answers the rules of the file with ids for names. It refuses those that no set takes.
func (s *Service) fromFile(ctx context.Context, f rule.File, now access.Stored) ([]rule.Rule, error) {
	next, err := s.stored(ctx, f.Rules, now, listed)
	if err != nil {
		return nil, err
	}
	for i := range next {
		next[i].Origin = originFile
	}
	_, err = rule.Compile(next, f.Default == "allow" || f.Default == "" && s.o.DefaultAllow)
	return next, err
}
