/* A disk that fails, for failclosed_test.py: preloaded into the server it stands before the calls by which SQLite writes, and
 * before no file outside FAULTS_UNDER. The file FAULTS_SWITCH says what fails now, nothing while it is not there:
 *
 *   readonly      every write: EROFS
 *   full          every write: ENOSPC
 *   unreadable    every read: EIO
 *   fsync         every sync: EIO; what was written stays in the file
 *   lost          every sync: EIO; what was written since is gone, as where the kernel drops pages that it could not write
 *   random S P    P of 1,000 writes: ENOSPC or only half of it; P/4 of 1,000 syncs: EIO. S seeds the choice
 *
 * Each fault adds a byte to FAULTS_SWITCH.hits. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum mode { NONE, READONLY, FULL, UNREADABLE, FSYNC, LOST, RANDOM };

struct undo {
    struct undo *next;
    dev_t dev;
    ino_t ino;
    off_t at, size;
    ssize_t had;
    char old[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct undo *undos;
static unsigned long long state;
static unsigned permille;

static char under[4096], named[4096]; // the folder and the switch, from the environment: the program takes them out of it

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("FAULTS_UNDER"), *name = getenv("FAULTS_SWITCH");
    snprintf(under, sizeof under, "%s", folder ? folder : "");
    snprintf(named, sizeof named, "%s", name ? name : "");
}

static int beneath(const char *path) {
    size_t n = strlen(under);
    return n && !strncmp(path, under, n) && path[n] == '/';
}

static int ours(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    if (n <= 0) return 0;
    path[n] = 0;
    return beneath(path);
}

static enum mode mode(void) {
    char text[64] = {0};
    unsigned long long seed;
    int fd = *named ? (int)syscall(SYS_openat, AT_FDCWD, named, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return NONE;
    syscall(SYS_read, fd, text, sizeof text - 1);
    syscall(SYS_close, fd);
    if (!strncmp(text, "readonly", 8)) return READONLY;
    if (!strncmp(text, "full", 4)) return FULL;
    if (!strncmp(text, "unreadable", 10)) return UNREADABLE;
    if (!strncmp(text, "fsync", 5)) return FSYNC;
    if (!strncmp(text, "lost", 4)) return LOST;
    if (sscanf(text, "random %llu %u", &seed, &permille) == 2) {
        if (!state) state = seed * 2 + 1;
        return RANDOM;
    }
    return NONE;
}

static int fail(int code) {
    char name[sizeof named + 8];
    snprintf(name, sizeof name, "%s.hits", named);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd >= 0) {
        syscall(SYS_write, fd, "x", 1);
        syscall(SYS_close, fd);
    }
    errno = code;
    return -1;
}

static unsigned dice(void) { /* 0 to 999; xorshift */
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (unsigned)(state % 1000);
}

/* keep remembers what a write is about to replace. */
static void keep(int fd, size_t n, off_t at) {
    struct stat st;
    struct undo *u = malloc(sizeof *u + n);
    if (!u || fstat(fd, &st)) abort();
    *u = (struct undo){undos, st.st_dev, st.st_ino, at, st.st_size, syscall(SYS_pread64, fd, u->old, n, at)};
    undos = u;
}

/* forget ends what is remembered of fd's file, and undoes it where the disk has lost it. */
static void forget(int fd, int lose) {
    struct stat st;
    if (fstat(fd, &st)) return;
    for (struct undo **p = &undos, *u; (u = *p);) {
        if (u->dev != st.st_dev || u->ino != st.st_ino) {
            p = &u->next;
            continue;
        }
        if (lose && u->had > 0) syscall(SYS_pwrite64, fd, u->old, u->had, u->at);
        if (lose) syscall(SYS_ftruncate, fd, u->size);
        *p = u->next;
        free(u);
    }
}

/* strike answers 0 where the write may go on, with as much as may be written. */
static int strike(int fd, size_t *n, off_t at) {
    if (!ours(fd)) return 0;
    int code = 0;
    pthread_mutex_lock(&lock);
    switch (mode()) {
    case READONLY: code = EROFS; break;
    case FULL: code = ENOSPC; break;
    case LOST: keep(fd, *n, at); break;
    case RANDOM:
        if (dice() >= permille) break;
        if (dice() % 2 || *n < 2) code = ENOSPC;
        else *n /= 2, fail(0);
        break;
    default: break;
    }
    pthread_mutex_unlock(&lock);
    return code ? fail(code) : 0;
}

static int sync_of(int fd, long call) {
    int failed = 0;
    if (ours(fd)) {
        pthread_mutex_lock(&lock);
        enum mode m = mode();
        failed = m == FSYNC || m == LOST || (m == RANDOM && dice() < permille / 4);
        forget(fd, m == LOST);
        pthread_mutex_unlock(&lock);
    }
    return failed ? fail(EIO) : (int)syscall(call, fd);
}

ssize_t pread64(int fd, void *data, size_t n, off_t at) {
    if (ours(fd) && mode() == UNREADABLE) return fail(EIO);
    return syscall(SYS_pread64, fd, data, n, at);
}

ssize_t pread(int fd, void *data, size_t n, off_t at) { return pread64(fd, data, n, at); }

ssize_t pwrite64(int fd, const void *data, size_t n, off_t at) {
    return strike(fd, &n, at) ? -1 : syscall(SYS_pwrite64, fd, data, n, at);
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at) { return pwrite64(fd, data, n, at); }

ssize_t write(int fd, const void *data, size_t n) {
    return strike(fd, &n, lseek(fd, 0, SEEK_CUR)) ? -1 : syscall(SYS_write, fd, data, n);
}

int ftruncate64(int fd, off_t size) {
    size_t n = 0;
    return strike(fd, &n, 0) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }
int fsync(int fd) { return sync_of(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_of(fd, SYS_fdatasync); }

static int opened(const char *path, int flags, mode_t mode_of) {
    if ((flags & O_ACCMODE) != O_RDONLY && beneath(path) && mode() == READONLY) return fail(EROFS);
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode_of);
}

#define OPEN(name)                                 \
    int name(const char *path, int flags, ...) {   \
        va_list more;                              \
        va_start(more, flags);                     \
        mode_t m = va_arg(more, unsigned);         \
        va_end(more);                              \
        return opened(path, flags, m);             \
    }
OPEN(open)
OPEN(open64)
