package verify

import "guardhouse/internal/audit"

// Next answers what whoever sees a finding does first, in one sentence; "" for a name that is none.
func Next(finding string) string {
	const keep = "keep what you checked as it is, out of reach of who could write it; "
	switch finding {
	case audit.Edited:
		return keep + "an older export, a backup or the log on another machine shows what it said before"
	case audit.Deleted:
		return keep + "look for what is missing in an older export, a backup, the anchor folder or the log on another machine"
	case audit.Inserted, audit.Reordered:
		return keep + "compare the rows around it with an older export, a backup or the log on another machine"
	case audit.TailCut:
		return keep + "a file that was cut on its way is fetched again; else look for the end in a backup, an export or the log on another machine"
	case audit.RestoredOld:
		return "compare the two times: a copy of a busy server ends a moment before an anchor that was copied after it, so copy the anchor first, then guardhouse.db and guardhouse.db-wal, " +
			"and check again; else somebody put an old copy back: keep both, and look for the rows between on other machines"
	case audit.Rebuilt:
		return keep + "a key that came after yours needs the newer public keys from its owner; else compare the checkpoints with the anchor, the server's journal and other machines: " +
			"the last that agrees bounds the time"
	case audit.ClockBack:
		return "find out in the server's journal when and why its clock was set back: no row was changed, and their order is the one in which they were written"
	}
	return ""
}
