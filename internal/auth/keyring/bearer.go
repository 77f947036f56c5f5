package keyring

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"guardhouse/internal/fault"
)

const (
	issuer   = "guardhouse"
	audience = "guardhouse"
	// maxBearer is far above what we issue (about 400 bytes); whatever is longer isn't looked at (threat A3).
	maxBearer = 4 << 10
)

// Claims of a bearer: who, which session and which epoch of the user, and from when until when. Role and rights are not in it;
// they are read from the database at every use (threat A4).
type Claims struct {
	UserID, SessionID string
	Epoch             int64
	IssuedAt, Until   time.Time
}

// claims are Claims as they are written down.
type claims struct {
	jwt.RegisteredClaims
	SessionID string `json:"sid"`
	Epoch     int64  `json:"epoch"`
}

var errBearer = errors.New("bearer refused")

// Issue answers a bearer for c, signed by the key that signs today.
func (r *Ring) Issue(c Claims) (string, error) {
	key, err := r.active()
	if err != nil {
		return "", err
	}
	token := jwt.NewWithClaims(key.method, c.written())
	token.Header["kid"] = key.kid
	signed, err := token.SignedString(key.sign)
	if err != nil {
		return "", fault.Wrap(err, fault.Internal, "signing a bearer")
	}
	return signed, nil
}

func (c Claims) written() claims {
	return claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: c.UserID,
			IssuedAt: jwt.NewNumericDate(c.IssuedAt), ExpiresAt: jwt.NewNumericDate(c.Until),
		},
		SessionID: c.SessionID, Epoch: c.Epoch,
	}
}

// Parse answers the claims of a bearer that one of our keys signed with that key's own algorithm and that is in time,
// from us and for us, and the kid of that key. The session and the user are the caller's to check.
func (r *Ring) Parse(token string) (c Claims, kid string, err error) {
	// The decoder skips line breaks, which would give one signature many spellings.
	if len(token) > maxBearer || strings.Count(token, ".") != 2 || strings.ContainsAny(token, "\r\n") {
		return Claims{}, "", fmt.Errorf("size or shape: %w", errBearer)
	}
	parser := jwt.NewParser(jwt.WithTimeFunc(r.now), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithStrictDecoding(),
		jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithValidMethods([]string{"EdDSA", "HS256"}))
	var wire claims
	read, err := parser.ParseWithClaims(token, &wire, r.keyOf)
	if err != nil {
		return Claims{}, "", errors.Join(errBearer, err)
	}
	kid, ok := read.Header["kid"].(string)
	if !ok || wire.Subject == "" || wire.SessionID == "" || wire.IssuedAt == nil {
		return Claims{}, "", fmt.Errorf("kid, sub, sid and iat: %w", errBearer)
	}
	c = Claims{UserID: wire.Subject, SessionID: wire.SessionID, Epoch: wire.Epoch, IssuedAt: wire.IssuedAt.Time, Until: wire.ExpiresAt.Time}
	return c, kid, nil
}

// keyOf refuses a header whose algorithm isn't the one of its kid, and members that would change how it is to be read
// (crit, b64, jku, jwk, x5u …): a header of ours has three members.
func (r *Ring) keyOf(t *jwt.Token) (any, error) {
	for member := range t.Header {
		if member != "alg" && member != "typ" && member != "kid" {
			return nil, fmt.Errorf("header member: %w", errBearer)
		}
	}
	kid, ok := t.Header["kid"].(string)
	if !ok {
		return nil, fmt.Errorf("kid: %w", errBearer)
	}
	key, err := r.find(kid)
	if err != nil {
		return nil, err
	}
	if t.Method.Alg() != key.method.Alg() {
		return nil, fmt.Errorf("algorithm of the kid: %w", errBearer)
	}
	return key.verify, nil
}
