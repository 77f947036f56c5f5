package access

import "strings"

const serverName = "server:"

// Server is a part of the server that acts by itself, for nobody: allowed by default, subject to denies on "*", and recorded
// under its own name.
func Server(part string) Principal { return Principal{Kind: KindSystem, Name: serverName + part} }

// ByServer says whether an actor of the log is a part of the server: what it does is in the log, and is nobody's business in
// figures of what people do.
func ByServer(kind, name string) bool {
	return kind == KindSystem && strings.HasPrefix(name, serverName)
}
