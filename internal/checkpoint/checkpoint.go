// Package checkpoint signs what the audit log says: it owns the key, writes a checkpoint every so many rows, every so often,
// at the start and at a stop in good order, and copies each to the anchor, a folder that is meant to be in other hands. What is
// signed is proof's; what the log says is audit's. It may not import anything above the gate.
package checkpoint

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/proof"
)

const (
	// keyFolder holds the keys in the data folder, and anchorFolder the copies, where the settings name no other place.
	keyFolder    = "audit"
	anchorFolder = "anchor"
	// lookEvery is how often the log's end is looked at: rows of other processes are seen in no other way, and at 1,000 rows a
	// second a checkpoint is not more than a quarter of 1,000 rows late.
	lookEvery = 250 * time.Millisecond
	// aliveEvery is how often a log that does not grow is signed all the same, so that the anchor shows that it lives.
	aliveEvery = 24 * time.Hour
)

// Options says where keys and copies lie and how often to sign. KeyDir and Anchor are "" for the data folder's own.
type Options struct {
	DataDir, KeyDir, Anchor string
	Rows                    int64
	Every                   time.Duration
	Now                     func() time.Time
	Boot                    func() (Boot, error) // nil = the machine's
	Random                  io.Reader            // nil = the system's
	Log                     *slog.Logger
	Patience                time.Duration        // how long a copy is waited for; 0 = five seconds
	Sync                    func(*os.File) error // makes a copy durable; nil = fsync
}

// KeyDir answers where the keys of a data folder lie.
func KeyDir(dataDir, given string) string {
	if given != "" {
		return given
	}
	return filepath.Join(dataDir, keyFolder)
}

// AnchorDir answers where the copies of a data folder's checkpoints lie.
func AnchorDir(dataDir, given string) string {
	if given != "" {
		return given
	}
	return filepath.Join(dataDir, anchorFolder)
}

// Service signs. All methods may be called from any goroutine.
type Service struct {
	db     *db.DB
	guard  *access.Guard
	o      Options
	log    *slog.Logger
	files  keyFiles
	anchor *anchor

	mu      sync.Mutex // guards what follows
	signers map[string]proof.Signer
	state   State
	started bool
	late    bool // the first checkpoint of this server is still owed
}

// New answers the service of a database. It reads and writes nothing yet.
func New(d *db.DB, g *access.Guard, o Options) *Service {
	if o.Boot == nil {
		o.Boot = ReadBoot
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Patience <= 0 {
		o.Patience = patience
	}
	if o.Sync == nil {
		o.Sync = (*os.File).Sync
	}
	s := &Service{db: d, guard: g, o: o, log: o.Log, signers: map[string]proof.Signer{}}
	s.files = keyFiles{dir: KeyDir(o.DataDir, o.KeyDir), own: o.KeyDir == "", dataDir: o.DataDir}
	s.anchor = &anchor{dir: AnchorDir(o.DataDir, o.Anchor), own: o.Anchor == "", dataDir: o.DataDir, sync: o.Sync}
	return s
}

// Sign answers the note of a text of one of proof's kinds, signed with the key in use; a log without one gets its first. It
// refuses what proof refuses, and fails where the key cannot be read.
func (s *Service) Sign(text []byte) ([]byte, error) {
	signer, err := s.current(context.Background())
	if err != nil {
		return nil, err
	}
	return signer.Sign(text)
}

// Install answers the name under which this log is signed for.
func (s *Service) Install(ctx context.Context) (string, error) { return readInstall(ctx, s.db) }

// Write makes a checkpoint now and copies it. That the copy could not be made is no error: it is made later, and State says
// so until then.
func (s *Service) Write(ctx context.Context, cause string) error {
	_, err := s.write(ctx, cause)
	return err
}

// Take makes a checkpoint because p asks, and leaves his row, which the checkpoint covers. It needs settings.manage.
func (s *Service) Take(ctx context.Context, p access.Principal) (made Row, err error) {
	pass, err := s.guard.Enter(ctx, p, access.Op{Action: access.SettingsManage, Resource: "audit-checkpoint"})
	if err != nil {
		return Row{}, err
	}
	defer pass.Close(&err)
	signer, err := s.current(ctx)
	if err != nil {
		return Row{}, err
	}
	out := access.Outcome{
		Details: map[string]any{"change": "checkpoint"},
		Check:   func(tx *db.Tx) (map[string]any, error) { return nil, s.guard.Administer(tx, p, access.SettingsManage) },
	}
	_, err = pass.Commit(ctx, out, func(tx *db.Tx, _ eventOf) (err error) {
		made, err = s.add(tx, signer, proof.CauseManual)
		return err
	})
	if err != nil {
		return Row{}, err
	}
	s.made(ctx, made)
	return made, nil
}

func (s *Service) write(ctx context.Context, cause string) (made Row, err error) {
	signer, err := s.current(ctx)
	if err != nil {
		return Row{}, err
	}
	err = s.db.Write(func(tx *db.Tx) error {
		made, err = s.add(tx, signer, cause)
		return err
	})
	if err != nil {
		return Row{}, err
	}
	s.made(ctx, made)
	return made, nil
}

// add signs the chain's end as the transaction sees it, which no other process can move before the commit.
func (s *Service) add(tx *db.Tx, signer proof.Signer, cause string) (Row, error) {
	inUse, err := lastKey(tx)
	if err != nil {
		return Row{}, err
	}
	if inUse.ID != signer.ID() {
		// Another process changed the key a moment ago. Its file is small and next to us.
		if signer, err = s.signer(inUse.ID); err != nil {
			return Row{}, err
		}
	}
	seq, hash, err := headIn(tx)
	if err != nil {
		return Row{}, err
	}
	last, err := lastIn(tx)
	if err != nil {
		return Row{}, err
	}
	c := proof.Checkpoint{
		Install: signer.Install(), Number: last.Number + 1, Seq: seq, Hash: hash, At: tx.Now(), Cause: cause, Previous: proof.Zero,
	}
	if last.Number > 0 {
		c.Previous = proof.Hash([]byte(last.Note))
	}
	text, err := c.Text()
	if err != nil {
		return Row{}, err
	}
	note, err := signer.Sign(text)
	if err != nil {
		return Row{}, err
	}
	boot, err := s.o.Boot()
	if err != nil {
		return Row{}, fault.Wrap(err, fault.Internal, "the time since the machine's start can't be read")
	}
	row := Row{
		Number: c.Number, Seq: c.Seq, Hash: c.Hash, At: c.At, Cause: c.Cause, KeyID: signer.ID(), Previous: c.Previous, Note: string(note),
		BootID: boot.ID, BootMS: boot.MS,
	}
	return row, insertIn(tx, row)
}

// made tells the log, which somebody else may keep, and copies to the anchor.
func (s *Service) made(ctx context.Context, row Row) {
	s.log.InfoContext(ctx, "audit checkpoint", "number", row.Number, "seq", row.Seq, "hash", row.Hash, "at", row.At, "cause", row.Cause,
		"key", row.KeyID, "note", row.Note)
	s.mu.Lock()
	if row.Number > s.state.Last.Number {
		s.state.Last = row
	}
	s.mu.Unlock()
	s.copyOut(ctx)
}
