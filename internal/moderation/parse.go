package moderation

import (
	"slices"
	"strings"
)

// categories are the nine names in the order of the model card, which is the order of every list.
func categories() []string {
	return []string{
		"Violent", "Non-violent Illegal Acts", "Sexual Content or Sexual Acts", "PII", "Suicide & Self-Harm",
		"Unethical Acts", "Politically Sensitive Topics", "Copyright Violation", "Jailbreak",
	}
}

// longPII is the name that the model card gives for the category that models write as PII.
const longPII = "Personally Identifiable Information"

// refusalLine begins the last line of an answer about a response.
const refusalLine = "\nRefusal:"

// parseAnswer reads what a model wrote after "Categories:". ok is false for anything but the exact
// format, so that the caller asks a person instead of guessing. Categories come back in card order,
// each once; None is the empty list.
func parseAnswer(text string, response bool) (found []string, refusal *bool, ok bool) {
	if response {
		list, tail, cut := strings.Cut(text, refusalLine)
		if !cut {
			return nil, nil, false
		}
		if refusal, ok = parseRefusal(tail); !ok {
			return nil, nil, false
		}
		text = list
	}
	if found, ok = parseCategories(text); !ok {
		return nil, nil, false
	}
	return found, refusal, true
}

// parseRefusal reads what a model wrote after "Refusal:".
func parseRefusal(text string) (*bool, bool) {
	yes := text == " Yes"
	return &yes, yes || text == " No"
}

func parseCategories(text string) ([]string, bool) {
	if text == " None" {
		return []string{}, true
	}
	list, ok := strings.CutPrefix(text, " ")
	if !ok {
		return nil, false
	}
	var named []string
	for name := range strings.SplitSeq(list, ", ") {
		if name == longPII {
			name = "PII"
		}
		if !slices.Contains(categories(), name) {
			return nil, false
		}
		named = append(named, name)
	}
	return inOrder(named), true
}

// inOrder answers the categories among named, each once, in card order; never nil.
func inOrder(named []string) []string {
	return slices.DeleteFunc(categories(), func(c string) bool { return !slices.Contains(named, c) })
}
