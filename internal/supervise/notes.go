package supervise

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	notesSize = 64 << 10
	// notesHead is the length of the text and its hash: one that was being written when the worker died is none.
	notesHead = 8 + sha256.Size
	mostNotes = notesSize - notesHead
)

// Notes are what a worker leaves for those after it, in memory that lasts as long as their parent, who never reads it. A reader
// trusts none of it: whoever wrote it may have ended over what native code did to it.
type Notes struct {
	mu   sync.Mutex
	file *os.File
}

// newNotes makes an empty one, whose size is final: memory that grows is the machine's.
func newNotes() (*os.File, error) {
	f, err := memoryFile("guardhouse-notes")
	if err != nil {
		return nil, fmt.Errorf("making the workers' notes: %w", err)
	}
	err = f.Truncate(notesSize)
	if err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making the workers' notes: %w", err), f.Close())
	}
	return f, nil
}

// Read answers the last text that was written whole, nil where there is none.
func (n *Notes) Read() []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]byte, notesSize)
	if got, err := n.file.ReadAt(all, 0); err != nil || got != len(all) {
		return nil
	}
	size := binary.LittleEndian.Uint64(all)
	if size == 0 || size > mostNotes {
		return nil
	}
	text := all[notesHead : notesHead+size]
	if sha256.Sum256(text) != [sha256.Size]byte(all[8:notesHead]) {
		return nil
	}
	return text
}

// Write puts text in the place of what was there. It refuses more than there is room for.
func (n *Notes) Write(text []byte) error {
	if len(text) > mostNotes {
		return fmt.Errorf("notes of %d bytes: there is room for %d", len(text), mostNotes)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	head := binary.LittleEndian.AppendUint64(make([]byte, 0, notesHead), uint64(len(text)))
	sum := sha256.Sum256(text)
	if _, err := n.file.WriteAt(text, notesHead); err != nil {
		return fmt.Errorf("writing the notes: %w", err)
	}
	if _, err := n.file.WriteAt(append(head, sum[:]...), 0); err != nil {
		return fmt.Errorf("writing the notes: %w", err)
	}
	return nil
}
