package auth

import "time"

// Times are how long bearers and sessions last. Access counts for bearers that are signed from now on.
type Times struct {
	Access time.Duration // life of a bearer
	Idle   time.Duration // a session ends after so long without use
	Max    time.Duration // and after so long in any case
}

// SetTimes has t in force at once. Shorter limits end sessions that are past them; longer ones give a session that exists no
// more than it was made for, and one that has ended stays ended.
func (s *Service) SetTimes(t Times) {
	t.Access, t.Idle, t.Max = orDuration(t.Access, defaultAccessTTL), orDuration(t.Idle, defaultSessionIdle), orDuration(t.Max, defaultSessionMax)
	s.times.Store(&t)
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
