#ifndef GUARDHOUSE_ISA_H
#define GUARDHOUSE_ISA_H

// One instruction set: its usual name, whether this binary was compiled for it, whether it is here.
struct gh_isa_set {
	const char *name;
	int built, here;
};

// Room for every name and the advice.
#define GH_ISA_WORDS 1024

// How many sets are known of this architecture, and all of them, into room for as many.
int gh_isa_count(void);
void gh_isa_all(struct gh_isa_set *sets);

// Writes the sentence for the sets that missing marks into words (GH_ISA_WORDS bytes), with a newline at its end and no
// NUL, and returns its length; 0 where nothing is missing.
int gh_isa_refusal(const char *missing, int count, char *words);

#endif
