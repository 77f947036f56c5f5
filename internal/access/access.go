// Package access is the one gate: who may do what with which model. Enter decides (role, key scopes, model rules, deny by
// default) and answers a Pass; a Pass commits the outcome and its audit row together. It owns principals, actions, the
// casbin policy and the stored model rules, and holds every use of a model against its limits; what a rule means and how much
// is left are packages rule and limit. It may import these, audit, db and fault, and nothing else may decide access.
package access

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/limit"
	"guardhouse/internal/rule"
)

// Action is what a role can permit.
type Action string

// The actions of the roles table, and those of signing in, which are nobody's permission.
const (
	ExampleRead       Action = "example.read"
	ModelView         Action = "model.view"
	ModerationRun     Action = "moderation.run"
	ModerationRead    Action = "moderation.read"
	ModerationReadAll Action = "moderation.read_all"
	AnalysisView      Action = "analysis.view"
	AnalysisRun       Action = "analysis.run"
	AnalysisReport    Action = "analysis.report"
	ImageGenerate     Action = "image.generate"
	ChatRun           Action = "chat.run"
	KeyOwn            Action = "key.own"
	SessionOwn        Action = "session.own"
	UserManage        Action = "user.manage"
	KeyManage         Action = "key.manage"
	ModelManage       Action = "model.manage"
	ACLManage         Action = "acl.manage"
	SettingsManage    Action = "settings.manage"
	AuditRead         Action = "audit.read"
	AuditExport       Action = "audit.export"
	MetricsRead       Action = "metrics.read"

	AuthSetup   Action = "auth.setup"
	AuthLogin   Action = "auth.login"
	AuthLogout  Action = "auth.logout"
	AuthRefresh Action = "auth.refresh"
	AuthConfirm Action = "auth.confirm"
)

// AllActions lists what a role can hold, in the order of the roles table.
func AllActions() []Action {
	return []Action{
		ExampleRead, ModelView, ModerationRun, ModerationRead, ModerationReadAll, AnalysisView, AnalysisRun, AnalysisReport,
		ImageGenerate, ChatRun, KeyOwn, SessionOwn, UserManage, KeyManage, ModelManage, ACLManage, SettingsManage, AuditRead,
		AuditExport, MetricsRead,
	}
}

// Operation is what is done with a model.
type Operation = rule.Operation

// The operations. A rule may also say "*".
const (
	View     = rule.View
	Infer    = rule.Infer
	Train    = rule.Train
	Download = rule.Download
)

// Op is one attempt. Operation is "" when no model is used; then Model, if given, only stands in the audit row.
type Op struct {
	Action                       Action
	Operation                    Operation
	Model, ModelSHA256, Resource string
	Unknown                      bool     // the caller's catalog has no such model: the answer is NotFound, with its row
	Counted                      bool     // limits hold although no model is used: whatever asks as a use would
	Items                        int      // how many inputs this stands for, in details.items when above zero
	Cost                         Cost     // what it will take of quotas, as far as it is known before
	Content                      [][]byte // only its keyed hash is kept
	// Price answers Cost where finding it out is work. Enter asks it behind every other reason to refuse, and only where a
	// quota depends on it; nil where Cost is all there is to say.
	Price func(ctx context.Context) Cost
}

// Origin is where a request came from.
type Origin struct {
	IP                            netip.Addr
	UserAgent, RequestID, Purpose string
}

// Kinds of principal.
const (
	KindUser      = "user"
	KindKey       = "key"
	KindAnonymous = "anonymous"
	KindSystem    = "system"
	// KindGroup is nobody who could come: any member of a group, for questions about what its rules say (PrincipalOf).
	KindGroup = "group"
)

