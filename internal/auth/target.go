package auth

import "strings"

// What a caller names stands in the audit row only where it could be an id: people put passwords, whole keys and cookies in
// the place of ids, and the row is for ever (threat U5).

const ulidLetters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// hasForm says that id is prefix and as many of letters as size says.
func hasForm(id, prefix, letters string, size int) bool {
	rest, ok := strings.CutPrefix(id, prefix)
	return ok && len(rest) == size && !strings.ContainsFunc(rest, func(r rune) bool { return !strings.ContainsRune(letters, r) })
}

const ulidLen = 26

// userTarget names the user in an audit row, or nobody.
func userTarget(id string) string {
	if !hasForm(id, "usr_", ulidLetters, ulidLen) {
		return ""
	}
	return userResource(id)
}

// sessionTarget names the session in an audit row, or none.
func sessionTarget(id string) string {
	if !hasForm(id, "ses_", ulidLetters, ulidLen) {
		return ""
	}
	return sessionResource(id)
}

// keyTarget names the key in an audit row, or none.
func keyTarget(id string) string {
	if !hasForm(id, keyRowPrefix, idLetter, keyIDLen) {
		return ""
	}
	return keyResource(id)
}

// groupTarget names the group in an audit row, or none.
func groupTarget(id string) string {
	if !hasForm(id, groupPrefix, ulidLetters, ulidLen) {
		return ""
	}
	return groupResource(id)
}

// Target names in an audit row what an address speaks of: id is one of users, sessions, keys or groups. What can't be an id names
// nothing.
func Target(kind, id string) string {
	switch kind {
	case "users":
		return userTarget(id)
	case "sessions":
		return sessionTarget(id)
	case "keys":
		return keyTarget(id)
	case "groups":
		return groupTarget(id)
	}
	return ""
}
