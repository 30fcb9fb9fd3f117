/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the diagnosis of a failed exec, and is the only user of libelf. The
 * kernel answers "No such file or directory" for a missing loader and "Exec
 * format error" for a dozen reasons; this looks at the file and says which. It
 * must not know instances, and opens nothing: the file is hostile, and it was
 * opened by somebody who may see the distribution's files. */

#include "daemon/elf-check.h"

#include <gelf.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "shared/text.h"
#include "shared/util.h"

/* The headers lie at the start of whatever a linker writes. libelf gets this
 * much and no more, so that no count in the file makes it read or allocate more. */
#define HEAD_SIZE (256 * 1024)
#define PROGRAM_HEADERS_MAX 1024

/* BINPRM_BUF_SIZE of the kernel: what it reads of a script's first line. */
#define SCRIPT_LINE_SIZE 256

#define SHOWN_MAX 256

#if defined(__x86_64__)
#define HOST_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define HOST_MACHINE EM_AARCH64
#elif defined(__riscv)
#define HOST_MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define HOST_MACHINE EM_PPC64
#elif defined(__s390x__)
#define HOST_MACHINE EM_S390
#elif defined(__arm__)
#define HOST_MACHINE EM_ARM
#elif defined(__i386__)
#define HOST_MACHINE EM_386
#else
#error "Say here which e_machine programs of this machine have."
#endif

#define HOST_DATA (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB)

typedef struct Check {
        int fd;
        int exec_errno;
        struct stat st;
        char program[SHOWN_MAX]; /* fit to be shown */
        char *head;
        size_t head_size;
        Elf *elf;
        GElf_Ehdr header;
        ElfReport *ret;
} Check;

static void check_done(Check *check) {
        (void)elf_end(check->elf);
        free(check->head);
}

static void conclude(Check *check, LxssError error, const char *format, ...) _printf_(3, 4);

static void conclude(Check *check, LxssError error, const char *format, ...) {
        char sentence[2 * ELF_REPORT_SENTENCE_MAX];
        va_list arguments;

        va_start(arguments, format);
        (void)vsnprintf(sentence, sizeof(sentence), format, arguments);
        va_end(arguments);
        check->ret->error = error;
        text_strip(sentence, strlen(sentence), check->ret->sentence, sizeof(check->ret->sentence));
}

static const char *machine_name(unsigned machine, bool wide) {
        switch (machine) {
        case EM_X86_64:
                return wide ? "x86-64" : "x32 (x86-64 with 32-bit pointers)";
        case EM_386:
                return "x86 (32-bit)";
        case EM_AARCH64:
                return "AArch64 (64-bit ARM)";
        case EM_ARM:
                return "ARM (32-bit)";
        case EM_RISCV:
                return wide ? "RISC-V (64-bit)" : "RISC-V (32-bit)";
        case EM_PPC:
                return "PowerPC (32-bit)";
        case EM_PPC64:
                return "PowerPC (64-bit)";
        case EM_S390:
                return "s390x";
        case EM_MIPS:
                return "MIPS";
        case EM_LOONGARCH:
                return "LoongArch";
        case EM_SPARC:
        case EM_SPARCV9:
                return "SPARC";
        case EM_IA_64:
                return "Itanium";
        case EM_ALPHA:
                return "Alpha";
        default:
                return NULL;
        }
}

static void wrong_machine(Check *check) {
        const char *host = machine_name(HOST_MACHINE, sizeof(void *) == 8);
        const char *name = machine_name(check->header.e_machine, check->header.e_ident[EI_CLASS] == ELFCLASS64);
        bool big = check->header.e_ident[EI_DATA] == ELFDATA2MSB;
        char number[64];

        if (!name) {
                (void)snprintf(number, sizeof(number), "another kind of machine (ELF number %u)",
                               (unsigned)check->header.e_machine);
                name = number;
        }
        conclude(check, LXSS_ERROR_PROGRAM_WRONG_MACHINE,
                 "%s is for %s%s, and this machine is %s. Get the program for %s.", check->program, name,
                 check->header.e_ident[EI_DATA] != HOST_DATA ? (big ? ", big-endian" : ", little-endian") : "", host,
                 host);
}

/* A kernel for x86-64 may or may not have the 32-bit entry as well; that it gets
 * as far as missing the loader shows that it has. */
static bool is_32_bit_relative(const Check *check) {
        return HOST_MACHINE == EM_X86_64 && check->header.e_machine == EM_386 &&
               check->header.e_ident[EI_CLASS] == ELFCLASS32;
}

static bool machine_fits(const Check *check) {
        return check->header.e_machine == HOST_MACHINE && check->header.e_ident[EI_DATA] == HOST_DATA &&
               check->header.e_ident[EI_CLASS] == (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32);
}

