// The first half of a child's confinement, ahead of main and of Go's first thread: Landlock and no_new_privs hold for a
// thread and those that it makes, so that there must be one thread alone when they are set. Numbers are the kernel's
// (landlock(7), include/uapi/linux/landlock.h), because the headers of the oldest supported system lack them.
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

extern long syscall(long, ...);

enum { LANDLOCK_CREATE = 444, LANDLOCK_ADD = 445, LANDLOCK_RESTRICT = 446, CLOSE_RANGE = 436 };
enum { FS_READ_FILE = 1 << 2, BENEATH = 1, VERSION = 1, FIRST = 3, SPARE = 29 };

struct ruleset { uint64_t fs, net, scoped; };
struct beneath { uint64_t access; int32_t fd; } __attribute__((packed));

static struct gh_confined done;

struct gh_confined gh_confined(void) { return done; }

// number reads digits up to a ':' or the end and moves on behind it.
static unsigned long long number(const char **s) {
	unsigned long long n = 0;
	while (**s >= '0' && **s <= '9') n = n * 10 + (unsigned long long)(*(*s)++ - '0');
	if (**s == ':') (*s)++;
	return n;
}

// bound lowers a limit for good; 0 leaves it.
static void bound(int what, unsigned long long most) {
	struct rlimit l;
	if (most == 0 || getrlimit(what, &l) != 0) return;
	if (l.rlim_max == RLIM_INFINITY || most < l.rlim_max) l.rlim_max = most;
	l.rlim_cur = l.rlim_max;
	setrlimit(what, &l);
}

static void nothing(int what) {
	struct rlimit l = {0, 0};
	setrlimit(what, &l);
}

static void close_from(int first) {
	if (syscall(CLOSE_RANGE, (unsigned)first, ~0U, 0U) == 0) return;
	for (int fd = first; fd < 4096; fd++) close(fd);
}

// landlock leaves the inherited files to be read and nothing else: no file, no folder, no TCP, no process outside.
static int landlock(int files) {
	const long abi = syscall(LANDLOCK_CREATE, (void *)0, (size_t)0, VERSION);
	if (abi < 1) return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -errno;
	struct ruleset r = {(1 << 13) - 1, 0, 0};
	if (abi >= 2) r.fs |= 1 << 13; // refer
	if (abi >= 3) r.fs |= 1 << 14; // truncate
	if (abi >= 5) r.fs |= 1 << 15; // ioctl of devices
	if (abi >= 4) r.net = 3;       // bind and connect
	if (abi >= 6) r.scoped = 3;    // abstract sockets and signals
	const int fd = (int)syscall(LANDLOCK_CREATE, &r, abi >= 6 ? sizeof r : abi >= 4 ? 2 * sizeof r.fs : sizeof r.fs, 0);
	if (fd < 0) return -errno;
	for (int i = 0; i < files; i++) {
		struct beneath b = {FS_READ_FILE, FIRST + i};
		// EBADFD: a memory file has no place in any file system, and is not governed.
		if (syscall(LANDLOCK_ADD, fd, BENEATH, &b, 0) != 0 && errno != EBADFD) {
			const int e = errno;
			close(fd);
			return -e;
		}
	}
	const int failed = syscall(LANDLOCK_RESTRICT, fd, 0) != 0 ? errno : 0;
	close(fd);
	return failed != 0 ? -failed : (int)abi;
}

// The parent's word: GH_CHILD=tight:FILES:DATA:SPACE:SECONDS, or wide:… for a child that has to open devices.
__attribute__((constructor)) static void confine(void) {
	const char *s = getenv("GH_CHILD");
	if (s == NULL) return;
	done.asked = 1;
	done.tight = strncmp(s, "wide:", 5) != 0;
	while (*s != '\0' && *s++ != ':') {
	}
	done.files = (int)number(&s);
	if (done.files > 8) done.files = 8;
	close_from(FIRST + done.files);
	done.no_new_privs = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
	nothing(RLIMIT_CORE);
	bound(RLIMIT_DATA, number(&s));
	bound(RLIMIT_AS, number(&s));
	bound(RLIMIT_CPU, number(&s));
	if (!done.tight) return;
	nothing(RLIMIT_FSIZE);
	bound(RLIMIT_NOFILE, (unsigned long long)(FIRST + done.files + SPARE));
	done.landlock = landlock(done.files);
}
