package access

import (
	"slices"
	"time"

	"guardhouse/internal/fault"
)

// adminRole is the shipped role that keeps the product administrable: it can't be deleted, keeps adminFloor, and one
// active person always holds it.
const adminRole = "admin"

const (
	minRoleName        = 2
	maxRoleName        = 64
	maxRoleDescription = 256
	// maxRoles bounds the matrix, which is answered whole and compiled anew at every change: 256 x 20 cells.
	maxRoles = 256
)

// Sources of a cell.
const (
	SourceShipped = "shipped" // as the product came
	SourceChanged = "changed" // somebody gave or took it
)

// Role is a named set of actions with how each cell of it came about.
type Role struct {
	Name, Description    string
	Builtin              bool
	Actions              []Action // in the order of the roles table
	Users                int      // who hold it, disabled ones too, deleted ones not
	Version              int64
	CreatedAt, UpdatedAt time.Time
	Cells                []Cell // one for each action
}

// Cell says of one role and action whether it is allowed and why. ChangedBy is a name; it and EventID, the audit row's id,
// are empty where nobody changed it.
type Cell struct {
	Action             Action
	Allowed            bool
	Keeps              bool // it can't be taken from the role
	Source             string
	ChangedAt          *time.Time
	ChangedBy, EventID string
}

// RoleChange is what a role shall be. A nil Description or nil Actions stays as it is (for a new role: empty). Version, if
// given, is the one that the caller saw. Create refuses a role that exists.
type RoleChange struct {
	Description *string
	Actions     []Action
	Version     *int64
	Create      bool
}

// ShippedActions answers what a role held when the product came, nil for a role that did not come with it. The first
// migration is the truth; a test holds the two together.
func ShippedActions(role string) []Action {
	switch role {
	case adminRole:
		return AllActions()
	case "reviewer":
		return []Action{ExampleRead, ModelView, ModerationRun, ModerationRead, ImageGenerate, ChatRun, KeyOwn, SessionOwn}
	case "radiologist":
		return []Action{ExampleRead, ModelView, AnalysisView, AnalysisRun, AnalysisReport, KeyOwn, SessionOwn}
	case "nurse":
		return []Action{ExampleRead, ModelView, AnalysisView, KeyOwn, SessionOwn}
	case "guest":
		return []Action{ExampleRead, SessionOwn}
	}
	return nil
}

// adminFloor is what the role admin never loses: with less, nobody could give it back.
func adminFloor() []Action {
	return []Action{UserManage, KeyManage, ACLManage, SettingsManage, AuditRead, SessionOwn}
}

// ValidRoleName accepts 2 to 64 of a-z, 0-9, - and _: no pattern, no list and no letter that looks like another.
func ValidRoleName(name string) bool {
	if len(name) < minRoleName || len(name) > maxRoleName {
		return false
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// check answers the change with each action once, in the order of the table, or what is wrong with it.
func (c RoleChange) check(name string) (RoleChange, error) {
	if !ValidRoleName(name) {
		return c, fault.New(fault.Invalid, "A role's name has 2 to 64 small letters, digits, hyphens and underscores.").WithField("role")
	}
	if c.Description != nil && !plainLine(*c.Description, maxRoleDescription) {
		return c, fault.New(fault.Invalid, "description is one line of at most 256 characters.").WithField("description")
	}
	if c.Actions == nil {
		return c, nil
	}
	known := AllActions()
	for _, a := range c.Actions {
		if !slices.Contains(known, a) {
			return c, fault.New(fault.Unprocessable, "There is no such action.").WithField("actions")
		}
	}
	c.Actions = slices.DeleteFunc(known, func(a Action) bool { return !slices.Contains(c.Actions, a) })
	return c, nil
}

func noSuchRole() error { return fault.New(fault.NotFound, "There is no such role.") }

// RoleTarget names the role in an audit row; what can't be a role's name is not written down.
func RoleTarget(name string) string {
	if !ValidRoleName(name) {
		return ""
	}
	return "role:" + name
}