static void truncated(Check *check) {
        conclude(check, LXSS_ERROR_PROGRAM_BAD_FORMAT,
                 "%s is an ELF file that has been cut off or damaged. Install or build it again.", check->program);
}

/* Whether the file reaches up to offset + size. */
static bool lies_within(const Check *check, uint64_t offset, uint64_t size) {
        uint64_t end;

        return !__builtin_add_overflow(offset, size, &end) && end <= (uint64_t)check->st.st_size;
}

static bool headers_are_whole(const Check *check) {
        uint64_t size = (uint64_t)check->header.e_phnum * check->header.e_phentsize;

        if (check->header.e_phnum == 0)
                return true;
        if (!lies_within(check, check->header.e_phoff, size))
                return false;
        for (unsigned i = 0; i < check->header.e_phnum && i < PROGRAM_HEADERS_MAX; i++) {
                GElf_Phdr segment;

                /* Beyond the head: nothing can be said. */
                if (!gelf_getphdr(check->elf, (int)i, &segment))
                        return true;
                if (segment.p_type == PT_LOAD && !lies_within(check, segment.p_offset, segment.p_filesz))
                        return false;
        }
        return true;
}

/* The path in PT_INTERP. Returns 1, 0 where the program wants no interpreter, or
 * -EBADMSG where there is no proper path. */
static int read_interpreter(const Check *check, char ret[PATH_MAX]) {
        for (unsigned i = 0; i < check->header.e_phnum && i < PROGRAM_HEADERS_MAX; i++) {
                GElf_Phdr segment;
                ssize_t n;

                if (!gelf_getphdr(check->elf, (int)i, &segment))
                        return 0;
                if (segment.p_type != PT_INTERP)
                        continue;
                /* The kernel's own bounds. */
                if (segment.p_filesz < 2 || segment.p_filesz > PATH_MAX || segment.p_offset > INT64_MAX)
                        return -EBADMSG;
                n = pread(check->fd, ret, segment.p_filesz, (off_t)segment.p_offset);
                return n == (ssize_t)segment.p_filesz && ret[n - 1] == '\0' ? 1 : -EBADMSG;
        }
        return 0;
}

static const char *interpreter_remedy(const Check *check, const char *interpreter) {
        if (is_32_bit_relative(check))
                return "It is a 32-bit program: install the 32-bit C library (Debian: dpkg --add-architecture i386, "
                       "then apt-get update and apt-get install libc6:i386).";
        if (strstr(interpreter, "/ld-musl-"))
                return "It was built against musl, as on Alpine: install musl, or the program's package for this "
                       "distribution.";
        if (strncmp(interpreter, "/nix/store/", 11) == 0 || strncmp(interpreter, "/gnu/store/", 11) == 0)
                return "It was built by Nix or Guix and runs only where its store is.";
        if (strstr(interpreter, "/ld-linux") || strstr(interpreter, "/ld64.so"))
                return "It was built against glibc: install glibc (Alpine: gcompat), or the program's package for "
                       "this distribution.";
        return "Install the program's package for this distribution.";
}

static void explain_interpreter(Check *check, const char *interpreter) {
        char shown[SHOWN_MAX];

        text_escape(interpreter, strlen(interpreter), shown, sizeof(shown));
        if (check->exec_errno == ENOENT || check->exec_errno == ENOTDIR)
                conclude(check, LXSS_ERROR_PROGRAM_NO_INTERPRETER,
                         "%s needs the dynamic loader %s, which this distribution lacks. %s", check->program, shown,
                         interpreter_remedy(check, interpreter));
        else if (check->exec_errno == EACCES)
                conclude(check, LXSS_ERROR_PROGRAM_NOT_EXECUTABLE,
                         "%s needs the dynamic loader %s, which you may not execute. Look at its mode.",
                         check->program, shown);
        else
                conclude(check, LXSS_ERROR_PROGRAM_NO_INTERPRETER,
                         "%s needs the dynamic loader %s, which this machine cannot execute (%s).", check->program,
                         shown, strerror(check->exec_errno));
}

static void explain_program(Check *check) {
        char interpreter[PATH_MAX];
        int r = read_interpreter(check, interpreter);

        if (r < 0 || !headers_are_whole(check))
                truncated(check);
        else if (r > 0 && check->exec_errno != ENOEXEC)
                explain_interpreter(check, interpreter);
        else if (is_32_bit_relative(check))
                conclude(check, LXSS_ERROR_PROGRAM_WRONG_MACHINE,
                         "%s is a 32-bit x86 program, and this kernel runs only 64-bit ones. Get the x86-64 build.",
                         check->program);
        else if (check->header.e_type == ET_DYN && r == 0)
                conclude(check, LXSS_ERROR_PROGRAM_BAD_FORMAT,
                         "%s is a shared library and not a program.", check->program);
        else
                conclude(check, LXSS_ERROR_PROGRAM_BAD_FORMAT,
                         "%s is an ELF program for this machine, and the kernel refuses it (%s). Install it again.",
                         check->program, strerror(check->exec_errno));
}

