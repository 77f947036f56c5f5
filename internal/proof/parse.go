package proof

// checked answers the text of fields, after reading it back: what is signed is what a reader accepts, and nothing else.
func checked(kind string, fields Fields) ([]byte, error) {
	text := render(kind, fields)
	_, err := parseText(kind, string(text))
	return text, err
}

// parseText holds a text against the form of its kind and answers the installation that it names.
func parseText(kind, text string) (install string, err error) {
	fields, err := parseLines(text, kind)
	if err != nil {
		return "", err
	}
	r := &reader{fields: fields}
	switch kind {
	case KindCheckpoint:
		readCheckpoint(r)
	case KindTombstone:
		readTombstone(r)
	case KindManifest:
		readManifest(r)
	case KindEvidence:
		readEvidence(r)
	default:
		return "", formError("it is of no kind that is signed")
	}
	return fields.Get("install"), r.end()
}

func parseNote[T any](signed []byte, kind string, keys Keys, read func(*reader) T) (value T, keyID string, err error) {
	var nothing T
	fields, keyID, err := Open(signed, kind, keys)
	if err != nil {
		return nothing, "", err
	}
	r := &reader{fields: fields}
	value = read(r)
	if err := r.end(); err != nil {
		return nothing, "", err
	}
	return value, keyID, nil
}
