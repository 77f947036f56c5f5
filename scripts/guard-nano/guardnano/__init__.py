"""The recipe of guard-nano: from rows of text and labels to one GGUF file."""
