/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Replays a fuzz target's inputs where there is no libFuzzer: every file in
 * tests/corpus/NAME of the program fuzz-NAME, or the files named as arguments. */

#include <dirent.h>
#include <stdio.h>

#include "tests/fuzz.h"

static unsigned n_inputs;

static void replay(int directory, const char *name) {
        _cleanup_free_ char *contents = NULL;
        _cleanup_free_ uint8_t *exact = NULL;
        size_t size;
        int r;

        r = read_regular_file(directory, name, 1 << 24, &contents, &size);
        if (r < 0) {
                fprintf(stderr, "%s: %s\n", name, strerror(-r));
                exit(EXIT_FAILURE);
        }
        exact = malloc(size + (size == 0)); /* without the NUL, so that reading too far is noticed */
        FUZZ_REQUIRE(exact);
        memcpy(exact, contents, size);
        (void)LLVMFuzzerTestOneInput(exact, size);
        n_inputs++;
}

int main(int argc, char **argv) {
        const char *sources = getenv("top_srcdir") ?: ".", *name = strrchr(argv[0], '/');
        _cleanup_free_ char *path = NULL;
        DIR *corpus;

        for (int i = 1; i < argc; i++)
                replay(AT_FDCWD, argv[i]);
        if (argc > 1)
                return EXIT_SUCCESS;

        name = strstr(name ? name : argv[0], "fuzz-");
        if (!name || asprintf(&path, "%s/tests/corpus/%s", sources, name + strlen("fuzz-")) < 0)
                return EXIT_FAILURE;
        corpus = opendir(path);
        if (!corpus) {
                fprintf(stderr, "%s: %s\n", path, strerror(errno));
                return EXIT_FAILURE;
        }
        for (struct dirent *entry; (entry = readdir(corpus));)
                if (entry->d_name[0] != '.')
                        replay(dirfd(corpus), entry->d_name);
        closedir(corpus);
        printf("%s: %u inputs\n", path, n_inputs);
        return n_inputs > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
