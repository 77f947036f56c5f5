package catalog

import "guardhouse/internal/access"

// Runs answers the action that it takes to use a model of a kind for what it is for. A kind that is not known is a guard's.
func Runs(kind string) access.Action {
	if kind == KindChat {
		return access.ChatRun
	}
	return access.ModerationRun
}
