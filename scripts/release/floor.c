// The release binary asks for glibc 2.28 (RHEL 8, Debian 10) though it is built where glibc is newer. A linker takes the
// newest version of a symbol; most of those here are old functions that glibc moved from one library to another under
// a new version, and keeps the old one for good. release.py links with --wrap=NAME for each name below, and every call
// goes to the old version. x86-64 only: that is the release's architecture. Nothing else is compiled with this file.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// OLD sends NAME to NAME@VERSION with a bare jump: arguments, result and the caller's address stay as they are.
#define OLD(name, version) OLD_AS(name, name, version)
#define OLD_AS(name, old, version)                                  \
	__asm__(".symver gh_old_" #name ", " #old "@" version "\n"      \
			".text\n"                                               \
			".globl __wrap_" #name "\n"                             \
			".type __wrap_" #name ", @function\n"                   \
			"__wrap_" #name ": jmp *gh_old_" #name "@GOTPCREL(%rip)\n");

// In libpthread, libdl and libresolv before 2.34 (some before 2.32), in libc since.
OLD(pthread_attr_getstack, "GLIBC_2.2.5")
OLD(pthread_attr_getstacksize, "GLIBC_2.2.5")
OLD(pthread_create, "GLIBC_2.2.5")
OLD(pthread_detach, "GLIBC_2.2.5")
OLD(pthread_getaffinity_np, "GLIBC_2.3.4")
OLD(pthread_getattr_np, "GLIBC_2.2.5")
OLD(pthread_getspecific, "GLIBC_2.2.5")
OLD(pthread_join, "GLIBC_2.2.5")
OLD(pthread_key_create, "GLIBC_2.2.5")
OLD(pthread_key_delete, "GLIBC_2.2.5")
OLD(pthread_mutex_trylock, "GLIBC_2.2.5")
OLD(pthread_mutexattr_destroy, "GLIBC_2.2.5")
OLD(pthread_mutexattr_init, "GLIBC_2.2.5")
OLD(pthread_mutexattr_settype, "GLIBC_2.2.5")
OLD(pthread_once, "GLIBC_2.2.5")
OLD(pthread_setaffinity_np, "GLIBC_2.3.4")
OLD(pthread_setspecific, "GLIBC_2.2.5")
OLD(pthread_sigmask, "GLIBC_2.2.5")
OLD(dlclose, "GLIBC_2.2.5")
OLD(dlerror, "GLIBC_2.2.5")
OLD(dlopen, "GLIBC_2.2.5")
OLD(dlsym, "GLIBC_2.2.5")
OLD_AS(res_search, __res_search, "GLIBC_2.2.5")

// New in 2.29 is only that errno is set without a detour over matherr.
OLD(exp, "GLIBC_2.2.5")
OLD(log, "GLIBC_2.2.5")
OLD(log2, "GLIBC_2.2.5")
OLD(pow, "GLIBC_2.2.5")

// Before 2.33 the header turned stat into a call that names the layout (1 on x86-64).
int __xstat(int layout, const char *path, struct stat *s);
int __lxstat(int layout, const char *path, struct stat *s);
int __fxstat(int layout, int fd, struct stat *s);
__asm__(".symver __xstat, __xstat@GLIBC_2.2.5");
__asm__(".symver __lxstat, __lxstat@GLIBC_2.2.5");
__asm__(".symver __fxstat, __fxstat@GLIBC_2.2.5");
int __wrap_stat(const char *path, struct stat *s) { return __xstat(1, path, s); }
int __wrap_stat64(const char *path, struct stat *s) { return __xstat(1, path, s); }
int __wrap_lstat(const char *path, struct stat *s) { return __lxstat(1, path, s); }
int __wrap_lstat64(const char *path, struct stat *s) { return __lxstat(1, path, s); }
int __wrap_fstat(int fd, struct stat *s) { return __fxstat(1, fd, s); }
int __wrap_fstat64(int fd, struct stat *s) { return __fxstat(1, fd, s); }

int __wrap_getcpu(unsigned *cpu, unsigned *node) { return (int)syscall(SYS_getcpu, cpu, node, NULL); }

// libstdc++ asks for it since 2.36; the engine's samplers, which nobody calls here, are what links it.
unsigned int __wrap_arc4random(void) {
	unsigned int value;
	while (getrandom(&value, sizeof value, 0) != (ssize_t)sizeof value) {
	}
	return value;
}

// libstdc++ reads it to leave out atomic operations in a process of one thread. Ours never is one.
__attribute__((visibility("hidden"))) char __libc_single_threaded = 0;

// Before 2.34 a program brought the loop over its own constructors itself; since then libc has it, and does so only where
// the program brings none. The one who brings it is served by both.
extern void _init(void);
extern void (*__init_array_start[])(int, char **, char **) __attribute__((visibility("hidden")));
extern void (*__init_array_end[])(int, char **, char **) __attribute__((visibility("hidden")));

static void construct(int argc, char **argv, char **envp) {
	_init();
	const ptrdiff_t count = __init_array_end - __init_array_start;
	for (ptrdiff_t i = 0; i < count; i++) __init_array_start[i](argc, argv, envp);
}

typedef int main_function(int, char **, char **);
int gh_old_start_main(main_function *main, int argc, char **argv, void (*init)(int, char **, char **), void (*fini)(void),
	void (*loader_fini)(void), void *stack_end);
__asm__(".symver gh_old_start_main, __libc_start_main@GLIBC_2.2.5");

int __wrap___libc_start_main(main_function *main, int argc, char **argv, void (*init)(int, char **, char **), void (*fini)(void),
	void (*loader_fini)(void), void *stack_end) {
	return gh_old_start_main(main, argc, argv, init != NULL ? init : construct, fini, loader_fini, stack_end);
}
