// Package auth owns users, passwords, sessions, bearer tokens, API keys and the root key they hang on. It turns a
// credential into an access.Principal and nothing else decides who somebody is. What a principal may do is not decided
// here: every change passes access.Guard. What needs no row of a user stands in packages below: names, password, secretfile,
// keyring. It knows nothing of HTTP and sets no cookie.
package auth

import "time"

// Kinds of users.
const (
	KindPerson  = "person"  // signs in with a password
	KindService = "service" // has keys, never a password
)

// The states of a user: only an active one may act. A deleted one is a name that is never given again.
const (
	statusActive   = "active"
	statusDisabled = "disabled"
	statusInvited  = "invited"
	statusDeleted  = "deleted"
	adminRole      = "admin"
)

// User is what others may see of a user: never a hash.
type User struct {
	ID, Username, DisplayName, Role, Kind, Status, Language string
	CreatedAt, UpdatedAt                                    time.Time
	LastLoginAt                                             *time.Time
	MFA                                                     bool
	Version                                                 int64      // counts the changes that administration made
	Use                                                     *Use       // nil where nobody asked for it
	Groups                                                  []GroupRef // by name; nil where nobody asked for them
}

// Use is what a user was seen doing: when last, by session or key, and how many sessions and keys live.
type Use struct {
	LastSeenAt     *time.Time
	Sessions, Keys int
}

// NewUser asks for a user. Kind is person if empty; a service account has no Password.
type NewUser struct {
	Kind, Username, Password, Role, DisplayName, Language string
}

// UserPage is one page of users; NextCursor is empty on the last.
type UserPage struct {
	Items      []User
	NextCursor string
}

// SignIn is the answer to a sign-in. A program has the token pair and CookieToken, a browser CookieToken alone: both are
// one session. A refresh by cookie sets neither, because the cookie stays as it is; one by token sets the pair alone.
type SignIn struct {
	User                      User
	CookieToken               string
	AccessToken, RefreshToken string
	ExpiresIn                 time.Duration
	SessionID                 string
	// DeviceToken is set at every sign-in: whoever sends it along with the next one is no stranger to the throttle.
	DeviceToken string
}

// LoginRequest asks for a session. Without a DeviceToken it comes from a device that this user may never have used.
type LoginRequest struct {
	Username, Password, DeviceToken string
	Browser                         bool
}

// Credential is what a request carries. Bearer hides Cookie, so a bad Bearer is never saved by a good Cookie. Browser says
// that a browser sent it.
type Credential struct {
	Bearer, Cookie string
	Browser        bool
}

// NewKey asks for an API key. No Models or Operations means all that the owner may. UserID names a service account
// (empty = the caller); UserName is for the command line, which may name anybody.
type NewKey struct {
	Label              string
	Models, Operations []string
	// IPRanges are from where the key may be used, RateLimit how often, as rules spell them; empty ones narrow nothing.
	IPRanges   []string
	RateLimit  string
	ValidUntil *time.Time
	UserID     string
	UserName   string
}

// Key is what may be seen of an API key after its creation: never the secret.
type Key struct {
	ID, Label, Prefix, UserID, Username string
	Models, Operations, IPRanges        []string
	RateLimit                           string // as it was written, empty for none
	ValidUntil, LastUsedAt              *time.Time
	LastUsedIP                          string
	CreatedAt                           time.Time
	RevokedAt                           *time.Time
	SuspendedAt                         *time.Time // off since a restore, until ConfirmKey
	RotatedTo                           string     // the key that takes its place, empty for none
	Expiring, Unused                    bool       // a living key that ends soon; one that nobody used for long
}

// KeyPage is one page of keys, newest first; NextCursor is empty on the last.
type KeyPage struct {
	Items      []Key
	NextCursor string
}

// Idempotency is the caller's Idempotency-Key with the route and the body it came with.
type Idempotency struct {
	Key, Route string
	Body       []byte
}
