package crash

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What a record of the table says.
const (
	free    = 0
	running = 1 // a payload is with native code
	nobodys = 2 // work of the engine itself, such as loading a model
)

const (
	// places is more than all models together run at a time.
	places = 1024
	// mostSuspects bounds what a worker is told.
	mostSuspects = 4096
	recordSize   = 8 + 2*sha256.Size
	tableSize    = places*recordSize + mostSuspects
)

// Table is the memory that a worker and its parent share: a record for each payload in flight, and a byte for each suspect that
// ran alone and did no harm. It outlives the worker, however that ends.
type Table struct {
	file   *os.File
	memory []byte
}

// NewTable makes an empty one. It refuses on kernels without memory files.
func NewTable() (*Table, error) {
	fd, err := unix.MemfdCreate("guardhouse-marks", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3 there is no such flag
		fd, err = unix.MemfdCreate("guardhouse-marks", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, fmt.Errorf("making memory to share with the worker: %w", err)
	}
	f := os.NewFile(uintptr(fd), "guardhouse-marks")
	if err := f.Truncate(int64(tableSize)); err != nil {
		return nil, errors.Join(fmt.Errorf("making memory to share with the worker: %w", err), f.Close())
	}
	// Memory that is cut would end whoever reads it.
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL); err != nil {
		return nil, errors.Join(fmt.Errorf("sealing the memory to share with the worker: %w", err), f.Close())
	}
	return OpenTable(f)
}

// OpenTable maps the table behind a descriptor, which it takes over. It refuses a file of another size.
func OpenTable(f *os.File) (*Table, error) {
	info, err := f.Stat()
	if err == nil && info.Size() != int64(tableSize) {
		err = errors.New("not the memory that the parent shares")
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	memory, err := unix.Mmap(int(f.Fd()), 0, tableSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("mapping the memory to share: %w", err), f.Close())
	}
	return &Table{file: f, memory: memory}, nil
}

// File is the descriptor to hand on.
func (t *Table) File() *os.File { return t.file }

// Close gives the memory back. Nothing may be marked in it any more.
func (t *Table) Close() error { return errors.Join(unix.Munmap(t.memory), t.file.Close()) }

// state is the word of a record that is written last and read first.
func (t *Table) state(i int) *uint32 {
	return (*uint32)(unsafe.Pointer(&t.memory[i*recordSize])) //nolint:gosec // records are multiples of eight bytes from a page's start
}

// mark fills a record; only whoever took the place writes there.
func (t *Table) mark(i int, kind uint32, p Pair) {
	record := t.memory[i*recordSize : (i+1)*recordSize]
	copy(record[8:], p.Payload[:])
	copy(record[8+len(p.Payload):], p.Principal[:])
	atomic.StoreUint32(t.state(i), kind)
}

func (t *Table) unmark(i int) { atomic.StoreUint32(t.state(i), free) }

// clearSuspect notes that a suspect ran alone and did no harm.
func (t *Table) clearSuspect(i int) { t.memory[places*recordSize+i] = 1 }

// left answers what a worker that is gone left behind, and empties the table. What is no record of ours counts as nobody's: the
// worker may have died of a write into any memory.
func (t *Table) left() (in []Pair, company bool, cleared []int) {
	for i := range places {
		switch atomic.LoadUint32(t.state(i)) {
		case free:
		case running:
			record := t.memory[i*recordSize : (i+1)*recordSize]
			var p Pair
			copy(p.Payload[:], record[8:])
			copy(p.Principal[:], record[8+len(p.Payload):])
			in = append(in, p)
		default:
			company = true
		}
	}
	for i, done := range t.memory[places*recordSize:] {
		if done == 1 {
			cleared = append(cleared, i)
		}
	}
	clear(t.memory)
	return in, company, cleared
}
