package checkpoint

import (
	"errors"

	"guardhouse/internal/fault"
)

// Why checkpoints cannot be written or copied, for pages that say it in their own words.
const (
	WhyMissing    = "folder_missing"    // the folder of copies is not there
	WhyUnwritable = "folder_unwritable" // it cannot be written
	WhyUnreadable = "folder_unreadable" // it cannot be read
	WhySilent     = "folder_silent"     // it does not answer
	WhyKey        = "key"               // the key's file cannot be read or written, or is not what it should be
	WhyDatabase   = "database"          // the database takes no row
	WhyOther      = "other"
)

// Whys lists the reasons.
func Whys() []string {
	return []string{WhyMissing, WhyUnwritable, WhyUnreadable, WhySilent, WhyKey, WhyDatabase, WhyOther}
}

// whyError carries a reason through the errors of a checkpoint. err may be nil.
type whyError struct {
	why string
	err error
}

// because marks err with a reason.
func because(why string, err error) error { return &whyError{why, err} }

func (e *whyError) Error() string {
	if e.err == nil {
		return e.why
	}
	return e.err.Error()
}

func (e *whyError) Unwrap() error { return e.err }

// whyOf answers the reason in an error, "" for none.
func whyOf(err error) string {
	var w *whyError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &w):
		return w.why
	case fault.CodeOf(err) == fault.AuditUnavailable:
		return WhyDatabase
	}
	return WhyOther
}
