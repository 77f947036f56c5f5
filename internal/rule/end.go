package rule

import "bytes"

// endMark is the line that YAML ends a document with. At the begin of a line no text inside the document can hold it.
const endMark = "..."

// Ended says whether a file shows by itself that nothing is missing at its end: where it is cut at the end of a line, the rest is
// YAML still, and means less or more. It is so with a line `...` below which there are at most comments, and for JSON, which is
// none when it is cut. It does not say that the file can be read.
func Ended(data []byte) bool {
	if bytes.HasPrefix(bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\ufeff")), " \t\r\n"), []byte("{")) {
		return true
	}
	for len(data) > 0 {
		start := bytes.LastIndexByte(data, '\n') + 1
		line := bytes.TrimRight(data[start:], " \t\r")
		if string(line) == endMark {
			return true
		}
		if text := bytes.TrimLeft(line, " \t"); len(text) > 0 && text[0] != '#' {
			return false
		}
		data = data[:max(start-1, 0)]
	}
	return false
}
