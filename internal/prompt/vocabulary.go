package prompt

import (
	"slices"

	"guardhouse/internal/fault"
	"guardhouse/internal/tokenizer"
)

// Word is a word of the answer with the ids that stand for it behind what comes before.
type Word struct {
	Text string
	IDs  []int32
}

// AnswerVocab is the answer format of a Qwen3Guard model in ids:
//
//	Safety: LABEL⏎Categories: CATEGORY, CATEGORY⏎Refusal: Yes|No
type AnswerVocab struct {
	LeadIn         []int32  // "Safety:"
	Labels         [3]Word  // Safe, Controversial, Unsafe; their first ids differ
	CategoriesLine []int32  // the line break behind the label and "Categories:"
	Categories     []Word   // the nine of the model card, in its order
	None           Word     // " None"
	Separator      []int32  // ","
	RefusalLine    []int32  // the line break behind the categories and "Refusal:"
	Refusal        [2]Word  // No, Yes
	LineBreak      []int32  // "\n"
	End            int32    // the id that ends the answer
	First          [3]int32 // the first ids of Labels
}

// categoryNames answers the nine categories in the order of the model card.
func categoryNames() []string {
	return []string{
		"Violent", "Non-violent Illegal Acts", "Sexual Content or Sexual Acts", "PII",
		"Suicide & Self-Harm", "Unethical Acts", "Politically Sensitive Topics", "Copyright Violation", "Jailbreak",
	}
}

// newVocabulary answers the ids of the answer format. It refuses a vocabulary in which the labels
// cannot be told apart by one id, or in which the parts of an answer are not the ids of the whole.
func newVocabulary(tok *tokenizer.Tokenizer) (AnswerVocab, error) {
	word := func(s string) Word { return Word{Text: s, IDs: tok.Encode(" " + s)} }
	v := AnswerVocab{
		LeadIn:         tok.Encode("Safety:"),
		Labels:         [3]Word{word("Safe"), word("Controversial"), word("Unsafe")},
		CategoriesLine: tok.Encode("\nCategories:"),
		None:           word("None"),
		Separator:      tok.Encode(","),
		RefusalLine:    tok.Encode("\nRefusal:"),
		Refusal:        [2]Word{word("No"), word("Yes")},
		LineBreak:      tok.Encode("\n"),
		End:            tok.EOS(),
	}
	for _, name := range categoryNames() {
		v.Categories = append(v.Categories, word(name))
	}
	for i, l := range v.Labels {
		v.First[i] = l.IDs[0]
		whole := tok.Encode("Safety: " + l.Text + "\nCategories: None\nRefusal: No")
		parts := slices.Concat(v.LeadIn, l.IDs, v.CategoriesLine, v.None.IDs, v.RefusalLine, v.Refusal[0].IDs)
		if !slices.Equal(whole, parts) {
			return AnswerVocab{}, fault.New(fault.Invalid, "the model's vocabulary does not fit the guard's answer format")
		}
	}
	if v.First[0] == v.First[1] || v.First[1] == v.First[2] || v.First[0] == v.First[2] {
		return AnswerVocab{}, fault.New(fault.Invalid, "the model's vocabulary cannot tell the three labels apart")
	}
	return v, nil
}
