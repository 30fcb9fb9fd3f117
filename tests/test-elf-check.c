/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Why exec failed: one file each for every reason, made here byte by byte. */

#include <check.h>
#include <elf.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "daemon/elf-check.h"
#include "shared/util.h"

#define X86_LOADER "/lib64/ld-linux-x86-64.so.2"

#if defined(__x86_64__)
#define HERE EM_X86_64
#define FOREIGN EM_AARCH64
#define FOREIGN_NAME "AArch64"
#else
#define HERE EM_AARCH64
#define FOREIGN EM_X86_64
#define FOREIGN_NAME "x86-64"
#endif

typedef struct Image {
        Elf64_Ehdr header;
        Elf64_Phdr segments[2];
        char interpreter[64];
} Image;

static Image make_image(unsigned machine, unsigned type, const char *interpreter) {
        Image image = {
                .header = {
                        .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
                        .e_type = (Elf64_Half)type,
                        .e_machine = (Elf64_Half)machine,
                        .e_version = EV_CURRENT,
                        .e_phoff = sizeof(Elf64_Ehdr),
                        .e_ehsize = sizeof(Elf64_Ehdr),
                        .e_phentsize = sizeof(Elf64_Phdr),
                        .e_phnum = 2,
                        .e_entry = 0x1000,
                },
                .segments = { { .p_type = PT_LOAD, .p_filesz = sizeof(Image) } },
        };

        if (interpreter) {
                strcpy(image.interpreter, interpreter);
                image.segments[1] = (Elf64_Phdr) { .p_type = PT_INTERP,
                                                   .p_offset = offsetof(Image, interpreter),
                                                   .p_filesz = strlen(interpreter) + 1 };
        }
        return image;
}

static int make_file(const void *bytes, size_t size, mode_t mode) {
        int fd = memfd_create("program", MFD_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write_all(fd, bytes, size), 0);
        ck_assert_int_eq(fchmod(fd, mode), 0);
        return fd;
}

static ElfReport check_bytes(const void *bytes, size_t size, int exec_errno) {
        _cleanup_close_ int fd = make_file(bytes, size, 0755);
        ElfReport report = { .error = LXSS_ERROR_INVALID };

        elf_check(fd, "/usr/bin/prog", exec_errno, &report);
        ck_assert_int_ge(report.error, 0);
        ck_assert_uint_gt(strlen(report.sentence), 0);
        return report;
}

static ElfReport check_text(const char *text, int exec_errno) {
        return check_bytes(text, strlen(text), exec_errno);
}

static ElfReport check_image(const Image *image, int exec_errno) {
        return check_bytes(image, sizeof(*image), exec_errno);
}

static void assert_says(ElfReport report, LxssError error, const char *words) {
        ck_assert_msg(report.error == error, "%s: %s", lxss_error_to_name(report.error), report.sentence);
        ck_assert_msg(strstr(report.sentence, words) != NULL, "“%s” is not in: %s", words, report.sentence);
}

START_TEST(a_program_for_another_machine_is_named) {
        Image image = make_image(FOREIGN, ET_EXEC, NULL);

        assert_says(check_image(&image, ENOEXEC), LXSS_ERROR_PROGRAM_WRONG_MACHINE, FOREIGN_NAME);
        image.header.e_machine = 0x1234;
        assert_says(check_image(&image, ENOEXEC), LXSS_ERROR_PROGRAM_WRONG_MACHINE, "4660");
        image = make_image(HERE, ET_EXEC, NULL);
        image.header.e_ident[EI_CLASS] = ELFCLASS32;
        assert_says(check_image(&image, ENOEXEC), LXSS_ERROR_PROGRAM_WRONG_MACHINE, "this machine is");
}
END_TEST

START_TEST(the_other_byte_order_is_named) {
        Image image = make_image(0, ET_EXEC, NULL);

        image.header.e_ident[EI_DATA] = ELFDATA2MSB;
        image.header.e_machine = (Elf64_Half)__builtin_bswap16(EM_S390);
        image.header.e_version = __builtin_bswap32(EV_CURRENT);
        assert_says(check_image(&image, ENOEXEC), LXSS_ERROR_PROGRAM_WRONG_MACHINE, "s390x, big-endian");
}
END_TEST

