package archtest

// module is the prefix of our own import paths.
const module = "guardhouse/"

// engine is the one package that links llama.cpp.
const engine = "internal/inference/llamacpp"

// row says what a package may import from this module (paths below the module), and why.
type row struct {
	imports []string
	reason  string
	// nativeTests: its tests may link the engine, in files that -tags nollama leaves out.
	nativeTests bool
}

// table is the package map. A package without a row fails, and so does a row without a package.
var table = map[string]row{ //nolint:gochecknoglobals // a constant in all but type
	"cmd/guardhouse": {
		imports: []string{
			"internal/access", "internal/app", "internal/audit", "internal/auth", "internal/backup", "internal/bench", "internal/canary", "internal/catalog", "internal/checkpoint", "internal/config",
			"internal/doctor", "internal/export", "internal/fault", "internal/forward", "internal/gguf", "internal/gpu", "internal/health", "internal/hygiene", "internal/inference", engine, "internal/isa", "internal/limit", "internal/logfile", "internal/moderation", "internal/prompt", "internal/policy", "internal/proof", "internal/rehearsal", "internal/request", "internal/retention", "internal/review", "internal/rule", "internal/sandbox", "internal/settings", "internal/supervise", "internal/trial", "internal/usage", "internal/verify", "models",
		},
		reason:      "hands the engine to app and speaks to the services that app built; the only one that links the engine",
		nativeTests: true,
	},
	"internal/app": {
		imports: []string{
			"internal/access", "internal/alert", "internal/audit", "internal/auth", "internal/auth/keyring", "internal/backup", "internal/canary", "internal/catalog", "internal/chat", "internal/checkpoint", "internal/config", "internal/db", "internal/doctor", "internal/events", "internal/evidence", "internal/examples",
			"internal/export", "internal/fault", "internal/filters", "internal/forward", "internal/gpu", "internal/httpapi", "internal/httpapi/strictjson", "internal/httpapi/tlsfiles", "internal/hygiene", "internal/inference", "internal/limit", "internal/manager", "internal/metrics",
			"internal/moderation", "internal/overview", "internal/policy", "internal/prompt", "internal/proof", "internal/rehearsal", "internal/request", "internal/retention", "internal/review", "internal/rule", "internal/sandbox", "internal/settings", "internal/usage", "internal/verify", "web",
		},
		reason:      "the one composition: knows every package but the engine, which is handed in, so that it builds without C++",
		nativeTests: true,
	},
	"internal/canary": {
		imports:     []string{"internal/access", "internal/audit", "internal/catalog", "internal/db", "internal/fault", "internal/moderation", "internal/prompt"},
		reason:      "holds guards to what they said before: asks moderation, vouches in the log, and shows in the catalogue what came of it",
		nativeTests: true,
	},
	"internal/apptest":  {imports: []string{"internal/db"}, reason: "migrated databases for tests; only _test files import it"},
	"internal/archtest": {reason: "reads the tree as text"},

	"internal/fault":  {reason: "the error everybody answers with: below everything"},
	"internal/isa":    {reason: "looks at the processor before anything else runs: no package of ours below it"},
	"internal/config": {imports: []string{"internal/forward/outbound", "internal/rule"}, reason: "settings as plain values, rates and hosts in the spelling of those who use them: cmd and app translate them into option structs"},
	"internal/db":     {imports: []string{"internal/fault", "internal/tally", "migrations"}, reason: "SQLite and nothing of any domain"},
	"internal/audit":  {imports: []string{"internal/db", "internal/fault", "internal/tally"}, reason: "the log knows no gate, so the gate may write to it"},
	"internal/proof":  {imports: []string{"internal/fault"}, reason: "the form of signed notes and who signed them, pure: an auditor's machine reads them without a server"},
	"internal/verify": {
		imports: []string{"internal/audit", "internal/evidence/archive", "internal/fault", "internal/proof"},
		reason:  "holds the log, an export or a pack of it, against what was signed: without a server, a gate or a key that signs",
	},
	"internal/checkpoint": {
		imports: []string{"internal/access", "internal/audit", "internal/auth/secretfile", "internal/db", "internal/fault", "internal/proof"},
		reason:  "signs what the log says: reads its end, keeps the key in a file that only its owner reads, and changes it through the gate",
	},
	"internal/access": {imports: []string{"internal/audit", "internal/db", "internal/fault", "internal/limit", "internal/rule"}, reason: "decides and records; knows neither credentials nor models"},
	"internal/auth": {
		imports: []string{"internal/access", "internal/audit", "internal/auth/keyring", "internal/auth/names", "internal/auth/password", "internal/auth/secretfile", "internal/db", "internal/fault", "internal/filters", "internal/rule"},
		reason:  "credentials into principals; user and key administration passes the gate and names its audit entries",
	},
	"internal/auth/keyring": {
		imports: []string{"internal/auth/password", "internal/auth/secretfile", "internal/fault"},
		reason:  "signs and reads bearers; asks password whether a secret of the settings was typed on a keyboard",
	},
	"internal/auth/names": {imports: []string{"internal/fault"}, reason: "which names may be and which are one: pure, because its answers stand in databases"},
	"internal/auth/password": {
		imports: []string{"internal/auth/names", "internal/fault"},
		reason:  "rules, guesses and hashes: pure, so no rule looks into the store to decide",
	},
	"internal/auth/secretfile": {imports: []string{"internal/fault"}, reason: "files that only their owner reads: the root key and the bearer keys need the same checks"},

	"internal/settings": {
		imports: []string{"internal/access", "internal/audit", "internal/db", "internal/fault"},
		reason:  "keeps what the console stored and who stored it; what a key means is app's to say",
	},

	"internal/backup": {
		imports: []string{"internal/access", "internal/audit", "internal/auth", "internal/db", "internal/fault", "internal/verify"},
		reason:  "writes and reads one archive; a restore ends access and leaves its row, so it needs the gate, and no service above it",
	},

	"internal/bench": {imports: []string{"internal/fault"}, reason: "measures a server from outside, as a client would: what it knew of the server's packages it could not measure"},

	"internal/doctor": {
		imports: []string{"internal/audit", "internal/catalog", "internal/checkpoint", "internal/db", "internal/export", "internal/fault", "internal/gpu", "internal/inference", "internal/isa", "internal/sandbox", "internal/settings", "internal/verify", "models"},
		reason:  "looks at a folder and a machine without the services: it must work where they refuse to start",
	},
	"internal/health":    {reason: "asks a server from outside, as a container's check does: what it knew of the server's packages it could not ask"},
	"internal/crash":     {imports: []string{"internal/fault", "internal/inference"}, reason: "whose payload ended the process: digests, a table in shared memory and who is told; knows no process and no text"},
	"internal/logfile":   {reason: "the server's log as a file: bytes in, whole lines out"},
	"internal/limit":     {imports: []string{"internal/fault"}, reason: "how much and how often, pure: knows no rule, no request and no store"},
	"internal/rule":      {imports: []string{"internal/fault"}, reason: "what a model rule means, pure: decides on values alone, so that it can be held against an oracle"},
	"internal/supervise": {imports: []string{"internal/crash"}, reason: "one worker of this very binary under a small parent: processes, pipes and patience; knows no setting, no database and no model"},
	"internal/tally":     {reason: "plain counts that anybody may keep and metrics reads"},
	"internal/metrics":   {imports: []string{"internal/tally"}, reason: "names of metrics and their registry; asks plain functions, knows no service"},

	"internal/policy": {
		imports: []string{"internal/access", "internal/audit", "internal/db", "internal/fault", "internal/rule"},
		reason:  "rules as people write them, with names, history and a file; the gate keeps them and decides",
	},
	"internal/request": {
		imports: []string{"internal/access", "internal/audit", "internal/db", "internal/fault", "internal/rule"},
		reason:  "asks for rules and grants them through the gate; knows no catalogue, so that asking tells nothing",
	},
	"internal/review": {
		imports: []string{"internal/access", "internal/audit", "internal/db", "internal/fault", "internal/rule"},
		reason:  "has rules looked over and removed through the gate; what a rule means is rule's",
	},
	"internal/usage": {
		imports: []string{"internal/access", "internal/audit", "internal/db", "internal/fault", "internal/limit"},
		reason:  "shows the gate's counts to those whom they are about",
	},

	"internal/export": {
		imports: []string{"internal/access", "internal/audit", "internal/db", "internal/fault", "internal/proof"},
		reason:  "writes the log out with its proof; what signs is handed in, so that formats know no keys",
	},

	"internal/evidence": {
		imports: []string{"docs", "internal/access", "internal/auth", "internal/catalog", "internal/evidence/archive", "internal/export", "internal/fault", "internal/policy", "internal/proof"},
		reason:  "one file of what others know: it reads through the services, and export lets it in and records it",
	},
	"internal/evidence/archive": {imports: []string{"internal/fault"}, reason: "the one layout of a pack's file, pure: whoever writes and whoever checks it hold it against the same bytes"},

	"internal/retention": {
		imports: []string{"internal/access", "internal/audit", "internal/db", "internal/fault", "internal/proof"},
		reason:  "removes what is old enough under signed tombstones and keeps what is held; what signs, forwards and is set is handed in",
	},

	"internal/forward": {
		imports: []string{"internal/access", "internal/audit", "internal/db", "internal/fault", "internal/forward/outbound", "internal/forward/syslog", "internal/forward/webhook"},
		reason:  "sends the log to other machines and keeps how far each is; targets are administered through the gate",
	},
	"internal/forward/outbound": {imports: []string{"internal/fault"}, reason: "the one way out to other machines: knows where it may go, and nothing of what is sent"},
	"internal/forward/syslog":   {imports: []string{"internal/audit"}, reason: "rows as messages, and connections that say what was read: no target, no cursor"},
	"internal/forward/webhook":  {imports: []string{"internal/audit"}, reason: "signatures and one post, pure but for the client that it is handed"},
	"internal/alert": {
		imports: []string{"internal/audit", "internal/db", "internal/fault"},
		reason:  "tells once of what needs somebody, as rows of the log; what is looked at is handed in",
	},

	"internal/filters": {imports: []string{"internal/db", "internal/fault"}, reason: "a person's bookmarks: opens nothing, so it asks nobody; auth ends them with the account"},

	"internal/gpu":       {reason: "decides which library may be loaded, and how much of a model goes on a GPU: loads nothing itself"},
	"internal/gguf":      {imports: []string{"internal/fault"}, reason: "reads hostile files: as little around it as possible"},
	"internal/tokenizer": {imports: []string{"internal/fault", "internal/gguf"}, reason: "its vocabulary comes out of a model file"},
	"internal/prompt":    {imports: []string{"internal/fault", "internal/gguf", "internal/tokenizer"}, reason: "pure: text and a model file in, token ids out"},

	"internal/gguf/malform": {reason: "broken files for tests, made without the reader that they try; only _test files import it"},

	"internal/sandbox": {imports: []string{"internal/fault"}, reason: "a child of this program and what confines it: as little in it as possible, for hostile bytes meet native code there"},

	"internal/trial": {imports: []string{"internal/fault", "internal/inference", "internal/sandbox"}, reason: "loads a stranger's model in a child: both ends of it, without the catalogue"},

	"internal/inference":       {imports: []string{"internal/access", "internal/fault", "internal/tally"}, reason: "asks for a Pass before anything runs; knows no text"},
	"internal/inference/shape": {imports: []string{"internal/gguf", "internal/inference"}, reason: "what a header says of memory, once for whoever foresees it and whoever lays it out"},
	"internal/inference/fake":  {imports: []string{"internal/fault", "internal/inference"}, reason: "the deterministic engine of everybody's tests"},
	engine:                     {imports: []string{"internal/fault", "internal/gguf", "internal/gpu", "internal/inference", "internal/inference/shape", engine + "/kernel"}, reason: "native code behind one adapter", nativeTests: true},
	engine + "/kernel":         {reason: "plugs into the engine's C++ below the adapter; knows no model", nativeTests: true},
	engine + "/kernel/kerneltest": {
		imports: []string{engine + "/kernel"}, reason: "single products for tests and benchmarks; only _test files import it", nativeTests: true,
	},

	"internal/catalog": {
		imports: []string{
			"internal/access", "internal/audit", "internal/db", "internal/fault", "internal/gguf", "internal/prompt", "internal/tokenizer", "models",
		},
		reason: "an import proves that file, vocabulary and template work together before the model is listed",
	},
	"internal/manager": {
		imports:     []string{"internal/catalog", "internal/fault", "internal/gguf", "internal/inference", "internal/inference/shape"},
		reason:      "which models are in memory and when: what a model is for, its kind's Loader knows",
		nativeTests: true,
	},
	"internal/chat": {
		imports: []string{
			"internal/access", "internal/audit", "internal/catalog", "internal/fault", "internal/inference", "internal/limit", "internal/manager", "internal/prompt", "internal/tokenizer",
		},
		reason: "what models write: leases a model as the verdict does, and stores nothing but the log's rows",
	},
	"internal/moderation": {
		imports: []string{
			"internal/access", "internal/audit", "internal/catalog", "internal/db", "internal/fault", "internal/inference", "internal/limit", "internal/manager", "internal/prompt",
			"internal/tally", "internal/tokenizer",
		},
		reason:      "the verdict: leases a guard and stores what it says",
		nativeTests: true,
	},

	"internal/events": {
		imports: []string{"internal/access", "internal/audit", "internal/catalog", "internal/fault", "internal/moderation"},
		reason:  "shows principals what their lists would: it reads the log and asks the gate, and decides nothing",
	},

	"internal/overview": {
		imports: []string{
			"internal/access", "internal/audit", "internal/auth", "internal/catalog", "internal/doctor", "internal/fault", "internal/inference", "internal/moderation",
		},
		reason: "one look over everything: it reads through the services, owns no data and decides nothing",
	},

	"internal/rehearsal": {
		imports: []string{"internal/access", "internal/audit", "internal/catalog", "internal/fault", "internal/limit", "internal/rule"},
		reason:  "says what rules would do: asks the gate and reads the log, decides nothing and writes nothing",
	},

	"internal/hygiene": {
		imports: []string{"internal/access", "internal/audit", "internal/catalog", "internal/db", "internal/fault", "internal/rule"},
		reason:  "looks rules over and proposes; what is done goes through the gate, and keys through whoever owns them",
	},

	"internal/examples": {
		imports: []string{"internal/access", "internal/fault", "internal/moderation", "internal/prompt"},
		reason:  "shipped texts and what the default guard says of them: asks moderation as anybody would",
	},

	"internal/httpapi": {
		imports: []string{
			"internal/access", "internal/alert", "internal/audit", "internal/auth", "internal/canary", "internal/catalog", "internal/chat", "internal/checkpoint", "internal/doctor", "internal/events", "internal/evidence", "internal/examples", "internal/export", "internal/fault", "internal/filters", "internal/forward", "internal/httpapi/gen", "internal/httpapi/strictjson",
			"internal/httpapi/wire", "internal/hygiene", "internal/inference", "internal/limit", "internal/manager", "internal/metrics", "internal/moderation", "internal/overview", "internal/policy", "internal/prompt", "internal/rehearsal", "internal/request", "internal/retention", "internal/review",
			"internal/rule", "internal/settings", "internal/usage", "internal/verify",
		},
		reason: "translates between HTTP and the domain; of audit only reading, never a model",
	},
	"internal/httpapi/gen":        {imports: []string{"internal/httpapi/wire"}, reason: "generated from openapi.yaml"},
	"internal/httpapi/strictjson": {imports: []string{"internal/fault"}, reason: "the token pass over a body, before any schema"},
	"internal/httpapi/tlsfiles":   {reason: "the local authority and its leaf"},
	"internal/httpapi/wire":       {reason: "scalars in the contract's exact spelling"},

	"docs":       {reason: "the verifier in Python and its embed"},
	"migrations": {reason: "SQL files and their embed"},
	"models":     {reason: "the default model, its manifest and their embed"},
	"web":        {reason: "the built console and its embed"},
}

