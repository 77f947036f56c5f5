package rehearsal

import "guardhouse/internal/limit"

// AtOnce is how many looks over the log or over very many rules a server takes at a time: a small machine has two cores, and
// the read pool eight connections that others need too.
const AtOnce = 2

// NewTurns answers turns that n take at a time, and one of an account.
func NewTurns(n int) *limit.Places {
	return limit.NewPlaces(n, "The server looks the log over for others, or for you. Try again soon.")
}
