package sandbox

import (
	"context"
	"errors"
	"fmt"
)

// nothing is the name of the child that does nothing.
const nothing = "nothing"

// Look starts a child that does nothing and answers what held it.
func Look(ctx context.Context) (Guards, error) {
	r, err := Child{Name: nothing}.Run(ctx)
	switch {
	case err != nil:
		return Guards{}, err
	case r.Good(), r.Unconfined():
		return r.Guards, nil
	case r.Late:
		return Guards{}, errors.New("it took too long")
	}
	return Guards{}, fmt.Errorf("it ended with exit %d, signal %d", r.Exit, r.Signal)
}
