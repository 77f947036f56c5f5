package auth

import (
	"context"

	"guardhouse/internal/access"
	"guardhouse/internal/auth/keyring"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// Rotation says how RotateSigningKey treats the keys before.
type Rotation = keyring.Rotation

// RotateSigningKey makes the key that signs bearers from now on and answers its kid. Nobody is signed out: sessions and
// refresh tokens hang on no key, and without RetireNow the bearers out there stay good until they end. It needs
// settings.manage and no API key, and is Conflict where auth.jwt_secret is set. A server on the same folder notices within
// a second.
func (s *Service) RotateSigningKey(ctx context.Context, p access.Principal, o Rotation) (kid string, err error) {
	pass, err := s.guard.Enter(ctx, p, access.Op{Action: access.SettingsManage, Resource: "signing-key"})
	if err != nil {
		return "", err
	}
	if p.Kind == access.KindKey {
		return "", settle(ctx, pass, refusal{err: fault.New(fault.Forbidden, "A key can't replace keys: sign in.")}, nil)
	}
	made, err := s.ring.Prepare()
	if err != nil {
		return "", settle(ctx, pass, refusal{err: err}, nil)
	}
	defer pass.Close(&err)
	out := access.Outcome{
		Resource: "signing-key:" + made.Kid(),
		Details:  map[string]any{"change": "rotate", "retire_now": o.RetireNow},
		Check:    func(tx *db.Tx) (map[string]any, error) { return nil, s.guard.Administer(tx, p, access.SettingsManage) },
	}
	if err = commit(ctx, pass, out, nil); err != nil {
		return "", s.ring.Abandon(made, err)
	}
	return made.Kid(), s.ring.Adopt(made, o)
}