static void explain_elf(Check *check) {
        (void)elf_version(EV_CURRENT);
        check->elf = elf_memory(check->head, check->head_size);
        if (!check->elf || elf_kind(check->elf) != ELF_K_ELF || !gelf_getehdr(check->elf, &check->header)) {
                truncated(check);
                return;
        }
        if (!machine_fits(check) && !is_32_bit_relative(check)) {
                wrong_machine(check);
                return;
        }
        switch (check->header.e_type) {
        case ET_REL:
                conclude(check, LXSS_ERROR_PROGRAM_BAD_FORMAT,
                         "%s is an object file or kernel module and not a program. Link it first.", check->program);
                break;
        case ET_CORE:
                conclude(check, LXSS_ERROR_PROGRAM_BAD_FORMAT,
                         "%s is the memory image of a crashed program (a core file) and not a program.",
                         check->program);
                break;
        case ET_EXEC:
        case ET_DYN:
                explain_program(check);
                break;
        default:
                truncated(check);
        }
}

/* The interpreter's name in a script's first line, as load_script() of the
 * kernel takes it (fs/binfmt_script.c). Returns 1, 0 where there is none, or
 * -ENAMETOOLONG where the line ends beyond what the kernel reads. */
static int parse_script(const char *head, size_t size, char ret[SCRIPT_LINE_SIZE]) {
        char line[SCRIPT_LINE_SIZE + 1] = "";
        const char *start;
        char *newline;
        size_t n;

        memcpy(line, head, size < SCRIPT_LINE_SIZE ? size : SCRIPT_LINE_SIZE);
        newline = memchr(line, '\n', SCRIPT_LINE_SIZE);
        if (newline)
                *newline = '\0';
        start = line + 2 + strspn(line + 2, " \t");
        n = strcspn(start, " \t");
        if (n == 0)
                return 0;
        if (!newline && start + n == line + SCRIPT_LINE_SIZE)
                return -ENAMETOOLONG;
        memcpy(ret, start, n);
        ret[n] = '\0';
        return 1;
}

static void explain_missing_script_interpreter(Check *check, char *interpreter, const char *shown) {
        size_t n = strlen(interpreter);

        if (interpreter[n - 1] == '\r')
                conclude(check, LXSS_ERROR_PROGRAM_NO_INTERPRETER,
                         "The script %s has Windows line ends, so its interpreter is not found. Convert it: sed -i "
                         "'s/\\r$//' FILE.",
                         check->program);
        else
                conclude(check, LXSS_ERROR_PROGRAM_NO_INTERPRETER,
                         "The script %s needs the interpreter %s, which this distribution lacks. Install it, or "
                         "correct the script's first line.",
                         check->program, shown);
}

static void explain_script(Check *check) {
        char interpreter[SCRIPT_LINE_SIZE], shown[SHOWN_MAX];
        int r = parse_script(check->head, check->head_size, interpreter);

        if (r <= 0) {
                conclude(check, LXSS_ERROR_PROGRAM_BAD_FORMAT,
                         r == 0 ? "The script %s names no interpreter after its #!. Write one there, such as "
                                  "#!/bin/sh."
                                : "The script %s has a first line that is too long: the kernel reads 256 bytes.",
                         check->program);
                return;
        }
        text_escape(interpreter, strlen(interpreter), shown, sizeof(shown));
        if (check->exec_errno == ENOENT || check->exec_errno == ENOTDIR)
                explain_missing_script_interpreter(check, interpreter, shown);
        else if (check->exec_errno == EACCES)
                conclude(check, LXSS_ERROR_PROGRAM_NOT_EXECUTABLE,
                         "The script %s or its interpreter %s may not be executed. Look at the mode of both.",
                         check->program, shown);
        else
                conclude(check, LXSS_ERROR_PROGRAM_BAD_FORMAT,
                         "The script %s cannot be executed: its interpreter %s is no working program (%s).",
                         check->program, shown, strerror(check->exec_errno));
}

static bool looks_like_text(const Check *check) {
        size_t n = check->head_size < 512 ? check->head_size : 512;

        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char)check->head[i];

                if (c == 0x7f || (c < 0x20 && (c < '\t' || c > '\r') && c != 0x1b))
                        return false;
        }
        return true;
}

static bool head_begins(const Check *check, const char *magic, size_t size) {
        return check->head_size >= size && memcmp(check->head, magic, size) == 0;
}