// fence says where a module of others may be imported.
type fence struct {
	in     []string // packages, each with what lies below it
	files  string   // base names that may as well, as a glob; "" = none
	tests  bool     // any test may import it
	reason string
}

// fences: a dependency without a row fails, so a new one is decided here.
var fences = map[string]fence{ //nolint:gochecknoglobals // a constant in all but type
	"github.com/gin-gonic/gin":        {in: []string{"internal/httpapi"}, reason: "routing is httpapi's"},
	"github.com/oapi-codegen/runtime": {in: []string{"internal/httpapi/gen"}, reason: "what generated code calls"},
	"github.com/getkin/kin-openapi":   {in: []string{"internal/httpapi"}, reason: "reads the contract"},
	"github.com/casbin/casbin/v2":     {in: []string{"internal/access"}, reason: "one place decides"},
	"github.com/golang-jwt/jwt/v5":    {in: []string{"internal/auth/keyring"}, reason: "one place reads tokens"},
	"golang.org/x/crypto":             {in: []string{"internal/auth/password", "internal/backup"}, reason: "password hashing, and the passphrase of an archive"},
	"github.com/ollama/ollama":        {in: []string{engine}, reason: "frozen upstream behind one adapter"},
	"gorm.io/gorm":                    {in: []string{"internal/db"}, files: "store*.go", tests: true, reason: "SQL lives in stores"},
	"gorm.io/driver/sqlite":           {in: []string{"internal/db"}, reason: "one database driver, opened in one place"},
	"github.com/mattn/go-sqlite3":     {in: []string{"internal/db"}, tests: true, reason: "driver errors are translated at the bottom"},
	"github.com/pressly/goose/v3":     {in: []string{"internal/db"}, reason: "migrations run in one place"},
	"github.com/spf13/cobra":          {in: []string{"cmd/guardhouse"}, reason: "the command line"},
	"github.com/spf13/pflag":          {in: []string{"cmd/guardhouse"}, reason: "the types of the command line's flags"},
	"go.yaml.in/yaml/v3":              {in: []string{"internal/config", "internal/httpapi", "internal/rule"}, tests: true, reason: "one strict file, the contract in the order in which it is written, and the rules as a file"},
	"github.com/prometheus":           {in: []string{"internal/metrics"}, reason: "one place names metrics"},
	"github.com/oklog/ulid/v2":        {in: []string{"internal"}, reason: "ids"},
	"golang.org/x/text":               {in: []string{"internal"}, reason: "normalisation and case folding"},
	"golang.org/x/mod":                {in: []string{"internal/proof"}, reason: "the signed note, and nothing else of it"},
	"golang.org/x/sys":                {in: []string{"cmd/guardhouse", "internal/app", "internal/catalog", "internal/checkpoint", "internal/crash", "internal/db", "internal/doctor", "internal/forward/syslog", "internal/gpu", "internal/manager", "internal/policy", "internal/sandbox", "internal/supervise", engine}, tests: true, reason: "locks, memfd, terminal, what a machine can do, what a child may not"},
	"github.com/stretchr/testify":     {in: []string{"internal/apptest"}, tests: true, reason: "assertions"},
	"pgregory.net/rapid":              {tests: true, reason: "property tests"},
	"C":                               {in: []string{engine, "internal/isa", "internal/sandbox"}, reason: "cgo of our own is the engine's shim, and what must run before Go does"},
	"net/http":                        {in: []string{"internal/httpapi", "internal/app", "internal/apptest", "internal/bench", "internal/forward", "internal/health"}, tests: true, reason: "domain packages know nothing of HTTP"},
}
