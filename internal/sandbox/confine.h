#ifndef GUARDHOUSE_CONFINE_H
#define GUARDHOUSE_CONFINE_H

// What was done to this process before Go began. asked is 0 in a process that is no child.
struct gh_confined {
	int asked, tight, files, no_new_privs;
	int landlock; // the ABI in force; 0 = the kernel has none; below 0 = -errno
};

struct gh_confined gh_confined(void);

#endif