START_TEST(a_missing_loader_is_named_with_what_to_do) {
        Image image = make_image(HERE, ET_DYN, X86_LOADER);

        assert_says(check_image(&image, ENOENT), LXSS_ERROR_PROGRAM_NO_INTERPRETER, X86_LOADER);
        assert_says(check_image(&image, ENOENT), LXSS_ERROR_PROGRAM_NO_INTERPRETER, "glibc");
        image = make_image(HERE, ET_EXEC, "/lib/ld-musl-x86_64.so.1");
        assert_says(check_image(&image, ENOENT), LXSS_ERROR_PROGRAM_NO_INTERPRETER, "musl, as on Alpine");
        image = make_image(HERE, ET_EXEC, "/nix/store/abc/ld.so");
        assert_says(check_image(&image, ENOENT), LXSS_ERROR_PROGRAM_NO_INTERPRETER, "Nix");
        assert_says(check_image(&image, ELIBBAD), LXSS_ERROR_PROGRAM_NO_INTERPRETER, "cannot execute");
}
END_TEST

START_TEST(a_loaders_name_is_made_printable) {
        Image image = make_image(HERE, ET_EXEC, "/lib/\033]0;x\a\nld.so");

        assert_says(check_image(&image, ENOENT), LXSS_ERROR_PROGRAM_NO_INTERPRETER, "/lib/\\x1b]0;x\\x07\\x0ald.so");
}
END_TEST

#if defined(__x86_64__)
static ElfReport check_32_bit(const char *interpreter, int exec_errno) {
        struct {
                Elf32_Ehdr header;
                Elf32_Phdr segment;
                char interpreter[64];
        } image = {
                .header = {
                        .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
                        .e_type = ET_EXEC,
                        .e_machine = EM_386,
                        .e_version = EV_CURRENT,
                        .e_phoff = sizeof(Elf32_Ehdr),
                        .e_ehsize = sizeof(Elf32_Ehdr),
                        .e_phentsize = sizeof(Elf32_Phdr),
                        .e_phnum = 1,
                },
                .segment = { .p_type = PT_INTERP,
                             .p_offset = sizeof(Elf32_Ehdr) + sizeof(Elf32_Phdr),
                             .p_filesz = (Elf32_Word)strlen(interpreter) + 1 },
        };

        strcpy(image.interpreter, interpreter);
        return check_bytes(&image, sizeof(image), exec_errno);
}

START_TEST(a_32_bit_program_gets_its_own_remedy) {
        assert_says(check_32_bit("/lib/ld-linux.so.2", ENOENT), LXSS_ERROR_PROGRAM_NO_INTERPRETER, "libc6:i386");
        assert_says(check_32_bit("/lib/ld-linux.so.2", ENOEXEC), LXSS_ERROR_PROGRAM_WRONG_MACHINE, "only 64-bit");
}
END_TEST
#endif

START_TEST(what_is_elf_and_no_program_is_said) {
        Image image = make_image(HERE, ET_REL, NULL);

        assert_says(check_image(&image, ENOEXEC), LXSS_ERROR_PROGRAM_BAD_FORMAT, "object file");
        image.header.e_type = ET_CORE;
        assert_says(check_image(&image, ENOEXEC), LXSS_ERROR_PROGRAM_BAD_FORMAT, "core file");
        image.header.e_type = ET_DYN;
        assert_says(check_image(&image, ENOEXEC), LXSS_ERROR_PROGRAM_BAD_FORMAT, "shared library");
        image.header.e_type = ET_EXEC;
        assert_says(check_image(&image, ENOEXEC), LXSS_ERROR_PROGRAM_BAD_FORMAT, "kernel refuses");
        image.header.e_type = ET_NONE;
        assert_says(check_image(&image, ENOEXEC), LXSS_ERROR_PROGRAM_BAD_FORMAT, "cut off or damaged");
}
END_TEST

START_TEST(a_program_cut_off_at_any_byte_is_explained) {
        Image image = make_image(HERE, ET_DYN, X86_LOADER);

        for (size_t n = 0; n < sizeof(image); n++) {
                ElfReport report = check_bytes(&image, n, ENOEXEC);

                ck_assert_int_eq(report.error, LXSS_ERROR_PROGRAM_BAD_FORMAT);
                if (n >= 4)
                        ck_assert_msg(strstr(report.sentence, "cut off") != NULL, "%zu: %s", n, report.sentence);
        }
}
END_TEST