static void explain_contents(Check *check) {
        if (check->head_size == 0)
                conclude(check, LXSS_ERROR_PROGRAM_BAD_FORMAT, "%s is empty.", check->program);
        else if (head_begins(check, "#!", 2))
                explain_script(check);
        else if (head_begins(check, ELFMAG, SELFMAG))
                explain_elf(check);
        else if (head_begins(check, "MZ", 2))
                conclude(check, LXSS_ERROR_PROGRAM_BAD_FORMAT,
                         "%s is a Windows program. It needs a program that runs those, such as wine.",
                         check->program);
        else if (looks_like_text(check))
                conclude(check, LXSS_ERROR_PROGRAM_BAD_FORMAT,
                         "%s is a text file without a #! line. Run it with its interpreter (sh FILE), or write one "
                         "in its first line, such as #!/bin/sh.",
                         check->program);
        else
                conclude(check, LXSS_ERROR_PROGRAM_BAD_FORMAT, "%s is neither an ELF program nor a script.",
                         check->program);
}

/* What the file's type and mode say, before its contents. Returns whether that was enough. */
static bool explain_type(Check *check) {
        struct statvfs vfs;

        if (S_ISDIR(check->st.st_mode))
                conclude(check, LXSS_ERROR_PROGRAM_NOT_EXECUTABLE, "%s is a directory.", check->program);
        else if (!S_ISREG(check->st.st_mode))
                conclude(check, LXSS_ERROR_PROGRAM_NOT_EXECUTABLE, "%s is not a regular file.", check->program);
        else if (!(check->st.st_mode & 0111))
                conclude(check, LXSS_ERROR_PROGRAM_NOT_EXECUTABLE,
                         "%s is not executable. If it is meant to be a program: chmod +x FILE.", check->program);
        else if (check->exec_errno == EACCES && fstatvfs(check->fd, &vfs) == 0 && (vfs.f_flag & ST_NOEXEC))
                conclude(check, LXSS_ERROR_PROGRAM_NOT_EXECUTABLE,
                         "%s lies on a file system that is mounted noexec. Copy it elsewhere.", check->program);
        else
                return false;
        return true;
}

/* What the error alone says. Returns whether that was enough. */
static bool explain_errno(Check *check) {
        switch (check->exec_errno) {
        case E2BIG:
                conclude(check, LXSS_ERROR_ARGUMENTS_TOO_LONG,
                         "The arguments and the environment of %s are too long for the kernel. Give fewer, or pass "
                         "them through a file or a pipe (xargs).",
                         check->program);
                return true;
        case ETXTBSY:
                conclude(check, LXSS_ERROR_PROGRAM_NOT_EXECUTABLE,
                         "%s is being written by another process. Try again when that has ended.", check->program);
                return true;
        case EAGAIN:
        case ENOMEM:
        case EMFILE:
        case ENFILE:
        case EIO:
                conclude(check, LXSS_ERROR_FAILED, "%s cannot be executed: %s.", check->program,
                         strerror(check->exec_errno));
                return true;
        default:
                return false;
        }
}

static void explain_unopened(Check *check) {
        if (check->exec_errno == ENOENT || check->exec_errno == ENOTDIR)
                conclude(check, LXSS_ERROR_PROGRAM_NOT_FOUND, "%s was not found.", check->program);
        else if (check->exec_errno == ENOEXEC)
                conclude(check, LXSS_ERROR_PROGRAM_BAD_FORMAT,
                         "%s has a format that the kernel cannot execute, and may not be read to say more.",
                         check->program);
        else
                conclude(check, LXSS_ERROR_PROGRAM_NOT_EXECUTABLE, "%s cannot be executed: %s.", check->program,
                         strerror(check->exec_errno));
}

static bool read_head(Check *check) {
        ssize_t n = -1;

        check->head = malloc(HEAD_SIZE);
        if (check->head)
                n = pread(check->fd, check->head, HEAD_SIZE, 0);
        if (n >= 0)
                check->head_size = (size_t)n;
        return n >= 0;
}

void elf_check(int fd, const char *program, int exec_errno, ElfReport *ret) {
        _cleanup_(check_done) Check check = { .fd = fd, .exec_errno = exec_errno, .ret = ret };

        text_escape(program, strlen(program), check.program, sizeof(check.program));
        if (explain_errno(&check))
                return;
        if (fd < 0 || fstat(fd, &check.st) < 0) {
                explain_unopened(&check);
                return;
        }
        if (explain_type(&check))
                return;
        if (exec_errno == EPERM || !read_head(&check)) {
                explain_unopened(&check);
                return;
        }
        explain_contents(&check);
        /* A whole program that is only forbidden: the file's contents are not the reason. */
        if (exec_errno == EACCES && ret->error == LXSS_ERROR_PROGRAM_BAD_FORMAT)
                conclude(&check, LXSS_ERROR_PROGRAM_NOT_EXECUTABLE,
                         "You may not execute %s. Look at its mode and owner, and at its directory's.", check.program);
}
