package auth

import "context"

// KeyNames is what people know a key by.
type KeyNames struct {
	Prefix, Label, Owner string
}

// KeyNames answers what people know a key by, also one that is revoked; nothing for one that is not there. Whoever shows it asks
// first who may see keys.
func (s *Service) KeyNames(ctx context.Context, id string) (KeyNames, error) {
	row, ok, err := s.store.keyByID(ctx, id)
	if err != nil || !ok {
		return KeyNames{}, err
	}
	return KeyNames{Prefix: row.Prefix, Label: row.Label, Owner: row.Username}, nil
}
