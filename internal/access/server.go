package access

// Server is a part of the server that acts by itself, for nobody: allowed by default, subject to denies on "*", and recorded
// under its own name.
func Server(part string) Principal { return Principal{Kind: KindSystem, Name: "server:" + part} }
