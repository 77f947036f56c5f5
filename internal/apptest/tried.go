package apptest

import (
	"context"
	"os"
)

// Tried is a trial load that every model passes, for tests of what comes after it.
func Tried(context.Context, *os.File, []int32) error { return nil }
