// Package audit keeps the append-only log: one row per attempt, chained by hash, written in the caller's transaction, and
// read with filters. docs/audit.md fixes the encoding well enough to write a second verifier.
// It may import db and fault.
package audit

import (
	"encoding/json"
	"slices"
	"time"

	"guardhouse/internal/db"
)

// Version is the `v` of the rows this release writes. A new field means a new version; Verify reads every one.
const Version = 1

// Genesis is the prev_hash of the first row.
const Genesis = "0000000000000000000000000000000000000000000000000000000000000000"

// Decisions that a row can carry.
const (
	Allow = "allow"
	Deny  = "deny"
	Error = "error"
)

// Actor is who did it. Type is user, key, anonymous or system.
type Actor struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Entry is what a caller says of an attempt; the log adds place, time and hashes.
type Entry struct {
	ID                                   string // made if empty
	Actor                                Actor
	KeyID                                string
	Roles, Groups                        []string
	Purpose, Operation, IP, UserAgent    string
	Action, Resource, Model, ModelSHA256 string
	Decision/* allow|deny|error */ string
	Reason, RuleID string
	PolicyVersion  int64
	RequestID      string
	Content        [][]byte // hashed with the id under a key, never stored
	Duration       time.Duration
	Details        map[string]any // strings, booleans, null, whole numbers, lists and objects of these

	hashed contentHash
}

// contentHash is the hash of an entry's content under an id.
type contentHash struct{ id, hash string }

// Event is one row. Its JSON is the published form, from which alone the hash can be computed again.
type Event struct {
	V             int
	ID            string
	Seq           int64
	At            time.Time
	Actor         Actor
	KeyID         string
	Roles         []string
	Groups        []string
	Purpose       string
	Operation     string
	IP            string
	UserAgent     string
	Action        string
	Resource      string
	Model         string
	ModelSHA256   string
	Decision      string
	Reason        string
	RuleID        string
	PolicyVersion int64
	RequestID     string
	ContentHash   string
	Duration      time.Duration // whole microseconds; duration_ms in JSON
	Details       map[string]any
	PrevHash      string
	Hash          string
}

// Log appends and reads. All methods may be called from any goroutine.
type Log struct {
	db         *db.DB
	contentKey []byte
	appended   chan struct{}
	counting   chan struct{} // a token for each volume that is counted now
	stats      *stats
}

// New answers the log of a database. contentKey keys the hashes of contents.
func New(d *db.DB, contentKey []byte) *Log {
	return &Log{db: d, contentKey: slices.Clone(contentKey), appended: make(chan struct{}, 1), counting: make(chan struct{}, maxCounting), stats: newStats()}
}

// Appended answers the channel that holds a token when rows of this process became durable since it was last read. It is
// for one reader, who finds the rows of other processes by asking After now and then.
func (l *Log) Appended() <-chan struct{} { return l.appended }

// poke never waits: a writer owes nothing to whoever follows the log.
func (l *Log) poke() {
	select {
	case l.appended <- struct{}{}:
	default:
	}
}

// wire is the published form of an event, member by member.
type wire struct {
	V             int             `json:"v"`
	ID            string          `json:"id"`
	Seq           int64           `json:"seq"`
	At            string          `json:"at"`
	Actor         Actor           `json:"actor"`
	KeyID         string          `json:"key_id"`
	Roles         []string        `json:"roles"`
	Groups        []string        `json:"groups"`
	Purpose       string          `json:"purpose"`
	Operation     string          `json:"operation"`
	IP            string          `json:"ip"`
	UserAgent     string          `json:"user_agent"`
	Action        string          `json:"action"`
	Resource      string          `json:"resource"`
	Model         string          `json:"model"`
	ModelSHA256   string          `json:"model_sha256"`
	Decision      string          `json:"decision"`
	Reason        string          `json:"reason"`
	RuleID        string          `json:"rule_id"`
	PolicyVersion int64           `json:"policy_version"`
	RequestID     string          `json:"request_id"`
	ContentHash   string          `json:"content_hash"`
	Duration      json.Number     `json:"duration_ms"`
	Details       json.RawMessage `json:"details"`
	PrevHash      string          `json:"prev_hash"`
	Hash          string          `json:"hash"`
}

// MarshalJSON answers the published form: the canonical encoding with `hash` in it.
func (e Event) MarshalJSON() ([]byte, error) { return encode(e, withHash) }

// UnmarshalJSON reads the published form back.
func (e *Event) UnmarshalJSON(data []byte) error {
	var w wire
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	at, err := time.Parse(timeLayout, w.At)
	if err != nil {
		return err
	}
	duration, err := parseMillis(w.Duration.String())
	if err != nil {
		return err
	}
	details, err := decodeDetails(w.Details)
	if err != nil {
		return err
	}
	*e = Event{
		V: w.V, ID: w.ID, Seq: w.Seq, At: at, Actor: w.Actor, KeyID: w.KeyID, Roles: w.Roles, Groups: w.Groups,
		Purpose: w.Purpose, Operation: w.Operation, IP: w.IP, UserAgent: w.UserAgent, Action: w.Action, Resource: w.Resource,
		Model: w.Model, ModelSHA256: w.ModelSHA256, Decision: w.Decision, Reason: w.Reason, RuleID: w.RuleID,
		PolicyVersion: w.PolicyVersion, RequestID: w.RequestID, ContentHash: w.ContentHash, Duration: duration,
		Details: details, PrevHash: w.PrevHash, Hash: w.Hash,
	}
	return nil
}
