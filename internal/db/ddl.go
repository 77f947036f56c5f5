package db

import "strings"

// canonicalDDL answers a CREATE statement with its blanks evened out and its comments gone, so that the text of schema.sql, of
// a fresh migration and of one that an older SQLite ran can be compared. What is inside quotes stays as it is. Only a quoted
// name of small letters, digits and underscores loses its quotes (ALTER TABLE adds them): keywords are written in capitals here,
// so a quoted "NOT" can't pass for the keyword.
func canonicalDDL(sql string) string {
	var out []string
	for len(sql) > 0 {
		token, rest := nextToken(sql)
		sql = rest
		if token != "" {
			out = append(out, token)
		}
	}
	return strings.Join(out, " ")
}

// nextToken answers the first token and what follows it; "" for blanks and comments. A quote that is never closed runs to the
// end, as does everything else that is broken: such a text equals none of ours.
func nextToken(s string) (token, rest string) {
	switch c := s[0]; {
	case isBlank(c):
		return "", s[1:]
	case strings.HasPrefix(s, "--"):
		_, rest, _ = strings.Cut(s, "\n")
		return "", rest
	case strings.HasPrefix(s, "/*"):
		_, rest, _ = strings.Cut(s[2:], "*/")
		return "", rest
	case c == '\'' || c == '"' || c == '`':
		n := quoted(s, c)
		return unquoted(s[:n]), s[n:]
	case isWord(c):
		n := 1
		for n < len(s) && isWord(s[n]) {
			n++
		}
		return s[:n], s[n:]
	}
	return s[:1], s[1:]
}

// quoted answers the length of the literal or name that s begins with; a doubled quote stands for itself.
func quoted(s string, quote byte) int {
	for i := 1; i < len(s); i++ {
		if s[i] != quote {
			continue
		}
		if i+1 < len(s) && s[i+1] == quote {
			i++
			continue
		}
		return i + 1
	}
	return len(s)
}

func unquoted(token string) string {
	name := strings.Trim(token, `"`)
	if token[0] != '"' || len(token) != len(name)+2 || name == "" || name[0] >= '0' && name[0] <= '9' {
		return token
	}
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return token
		}
	}
	return name
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' }

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c == '.' || c >= 0x80
}
