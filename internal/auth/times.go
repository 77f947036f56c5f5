package auth

import "time"

// Times are how long bearers and sessions last. Access counts for bearers that are signed from now on.
type Times struct {
	Access time.Duration // life of a bearer
	Idle   time.Duration // a session ends after so long without use
	Max    time.Duration // and after so long in any case

	// asleep is the last use of which a shorter Idle was over when it became longer: nothing used last then wakes again.
	asleep time.Time
}

// awake says that what was used last at a moment is within the idle limit, and was when it was a shorter one. A clock that
// was set back to before asleep shuts nobody out.
func (t Times) awake(last, now time.Time) bool {
	return now.Sub(last) < t.Idle && (last.After(t.asleep) || t.asleep.After(now))
}

// SetTimes has t in force at once. Shorter limits end sessions that are past them; longer ones give a session that exists no
// more than it was made for, and one that was left idle for too long stays ended.
func (s *Service) SetTimes(t Times) {
	old := s.times.Load()
	t.Access, t.Idle, t.Max = orDuration(t.Access, defaultAccessTTL), orDuration(t.Idle, defaultSessionIdle), orDuration(t.Max, defaultSessionMax)
	if t.asleep = old.asleep; t.Idle > old.Idle {
		t.asleep = later(old.asleep, s.clock().Add(-old.Idle))
	}
	s.times.Store(&t)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// lives is session.alive by the times in force now, whatever they were when the session was made.
func (s *Service) lives(ses session, now time.Time) bool {
	return ses.alive(now) && now.Before(s.ends(ses.kind, fromMillis(ses.created), fromMillis(ses.expires)))
}

// ends answers when a session of this kind ends at the latest: as it was made, or sooner where the limit has become shorter.
func (s *Service) ends(kind string, created, made time.Time) time.Time {
	t := s.times.Load()
	limit := t.Max
	if kind == kindProgram {
		limit = max(t.Max, t.Access) // a family never ends before its first bearer does
	}
	if end := created.Add(limit); end.Before(made) {
		return end
	}
	return made
}
