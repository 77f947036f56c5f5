package tlsfiles

import "time"

// Ends answers when the certificate in force ends.
func (f *Files) Ends() time.Time { return f.current.Load().Leaf.NotAfter }
