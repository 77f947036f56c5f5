// Which instruction sets the compiler was allowed to use (its own macros say so), which the processor has (CPUID, HWCAP),
// and the refusal of a processor that lacks one, ahead of every constructor. All functions here are compiled for the
// oldest processor of the architecture, whatever -march says, and call nothing of any library.
#include "isa.h"

// DEFINED(__AVX2__) is 1 where the macro is defined as 1 and 0 where it is not defined.
#define COMMA_1 0,
#define THIRD(a, b, ...) b
#define DEFINED(macro) DEFINED_(macro)
#define DEFINED_(value) DEFINED__(COMMA_##value)
#define DEFINED__(comma) THIRD(comma 1, 0, 0)

// advised: a set that the release binary asks for as well, so that another build would not help.
struct row {
	const char *name;
	unsigned char built, advised, word, bit, state;
};

#if defined(__x86_64__)

#include <cpuid.h>
#define OLDEST __attribute__((target("arch=x86-64"), noinline))
#define NEWER "; use a machine from 2015 or later, or let the virtual machine pass the host's processor on\n"
#define ANOTHER "; take the release binary, which needs less, or build on this machine (make build)\n"

// Words of CPUID, and registers that the operating system must keep over a switch of tasks.
enum { W1C, W7B, W7C, W7D, W71A, WE1C, WORDS };
enum { NONE, YMM, ZMM };

// Only what a compiler uses without being asked or what the engine's sources ask macros for: AES or SHA would refuse
// processors on which this binary runs. Bits: Intel SDM, CPUID leaves 1, 7.0, 7.1; AMD APM, leaf 8000_0001h.
static const struct row rows[] = {
	{"SSE3", DEFINED(__SSE3__), 1, W1C, 0, NONE},
	{"SSSE3", DEFINED(__SSSE3__), 1, W1C, 9, NONE},
	{"SSE4.1", DEFINED(__SSE4_1__), 1, W1C, 19, NONE},
	{"SSE4.2", DEFINED(__SSE4_2__), 1, W1C, 20, NONE},
	{"POPCNT", DEFINED(__POPCNT__), 1, W1C, 23, NONE},
	{"AVX", DEFINED(__AVX__), 1, W1C, 28, YMM},
	{"F16C", DEFINED(__F16C__), 1, W1C, 29, YMM},
	{"FMA", DEFINED(__FMA__), 1, W1C, 12, YMM},
	{"MOVBE", DEFINED(__MOVBE__), 1, W1C, 22, NONE},
	{"LZCNT", DEFINED(__LZCNT__), 1, WE1C, 5, NONE},
	{"BMI", DEFINED(__BMI__), 1, W7B, 3, NONE},
	{"AVX2", DEFINED(__AVX2__), 1, W7B, 5, YMM},
	{"BMI2", DEFINED(__BMI2__), 1, W7B, 8, NONE},
	{"XOP", DEFINED(__XOP__), 0, WE1C, 11, YMM},
	{"FMA4", DEFINED(__FMA4__), 0, WE1C, 16, YMM},
	{"TBM", DEFINED(__TBM__), 0, WE1C, 21, NONE},
	{"AVX512F", DEFINED(__AVX512F__), 0, W7B, 16, ZMM},
	{"AVX512DQ", DEFINED(__AVX512DQ__), 0, W7B, 17, ZMM},
	{"AVX512CD", DEFINED(__AVX512CD__), 0, W7B, 28, ZMM},
	{"AVX512BW", DEFINED(__AVX512BW__), 0, W7B, 30, ZMM},
	{"AVX512VL", DEFINED(__AVX512VL__), 0, W7B, 31, ZMM},
	{"AVX512-IFMA", DEFINED(__AVX512IFMA__), 0, W7B, 21, ZMM},
	{"AVX512-VBMI", DEFINED(__AVX512VBMI__), 0, W7C, 1, ZMM},
	{"AVX512-VBMI2", DEFINED(__AVX512VBMI2__), 0, W7C, 6, ZMM},
	{"GFNI", DEFINED(__GFNI__), 0, W7C, 8, NONE},
	{"AVX512-VNNI", DEFINED(__AVX512VNNI__), 0, W7C, 11, ZMM},
	{"AVX512-BITALG", DEFINED(__AVX512BITALG__), 0, W7C, 12, ZMM},
	{"AVX512-VPOPCNTDQ", DEFINED(__AVX512VPOPCNTDQ__), 0, W7C, 14, ZMM},
	{"AVX-VNNI", DEFINED(__AVXVNNI__), 0, W71A, 4, YMM},
	{"AVX512-BF16", DEFINED(__AVX512BF16__), 0, W71A, 5, ZMM},
	{"AVX512-FP16", DEFINED(__AVX512FP16__), 0, W7D, 23, ZMM},
};

struct words {
	unsigned int w[WORDS];
	unsigned int state;
};

// The header's functions would be compiled for -march; its macros are bare assembly.
OLDEST static void ask(struct words *o) {
	unsigned int a, b, c, d, last;
	for (int i = 0; i < WORDS; i++) o->w[i] = 0;
	o->state = NONE;
	__cpuid(0, last, b, c, d);
	if (last >= 1) {
		__cpuid(1, a, b, c, d);
		o->w[W1C] = c;
		if ((c >> 27 & 1) != 0) { // OSXSAVE: XGETBV may be asked which registers are kept
			unsigned int low, high;
			__asm__ volatile(".byte 0x0f, 0x01, 0xd0" : "=a"(low), "=d"(high) : "c"(0));
			if ((low & 0x06) == 0x06) o->state = YMM;
			if ((low & 0xe6) == 0xe6) o->state = ZMM;
		}
	}
	if (last >= 7) {
		unsigned int leaves;
		__cpuid_count(7, 0, leaves, b, c, d);
		o->w[W7B] = b;
		o->w[W7C] = c;
		o->w[W7D] = d;
		if (leaves >= 1) {
			__cpuid_count(7, 1, a, b, c, d);
			o->w[W71A] = a;
		}
	}
	__cpuid(0x80000000u, last, b, c, d);
	if (last >= 0x80000001u) {
		__cpuid(0x80000001u, a, b, c, d);
		o->w[WE1C] = c;
	}
}