START_TEST(any_byte_may_be_wrong) {
        static const int errors[] = { ENOEXEC, ENOENT, EACCES, EINVAL, ELIBBAD };
        Image whole = make_image(HERE, ET_DYN, X86_LOADER);

        for (size_t i = 0; i < sizeof(whole); i++)
                for (int value = 0; value < 256; value += 51)
                        for (size_t k = 0; k < ELEMENTSOF(errors); k++) {
                                Image image = whole;

                                ((unsigned char *)&image)[i] = (unsigned char)value;
                                (void)check_image(&image, errors[k]);
                        }
}
END_TEST

START_TEST(lying_counts_and_offsets_do_no_harm) {
        Image image = make_image(HERE, ET_DYN, X86_LOADER);

        image.header.e_phnum = PN_XNUM;
        image.header.e_shoff = 64;
        image.header.e_shnum = 1;
        (void)check_image(&image, ENOENT);
        image = make_image(HERE, ET_DYN, X86_LOADER);
        image.segments[1].p_offset = UINT64_MAX - 1;
        assert_says(check_image(&image, ENOENT), LXSS_ERROR_PROGRAM_BAD_FORMAT, "cut off");
        image.segments[1].p_offset = INT64_MAX;
        image.segments[1].p_filesz = UINT64_MAX;
        assert_says(check_image(&image, ENOENT), LXSS_ERROR_PROGRAM_BAD_FORMAT, "cut off");
        image = make_image(HERE, ET_DYN, X86_LOADER);
        image.interpreter[strlen(X86_LOADER)] = 'x';
        assert_says(check_image(&image, ENOENT), LXSS_ERROR_PROGRAM_BAD_FORMAT, "cut off");
}
END_TEST

START_TEST(a_huge_sparse_file_is_looked_at_quickly) {
        Image image = make_image(FOREIGN, ET_EXEC, NULL);
        _cleanup_close_ int fd = make_file(&image, sizeof(image), 0755);
        ElfReport report;

        ck_assert_int_eq(ftruncate(fd, (off_t)10 << 30), 0);
        elf_check(fd, "prog", ENOEXEC, &report);
        assert_says(report, LXSS_ERROR_PROGRAM_WRONG_MACHINE, FOREIGN_NAME);
}
END_TEST

START_TEST(a_script_without_its_interpreter_names_it) {
        assert_says(check_text("#!/usr/bin/python9\n", ENOENT), LXSS_ERROR_PROGRAM_NO_INTERPRETER, "/usr/bin/python9,");
        assert_says(check_text("#! \t/a/b -x y\n", ENOENT), LXSS_ERROR_PROGRAM_NO_INTERPRETER, "interpreter /a/b,");
        assert_says(check_text("#!/no/newline", ENOENT), LXSS_ERROR_PROGRAM_NO_INTERPRETER, "/no/newline,");
        assert_says(check_text("#!/bin/sh\r\n", ENOENT), LXSS_ERROR_PROGRAM_NO_INTERPRETER, "Windows line ends");
        assert_says(check_text("#!/etc/passwd\n", EACCES), LXSS_ERROR_PROGRAM_NOT_EXECUTABLE, "/etc/passwd");
        assert_says(check_text("#!/etc/passwd\n", ENOEXEC), LXSS_ERROR_PROGRAM_BAD_FORMAT, "/etc/passwd");
}
END_TEST

START_TEST(a_script_that_names_no_interpreter_is_said) {
        assert_says(check_text("#!", ENOEXEC), LXSS_ERROR_PROGRAM_BAD_FORMAT, "no interpreter");
        assert_says(check_text("#! \t \nx", ENOEXEC), LXSS_ERROR_PROGRAM_BAD_FORMAT, "no interpreter");
        assert_says(check_text("echo hello\n", ENOEXEC), LXSS_ERROR_PROGRAM_BAD_FORMAT, "without a #! line");
}
END_TEST

START_TEST(a_first_line_counts_up_to_256_bytes) {
        char text[512];

        memset(text, 'a', sizeof(text));
        memcpy(text, "#!/", 3);
        assert_says(check_bytes(text, sizeof(text), ENOEXEC), LXSS_ERROR_PROGRAM_BAD_FORMAT, "too long");
        text[255] = ' ';
        assert_says(check_bytes(text, sizeof(text), ENOENT), LXSS_ERROR_PROGRAM_NO_INTERPRETER, "needs the interpreter");
        text[255] = 'a';
        text[256] = '\n';
        assert_says(check_bytes(text, sizeof(text), ENOEXEC), LXSS_ERROR_PROGRAM_BAD_FORMAT, "too long");
        text[255] = '\n';
        assert_says(check_bytes(text, sizeof(text), ENOENT), LXSS_ERROR_PROGRAM_NO_INTERPRETER, "needs the interpreter");
}
END_TEST

