package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"

	"guardhouse/internal/fault"
)

const (
	cursorTag    = 12
	maxCursor    = 256
	defaultLimit = 50
	maxLimit     = 500
)

// seal answers an opaque cursor that only this server, this list and this caller can use again.
func (s *Service) seal(list, caller, position string) string {
	return base64.RawURLEncoding.EncodeToString(append(s.cursorMAC(list, caller, position), position...))
}

// unseal answers the position in cursor, "" for the first page; a foreign or changed cursor is Invalid.
func (s *Service) unseal(list, caller, cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	refused := fault.New(fault.Invalid, "This cursor doesn't belong to this list. Start again without it.").WithField("cursor")
	if len(cursor) > maxCursor {
		return "", refused
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) <= cursorTag {
		return "", refused
	}
	position := string(raw[cursorTag:])
	// The decoder skips line breaks; a cursor has one spelling.
	if !hmac.Equal(raw[:cursorTag], s.cursorMAC(list, caller, position)) || s.seal(list, caller, position) != cursor {
		return "", refused
	}
	return position, nil
}

func (s *Service) cursorMAC(list, caller, position string) []byte {
	mac := hmac.New(sha256.New, s.cursorKey)
	for _, part := range []string{list, caller, position} {
		mac.Write([]byte{byte(len(part) >> 8), byte(len(part))})
		mac.Write([]byte(part))
	}
	return mac.Sum(nil)[:cursorTag]
}

func pageLimit(limit int) (int, error) {
	switch {
	case limit == 0:
		return defaultLimit, nil
	case limit < 0 || limit > maxLimit:
		return 0, fault.New(fault.Invalid, "limit is 1 to 500").WithField("limit")
	}
	return limit, nil
}
