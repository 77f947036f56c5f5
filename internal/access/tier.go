package access

import (
	"slices"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// Tiers of confirmation: how an act is asked about before it is done. The pages ask; TierPassword the server asks for itself.
const (
	TierUndo     = 1 // done at once
	TierDialog   = 2 // a dialog names the object and the effect
	TierName     = 3 // the name is typed
	TierPassword = 4 // the password is typed again, good for some minutes
	TierSecond   = 5 // a second person decides
)

// Tiers answers the tier of every act of administration. Whoever gives an administrator's role, sets somebody's password, edits
// a role or makes an administrator's key can act as an administrator from then on: these have the same tier. Whoever lets people
// into a model decides as much (threat Z9): a change of rules that opens, an approval and a move into or out of a group that is
// one ask for the password too. What only closes is never held up by more than a dialog. An account made in a role that an allow
// names is a dialog all the same: who has which role is for user.manage to say.
func Tiers() map[string]int {
	return map[string]int{
		"user.create": TierDialog, "user.set_role": TierDialog, "user.set_name": TierUndo, "user.disable": TierDialog, "user.enable": TierDialog,
		"user.grant_admin": TierPassword, "user.reset_password": TierPassword, "user.delete": TierName, "user.end_sessions": TierDialog,
		"role.create": TierPassword, "role.change": TierPassword, "role.delete": TierPassword,
		"group.create": TierUndo, "group.change": TierUndo, "group.add": TierDialog, "group.remove": TierDialog, "group.delete": TierName,
		"key.create": TierDialog, "key.create_admin": TierPassword, "key.confirm": TierPassword, "key.revoke": TierDialog,
		"key.rotate": TierDialog, "key.rotate_admin": TierPassword, "key.revoke_all": TierDialog,
		"session.end": TierUndo, "settings.change": TierDialog, "forward.change": TierPassword, "audit.rotate_key": TierPassword,
		"acl.change": TierDialog, "acl.open": TierPassword, "group.open": TierPassword,
		"model.load": TierUndo, "model.unload": TierDialog, "model.default": TierDialog, "model.verify": TierUndo, "model.remove": TierName,
		"access.ask": TierUndo, "access.withdraw": TierDialog, "access.approve": TierPassword, "access.decline": TierDialog,
		"records.keep": TierPassword, "records.remove": TierPassword, "records.clock": TierPassword, "hold.add": TierPassword, "hold.release": TierPassword,
		"export_schedule.add": TierPassword, "export_schedule.remove": TierPassword,
		"review.begin": TierUndo, "review.keep": TierUndo, "review.remove": TierDialog, "review.close": TierDialog,
	}
}

// Confirmed refuses an act of TierPassword (ConfirmationRequired) to a browser's session whose password was not typed again
// lately. Keys, bearers and the command line are never asked: whoever holds one has nothing to type.
func (p Principal) Confirmed() error {
	if p.Unconfirmed {
		return fault.New(fault.ConfirmationRequired, "Type your password again first: this act needs it.")
	}
	return nil
}

// Administrative says whether a role with these actions can come to more rights, or give others more, than it was given.
func Administrative(actions []Action) bool {
	return slices.ContainsFunc(actions, func(a Action) bool {
		return slices.Contains([]Action{UserManage, KeyManage, ModelManage, ACLManage, SettingsManage}, a)
	})
}

// Administrates is Administrative for what the role holds inside the transaction.
func (g *Guard) Administrates(tx *db.Tx, role string) (bool, error) {
	actions, _, err := roleActions(tx, role)
	return Administrative(actions), err
}