// Principal is who asks. For a key, UserID, Name and Role are its owner's; empty scopes and ranges narrow nothing.
type Principal struct {
	Kind               string
	UserID, Name, Role string
	Groups             []string // ids; Enter and whoever else decides at once reads them from the policy instead
	KeyID              string
	// KeyLine is the first of the keys that rotations made one from the other, KeyID itself for one that is the first: rules
	// and limits name it, so that a rotation sheds neither.
	KeyLine                  string
	Service                  bool // UserID is a service account
	KeyModels, KeyOperations []string
	KeyIPRanges              []netip.Prefix // from where the key may come
	KeyRate                  *rule.Rate     // how often, nil for no limit of its own
	SessionID                string
	// Via says how the session was shown: ViaCookie, or the kid of the bearer. Until is when that bearer ends. Whoever keeps
	// a principal for longer than one request needs both to ask whether it is still good.
	Via    string
	Until  time.Time
	Origin Origin
	// Unconfirmed: it came by a browser's cookie, and nobody typed the password to this session within the last minutes. What
	// the tiers call TierPassword is refused to it.
	Unconfirmed bool
	// Barred says why nobody could come as this principal at all, "" where somebody can: PrincipalOf also answers for an account
	// that is disabled and a key that has ended. Everything is refused to it.
	Barred string
}

// line is how rules and limits name p's key, "" without one.
func (p Principal) line() string {
	if p.KeyLine != "" {
		return p.KeyLine
	}
	return p.KeyID
}

// ViaCookie is the Via of a session that was shown by its cookie.
const ViaCookie = "cookie"

// Anonymous is anybody who has shown no credential. Only the auth actions are open to it.
func Anonymous(o Origin) Principal { return Principal{Kind: KindAnonymous, Origin: o} }

// System is the command line. It is allowed by default, subject to denies on "*".
func System(osUser string) Principal { return Principal{Kind: KindSystem, Name: "cli:" + osUser} }

// Options of a Guard. Default is what a model without any rule does: deny (also when empty) or allow.
//
// Uncounted is for processes beside the one that serves: they hold nobody against limits, because each would begin to count
// anew, and what they stored would replace the server's counts.
type Options struct {
	Default   string
	Limits    Limits
	Uncounted bool
	Recheck   time.Duration // how often Pass.While asks again; 0 = 5 s
	Now       func() time.Time
	Log       *slog.Logger
}

// Guard decides. All methods may be called from any goroutine.
type Guard struct {
	db         *db.DB
	audit      *audit.Log
	allowByDef bool
	now        func() time.Time
	log        *slog.Logger
	current    atomic.Pointer[snapshot]
	reloadMu   sync.Mutex
	limits     atomic.Pointer[limits]
	limiter    *limit.Limiter // nil where nothing is counted
	recheck    time.Duration
	refusals   refusals // of strangers, by address
	freeShare  func() (float64, error)
	lowDisk    atomic.Bool
}

// New loads the policy and answers the gate. It refuses an unknown default and a policy it cannot read.
func New(ctx context.Context, d *db.DB, log *audit.Log, o Options) (*Guard, error) {
	if o.Default != "" && o.Default != "deny" && o.Default != "allow" {
		return nil, fault.New(fault.Invalid, "acl.default must be deny or allow").WithField("acl.default")
	}
	g := &Guard{db: d, audit: log, allowByDef: o.Default == "allow", now: o.Now, log: o.Log, freeShare: d.FreeShare}
	if g.now == nil {
		g.now = time.Now //nolint:forbidigo // the clock of whoever hands in none
	}
	if g.recheck = o.Recheck; g.recheck <= 0 {
		g.recheck = recheckEvery
	}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	g.SetLimits(o.Limits)
	if err := g.Reload(ctx); err != nil || o.Uncounted {
		return g, err
	}
	g.limiter = limit.New(g.now(), limit.Options{})
	return g, g.loadLimits(ctx)
}

// PolicyVersion answers the version that decisions are made under now.
func (g *Guard) PolicyVersion() int64 { return g.current.Load().version }

// Can says whether a's role check would pass for p. It is an early refusal and a hint for pages, never the authority.
func (g *Guard) Can(p Principal, a Action) bool { return g.current.Load().permits(p, a) }

// Actions lists what p's role and key scopes permit, in the order of the roles table.
func (g *Guard) Actions(p Principal) []Action {
	s := g.current.Load()
	return slices.DeleteFunc(AllActions(), func(a Action) bool { return !s.permits(p, a) })
}

// VisibleModels answers those of ids that p may know of, in the same order.
func (g *Guard) VisibleModels(p Principal, ids []string) []string {
	s := g.current.Load()
	p, at := s.member(p), g.now()
	visible := make([]string, 0, len(ids))
	for _, id := range ids {
		if inScope(p.KeyOperations, string(View)) && s.sees(s.set, asked{p, id, at}).allowed {
			visible = append(visible, id)
		}
	}
	return visible
}