OLDEST static void leave(const char *words, long length) {
	long unused;
	__asm__ volatile("syscall" : "=a"(unused) : "a"(1L), "D"(2L), "S"(words), "d"(length) : "rcx", "r11", "memory"); // write
	__asm__ volatile("syscall" : "=a"(unused) : "a"(231L), "D"(1L) : "rcx", "r11", "memory");                        // exit_group
	__builtin_unreachable();
}

#elif defined(__aarch64__) && defined(__linux__)

#include <sys/auxv.h>
#define OLDEST __attribute__((noinline))
#define NEWER "; build for this machine, on it (make build) or for its target (GH_MARCH)\n"
#define ANOTHER NEWER

enum { CAP, CAP2, WORDS };
enum { NONE };

// Bits: Linux, Documentation/arch/arm64/elf_hwcaps.rst.
static const struct row rows[] = {
	{"FP16", DEFINED(__ARM_FEATURE_FP16_VECTOR_ARITHMETIC), 1, CAP, 10, NONE},
	{"DOTPROD", DEFINED(__ARM_FEATURE_DOTPROD), 1, CAP, 20, NONE},
	{"LSE", DEFINED(__ARM_FEATURE_ATOMICS), 1, CAP, 8, NONE},
	{"I8MM", DEFINED(__ARM_FEATURE_MATMUL_INT8), 0, CAP2, 13, NONE},
	{"BF16", DEFINED(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC), 0, CAP2, 14, NONE},
	{"SVE", DEFINED(__ARM_FEATURE_SVE), 0, CAP, 22, NONE},
	{"SVE2", DEFINED(__ARM_FEATURE_SVE2), 0, CAP2, 1, NONE},
};

struct words {
	unsigned long w[WORDS];
	unsigned int state;
};

// getauxval reads what the dynamic loader kept: it is there before any constructor.
OLDEST static void ask(struct words *o) {
	o->w[CAP] = getauxval(AT_HWCAP);
	o->w[CAP2] = getauxval(AT_HWCAP2);
	o->state = NONE;
}

OLDEST static void leave(const char *words, long length) {
	register long number __asm__("x8") = 64; // write
	register long x0 __asm__("x0") = 2;
	register const char *x1 __asm__("x1") = words;
	register long x2 __asm__("x2") = length;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(number), "r"(x1), "r"(x2) : "memory");
	number = 94; // exit_group
	x0 = 1;
	__asm__ volatile("svc 0" : : "r"(number), "r"(x0) : "memory");
	__builtin_unreachable();
}

#else
#define UNKNOWN_ARCHITECTURE
#endif

#ifndef UNKNOWN_ARCHITECTURE

enum { COUNT = sizeof rows / sizeof rows[0] };

OLDEST static int here(const struct words *o, int i) {
	return (o->w[rows[i].word] >> rows[i].bit & 1) != 0 && o->state >= rows[i].state;
}

OLDEST int gh_isa_count(void) { return COUNT; }

OLDEST void gh_isa_all(struct gh_isa_set *sets) {
	struct words o;
	ask(&o);
	for (int i = 0; i < COUNT; i++) {
		sets[i].name = rows[i].name;
		sets[i].built = rows[i].built;
		sets[i].here = here(&o, i);
	}
}

// add copies text behind what is there and returns the new length; what has no room is cut.
OLDEST static int add(char *words, int length, const char *text) {
	for (; *text != 0 && length < GH_ISA_WORDS; text++) words[length++] = *text;
	return length;
}

OLDEST int gh_isa_refusal(const char *missing, int count, char *words) {
	int length = 0, found = 0, another = 1;
	for (int i = 0; i < count && i < COUNT; i++) {
		if (missing[i] == 0) continue;
		length = add(words, length, found++ == 0 ? "guardhouse: this processor, or the system on it, lacks " : ", ");
		length = add(words, length, rows[i].name);
		if (rows[i].advised != 0) another = 0;
	}
	if (found == 0) return 0;
	length = add(words, length, ", which this binary was compiled for");
	return add(words, length, another ? ANOTHER : NEWER);
}

OLDEST static void refuse(int argc, char **argv, char **envp) {
	(void)argc, (void)argv, (void)envp;
	struct words o;
	char missing[COUNT], words[GH_ISA_WORDS];
	ask(&o);
	for (int i = 0; i < COUNT; i++) missing[i] = rows[i].built != 0 && !here(&o, i);
	const int length = gh_isa_refusal(missing, COUNT, words);
	if (length > 0) leave(words, length);
}

// The dynamic loader calls these after relocation and before the constructors of any library and of this program.
__attribute__((section(".preinit_array"), used)) static void (*first)(int, char **, char **) = refuse;

#else

int gh_isa_count(void) { return 0; }
void gh_isa_all(struct gh_isa_set *sets) { (void)sets; }
int gh_isa_refusal(const char *missing, int count, char *words) {
	(void)missing, (void)count, (void)words;
	return 0;
}

#endif