START_TEST(files_that_are_no_programs_are_told_apart) {
        assert_says(check_text("", ENOEXEC), LXSS_ERROR_PROGRAM_BAD_FORMAT, "empty");
        assert_says(check_text("MZ\x90", ENOEXEC), LXSS_ERROR_PROGRAM_BAD_FORMAT, "Windows program");
        assert_says(check_bytes("\0\1\2\3", 4, ENOEXEC), LXSS_ERROR_PROGRAM_BAD_FORMAT, "neither");
}
END_TEST

static ElfReport check_path(const char *path, int exec_errno) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        ElfReport report;

        elf_check(fd, path, exec_errno, &report);
        return report;
}

START_TEST(type_and_mode_come_first) {
        _cleanup_close_ int fd = make_file("#!/bin/sh\n", 10, 0644);
        ElfReport report;

        elf_check(fd, "prog", EACCES, &report);
        assert_says(report, LXSS_ERROR_PROGRAM_NOT_EXECUTABLE, "chmod +x");
        assert_says(check_path("/", EACCES), LXSS_ERROR_PROGRAM_NOT_EXECUTABLE, "directory");
        assert_says(check_path("/dev/null", EACCES), LXSS_ERROR_PROGRAM_NOT_EXECUTABLE, "not a regular file");
        assert_says(check_text("echo\n", EACCES), LXSS_ERROR_PROGRAM_NOT_EXECUTABLE, "may not execute");
}
END_TEST

START_TEST(the_error_alone_says_enough_where_there_is_no_file) {
        assert_says(check_path("/nonexistent/prog", ENOENT), LXSS_ERROR_PROGRAM_NOT_FOUND, "was not found");
        assert_says(check_path("/nonexistent/prog", EACCES), LXSS_ERROR_PROGRAM_NOT_EXECUTABLE, "Permission denied");
        assert_says(check_text("#!/bin/sh\n", E2BIG), LXSS_ERROR_ARGUMENTS_TOO_LONG, "too long");
        assert_says(check_text("#!/bin/sh\n", ETXTBSY), LXSS_ERROR_PROGRAM_NOT_EXECUTABLE, "being written");
        assert_says(check_text("#!/bin/sh\n", ENOMEM), LXSS_ERROR_FAILED, "memory");
}
END_TEST

START_TEST(the_programs_own_name_is_bounded_and_printable) {
        char name[8192];
        ElfReport report;

        memset(name, '\033', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        elf_check(-1, name, ENOENT, &report);
        assert_says(report, LXSS_ERROR_PROGRAM_NOT_FOUND, "\\x1b\\x1b");
        ck_assert_uint_lt(strlen(report.sentence), 400);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("elf-check");
        TCase *elf = tcase_create("elf"), *other = tcase_create("scripts and others");
        SRunner *runner;
        int failed;

        tcase_set_timeout(elf, 120);
        tcase_add_test(elf, a_program_for_another_machine_is_named);
        tcase_add_test(elf, the_other_byte_order_is_named);
        tcase_add_test(elf, a_missing_loader_is_named_with_what_to_do);
        tcase_add_test(elf, a_loaders_name_is_made_printable);
#if defined(__x86_64__)
        tcase_add_test(elf, a_32_bit_program_gets_its_own_remedy);
#endif
        tcase_add_test(elf, what_is_elf_and_no_program_is_said);
        tcase_add_test(elf, a_program_cut_off_at_any_byte_is_explained);
        tcase_add_test(elf, any_byte_may_be_wrong);
        tcase_add_test(elf, lying_counts_and_offsets_do_no_harm);
        tcase_add_test(elf, a_huge_sparse_file_is_looked_at_quickly);
        tcase_add_test(other, a_script_without_its_interpreter_names_it);
        tcase_add_test(other, a_script_that_names_no_interpreter_is_said);
        tcase_add_test(other, a_first_line_counts_up_to_256_bytes);
        tcase_add_test(other, files_that_are_no_programs_are_told_apart);
        tcase_add_test(other, type_and_mode_come_first);
        tcase_add_test(other, the_error_alone_says_enough_where_there_is_no_file);
        tcase_add_test(other, the_programs_own_name_is_bounded_and_printable);
        suite_add_tcase(suite, elf);
        suite_add_tcase(suite, other);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
