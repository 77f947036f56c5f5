package rule

import "time"

// Rate is N requests in any Per, all N of them at once if need be. Spelling is how it was written, for display.
type Rate struct {
	N        int64
	Per      time.Duration
	Spelling string
}
