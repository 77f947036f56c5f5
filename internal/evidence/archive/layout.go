// Package archive is the one layout that the zip file of an evidence pack has. Members lie one behind the other from the first
// byte on, each packed, and the last, the signed note about them, is stored. Whatever a zip file may hold besides (comments,
// extra fields, gaps, zip64, encryption, a second spelling of anything) is not there, so that everything behind the last
// member's content follows from what is before it, and is compared byte by byte. It may import fault.
//
// The format is PKWARE's APPNOTE.TXT 6.3.
package archive

import (
	"encoding/binary"
	"hash/crc32"
	"strings"
	"time"

	"guardhouse/internal/fault"
)

// Last is the name of the last member.
const Last = "manifest.note"

// What a pack may hold. Below MaxBytes nothing needs zip64, and a hostile one unpacks to no more than that.
const (
	MaxMembers = 64
	MaxName    = 100
	MaxNote    = 1 << 20
	MaxBytes   = 1<<32 - 1<<21
)

const (
	localSize      = 30
	descriptorSize = 16
	centralSize    = 46
	endSize        = 22

	needed   = 20             // 2.0: the version that reads deflate
	madeBy   = 3<<8 | needed  // Unix, so that the mode is read
	streamed = 1 << 3         // sizes stand behind the content
	stored   = 0              // methods
	deflated = 8              //
	mode     = 0o100644 << 16 // a plain file
	earliest = 1980           // years that a zip file can name
	latest   = earliest + 1<<7 - 1
)

// Stamp is a moment as zip files have it: two seconds are one.
type Stamp struct{ Date, Time uint16 }

// StampOf answers the stamp of a moment, in UTC; of one that a zip file cannot name the first that it can.
func StampOf(at time.Time) Stamp {
	at = at.UTC()
	if at.Year() < earliest || at.Year() > latest {
		at = time.Date(earliest, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return Stamp{
		uint16((at.Year()-earliest)<<9 | int(at.Month())<<5 | at.Day()),
		uint16(at.Hour()<<11 | at.Minute()<<5 | at.Second()/2),
	}
}

// entry is what headers say of a member.
type entry struct {
	name         string
	crc          uint32
	packed, size int64
	at           int64 // where its local header begins
	last         bool
}

func (e entry) method() uint16 {
	if e.last {
		return stored
	}
	return deflated
}

func (e entry) flags() uint16 {
	if e.last {
		return 0
	}
	return streamed
}

// length is how many bytes of the file are the member's, from its local header to its descriptor.
func (e entry) length() int64 {
	n := localSize + int64(len(e.name)) + e.packed
	if !e.last {
		n += descriptorSize
	}
	return n
}

// content is where its packed bytes begin.
func (e entry) content() int64 { return e.at + localSize + int64(len(e.name)) }

type writing []byte

func (b writing) u16(values ...uint16) writing {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	return b
}

// u32 writes numbers that are below 1<<32, as all of a pack's are.
func (b writing) u32(values ...int64) writing {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	return b
}

func (e entry) local(s Stamp) []byte {
	b := append(writing{}, "PK\x03\x04"...).u16(needed, e.flags(), e.method(), s.Time, s.Date)
	if e.last {
		b = b.u32(int64(e.crc), e.packed, e.size)
	} else {
		b = b.u32(0, 0, 0)
	}
	return append(b.u16(uint16(len(e.name)), 0), e.name...)
}

// descriptor is nothing behind the last member, whose sizes were known before.
func (e entry) descriptor() []byte {
	if e.last {
		return nil
	}
	return append(writing{}, "PK\x07\x08"...).u32(int64(e.crc), e.packed, e.size)
}

func (e entry) central(s Stamp) []byte {
	b := append(writing{}, "PK\x01\x02"...).u16(madeBy, needed, e.flags(), e.method(), s.Time, s.Date).u32(int64(e.crc), e.packed, e.size)
	b = b.u16(uint16(len(e.name)), 0, 0, 0, 0).u32(mode, e.at)
	return append(b, e.name...)
}

// end is the end of central directory record.
func end(members int, size, at int64) []byte {
	n := uint16(members)
	return append(writing{}, "PK\x05\x06"...).u16(0, 0, n, n).u32(size, at).u16(0)
}

func checksum(data []byte) uint32 { return crc32.ChecksumIEEE(data) }

// validName accepts what every unpacker puts below its folder, and no device or second spelling of another name.
func validName(s string) bool {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
	return s != "" && len(s) <= MaxName && s[0] != '.' && strings.Trim(s, plain) == ""
}

func refused(why string) error {
	return fault.Newf(fault.Invalid, "This is no evidence pack, or its form was changed: %s.", why)
}

func tooLarge() error {
	return fault.New(fault.Unprocessable, "A pack holds less than 4 GiB. Take a shorter period.")
}
