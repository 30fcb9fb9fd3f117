/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Decompression that ends well only where the source was whole: cut at every
 * byte and with every byte flipped, for each compression that has checksums. */

#include <archive.h>
#include <archive_entry.h>
#include <glib.h>
#include <lzma.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "daemon/worker-stream.h"
#include "tests/test.h"

#define TEXT_SIZE 5000

typedef struct Bytes {
        char data[2 * TEXT_SIZE];
        size_t size;
} Bytes;

typedef int (*filter_t)(struct archive *);

static const struct {
        const char *name;
        filter_t filter;
} compressions[] = {
        { "gzip", archive_write_add_filter_gzip },
        { "bzip2", archive_write_add_filter_bzip2 },
        { "xz", archive_write_add_filter_xz },
        { "xz in blocks that say how long they are", NULL },
};

static char text[TEXT_SIZE];

static void make_text(void) {
        for (size_t i = 0; i < sizeof(text); i++)
                text[i] = "0123456789abcdef"[(i * i + i / 7) % 16];
}

/* As xz -T does it, but for their size. */
static size_t compress_blocks(const void *data, size_t size, uint64_t block_size, void *ret, size_t room) {
        lzma_mt options = { .threads = 2, .block_size = block_size, .preset = 0, .check = LZMA_CHECK_CRC32 };
        lzma_stream stream = LZMA_STREAM_INIT;
        size_t n;

        ck_assert_int_eq(lzma_stream_encoder_mt(&stream, &options), LZMA_OK);
        stream.next_in = data;
        stream.avail_in = size;
        stream.next_out = ret;
        stream.avail_out = room;
        ck_assert_int_eq(lzma_code(&stream, LZMA_FINISH), LZMA_STREAM_END);
        n = room - stream.avail_out;
        lzma_end(&stream);
        return n;
}

static void compress_text(filter_t filter, Bytes *ret) {
        struct archive *archive;
        struct archive_entry *entry;

        if (!filter) {
                ret->size = compress_blocks(text, sizeof(text), sizeof(text) / 6, ret->data, sizeof(ret->data));
                return;
        }
        archive = archive_write_new();
        entry = archive_entry_new();
        ck_assert_int_eq(archive_write_set_format_raw(archive), ARCHIVE_OK);
        ck_assert_int_eq(filter(archive), ARCHIVE_OK);
        ck_assert_int_eq(archive_write_set_bytes_in_last_block(archive, 1), ARCHIVE_OK);
        ck_assert_int_eq(archive_write_open_memory(archive, ret->data, sizeof(ret->data), &ret->size), ARCHIVE_OK);
        archive_entry_set_filetype(entry, AE_IFREG);
        ck_assert_int_eq(archive_write_header(archive, entry), ARCHIVE_OK);
        ck_assert_int_eq(archive_write_data(archive, text, sizeof(text)), (int)sizeof(text));
        archive_entry_free(entry);
        ck_assert_int_eq(archive_write_free(archive), ARCHIVE_OK);
}

static int to_file(const void *data, size_t size) {
        int fd = memfd_create("source", MFD_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write_all(fd, data, size), 0);
        ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
        return fd;
}

/* Returns 0 where the end was reached well, and how often the text came; else negative errno. */
static int read_all(int fd, unsigned *ret_times) {
        _cleanup_(worker_stream_freep) WorkerStream *stream = NULL;
        char all[4 * TEXT_SIZE];
        const void *block;
        size_t size = 0;
        ssize_t n;

        ck_assert_int_eq(worker_stream_open(fd, false, &stream), 0);
        while ((n = worker_stream_read(stream, &block)) > 0) {
                /* Damaged data may become more than there was before a checksum tells. */
                if (size + n <= sizeof(all))
                        memcpy(all + size, block, n);
                size += n;
        }
        if (n < 0) {
                ck_assert_uint_gt(strlen(worker_stream_trouble(stream)), 3);
                return n;
        }
        *ret_times = size / TEXT_SIZE;
        if (size % TEXT_SIZE != 0 || size > sizeof(all))
                return 1; /* something else than was put in */
        for (unsigned i = 0; i < *ret_times; i++)
                if (memcmp(all + i * TEXT_SIZE, text, TEXT_SIZE) != 0)
                        return 1;
        return 0;
}

static int read_bytes(const void *data, size_t size, unsigned *ret_times) {
        _cleanup_close_ int fd = to_file(data, size);

        return read_all(fd, ret_times);
}

START_TEST(every_compression_is_recognised) {
        unsigned times;

        make_text();
        for (size_t i = 0; i < ELEMENTSOF(compressions); i++) {
                Bytes bytes;

                compress_text(compressions[i].filter, &bytes);
                ck_assert_int_eq(read_bytes(bytes.data, bytes.size, &times), 0);
                ck_assert_uint_eq(times, 1);
        }
        ck_assert_int_eq(read_bytes(text, sizeof(text), &times), 0);
        ck_assert_uint_eq(times, 1);
}
END_TEST

START_TEST(an_empty_source_is_an_empty_stream) {
        unsigned times = 7;

        ck_assert_int_eq(read_bytes("", 0, &times), 0);
        ck_assert_uint_eq(times, 0);
}
END_TEST

START_TEST(a_source_cut_anywhere_ends_badly) {
        make_text();
        for (size_t i = 0; i < ELEMENTSOF(compressions); i++) {
                Bytes bytes;

                compress_text(compressions[i].filter, &bytes);
                /* The first bytes are what tells the compression; without them it is a text that is not compressed. */
                for (size_t cut = 20; cut < bytes.size; cut++) {
                        unsigned times;

                        ck_assert_msg(read_bytes(bytes.data, cut, &times) == -EBADMSG, "%s cut at %zu of %zu",
                                      compressions[i].name, cut, bytes.size);
                }
        }
}
END_TEST

/* Some bits mean nothing (gzip's time stamp): then the text must be as it was. */
START_TEST(a_flipped_bit_is_noticed_or_harmless) {
        make_text();
        for (size_t i = 0; i < ELEMENTSOF(compressions); i++) {
                Bytes bytes;

                compress_text(compressions[i].filter, &bytes);
                for (size_t at = 12; at < bytes.size; at++) {
                        unsigned times = 0;
                        int r;

                        bytes.data[at] ^= 0x10;
                        r = read_bytes(bytes.data, bytes.size, &times);
                        ck_assert_msg(r < 0 || (r == 0 && times == 1), "%s flipped at %zu of %zu",
                                      compressions[i].name, at, bytes.size);
                        bytes.data[at] ^= 0x10;
                }
        }
}
END_TEST

START_TEST(gzip_checksum_and_length_count) {
        unsigned times;
        Bytes bytes;

        make_text();
        compress_text(archive_write_add_filter_gzip, &bytes);
        for (size_t from_end = 1; from_end <= 8; from_end++) {
                bytes.data[bytes.size - from_end] ^= 1;
                ck_assert_int_eq(read_bytes(bytes.data, bytes.size, &times), -EBADMSG);
                bytes.data[bytes.size - from_end] ^= 1;
        }
        ck_assert_int_eq(read_bytes(bytes.data, bytes.size, &times), 0);
}
END_TEST

START_TEST(gzip_files_one_behind_the_other_are_one) {
        _cleanup_free_ char *joined = NULL;
        unsigned times;
        Bytes bytes;

        make_text();
        compress_text(archive_write_add_filter_gzip, &bytes);
        joined = malloc(bytes.size * 3);
        for (int i = 0; i < 3; i++)
                memcpy(joined + i * bytes.size, bytes.data, bytes.size);
        ck_assert_int_eq(read_bytes(joined, bytes.size * 3, &times), 0);
        ck_assert_uint_eq(times, 3);
        ck_assert_int_eq(read_bytes(joined, bytes.size * 3 - 1, &times), -EBADMSG);
}
END_TEST

/* Tapes and USB sticks pad to whole blocks. */
START_TEST(padding_behind_gzip_is_ignored) {
        unsigned times;
        Bytes bytes;

        make_text();
        compress_text(archive_write_add_filter_gzip, &bytes);
        memset(bytes.data + bytes.size, 0, 512);
        ck_assert_int_eq(read_bytes(bytes.data, bytes.size + 512, &times), 0);
        ck_assert_uint_eq(times, 1);
}
END_TEST

START_TEST(xz_files_one_behind_the_other_are_one) {
        _cleanup_free_ char *joined = NULL;
        unsigned times;
        Bytes one, blocks;
        size_t size = 0;

        make_text();
        compress_text(archive_write_add_filter_xz, &one);
        compress_text(NULL, &blocks);
        joined = calloc(3, sizeof(one.data));
        memcpy(joined, one.data, one.size);
        size += one.size + 8; /* padding, by fours */
        memcpy(joined + size, blocks.data, blocks.size);
        size += blocks.size;
        memcpy(joined + size, one.data, one.size);
        size += one.size;
        ck_assert_int_eq(read_bytes(joined, size, &times), 0);
        ck_assert_uint_eq(times, 3);
        ck_assert_int_eq(read_bytes(joined, size + 4, &times), 0);
        ck_assert_int_eq(read_bytes(joined, size + 3, &times), -EBADMSG);
        joined[size] = 'x';
        ck_assert_int_eq(read_bytes(joined, size + 4, &times), -EBADMSG);
}
END_TEST

/* Each has more contents than all of them may have at hand. */
START_TEST(large_blocks_of_xz_come_in_their_order) {
        size_t block_size = 24 << 20, size = 3 * block_size, n_compressed, at = 0;
        _cleanup_(worker_stream_freep) WorkerStream *stream = NULL;
        _cleanup_free_ uint8_t *data = malloc(size);
        _cleanup_free_ uint8_t *compressed = malloc(size);
        _cleanup_close_ int fd = -EBADF;
        const void *block;
        ssize_t n;

        for (size_t i = 0; i < size; i++)
                data[i] = (uint8_t)(i >> 16);
        n_compressed = compress_blocks(data, size, block_size, compressed, size);
        fd = to_file(compressed, n_compressed);
        ck_assert_int_eq(worker_stream_open(fd, true, &stream), 0);
        while ((n = worker_stream_read(stream, &block)) > 0) {
                ck_assert_uint_le(at + n, size);
                ck_assert_int_eq(memcmp(block, data + at, n), 0);
                at += n;
        }
        ck_assert_int_eq(n, 0);
        ck_assert_uint_eq(at, size);
        ck_assert_uint_eq(worker_stream_consumed(stream), n_compressed);
}
END_TEST

START_TEST(a_stream_can_be_left_while_blocks_of_xz_are_decoded) {
        size_t size = 64 << 20, n_compressed;
        _cleanup_free_ uint8_t *data = calloc(1, size);
        _cleanup_free_ uint8_t *compressed = malloc(1 << 20);

        n_compressed = compress_blocks(data, size, 24 << 20, compressed, 1 << 20);
        for (unsigned i = 0; i < 4; i++) {
                _cleanup_(worker_stream_freep) WorkerStream *stream = NULL;
                _cleanup_close_ int fd = to_file(compressed, n_compressed);
                const void *block;

                ck_assert_int_eq(worker_stream_open(fd, false, &stream), 0);
                for (unsigned n = 0; n < i; n++)
                        ck_assert_int_gt(worker_stream_read(stream, &block), 0);
        }
}
END_TEST

START_TEST(a_stream_can_be_left_while_its_source_says_nothing) {
        make_text();
        for (size_t i = 0; i < ELEMENTSOF(compressions); i++) {
                _cleanup_(worker_stream_freep) WorkerStream *stream = NULL;
                Bytes bytes;
                int pair[2];

                compress_text(compressions[i].filter, &bytes);
                ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
                /* Its beginning is read when it is opened, whole: so it gets more than that. */
                ck_assert_int_eq(write_all(pair[1], bytes.data, bytes.size), 0);
                for (size_t n = bytes.size; n < 5000; n += bytes.size)
                        ck_assert_int_eq(write_all(pair[1], bytes.data, bytes.size), 0);
                ck_assert_int_eq(worker_stream_open(pair[0], true, &stream), 0);
                stream = worker_stream_free(stream);
                closep(&pair[0]);
                closep(&pair[1]);
        }
}
END_TEST

START_TEST(the_sum_is_that_of_all_bytes_of_the_source) {
        make_text();
        for (size_t i = 0; i <= ELEMENTSOF(compressions); i++) {
                _cleanup_(worker_stream_freep) WorkerStream *stream = NULL;
                _cleanup_close_ int fd = -EBADF;
                g_autofree char *wanted = NULL;
                const void *block;
                Bytes bytes = { .size = sizeof(text) };

                memcpy(bytes.data, text, sizeof(text));
                if (i < ELEMENTSOF(compressions))
                        compress_text(compressions[i].filter, &bytes);
                wanted = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)bytes.data, bytes.size);
                fd = to_file(bytes.data, bytes.size);
                ck_assert_int_eq(worker_stream_open(fd, true, &stream), 0);
                while (worker_stream_read(stream, &block) > 0)
                        ;
                ck_assert_str_eq(worker_stream_sha256(stream), wanted);
        }
}
END_TEST

START_TEST(a_pipe_that_brings_single_bytes_will_do) {
        make_text();
        for (size_t i = 0; i < ELEMENTSOF(compressions); i++) {
                Bytes bytes;
                int pair[2];
                pid_t child;
                unsigned times;

                compress_text(compressions[i].filter, &bytes);
                ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
                child = fork();
                if (child == 0) {
                        for (size_t n = 0; n < bytes.size; n++)
                                (void)!write(pair[1], bytes.data + n, 1);
                        _exit(EXIT_SUCCESS);
                }
                closep(&pair[1]);
                ck_assert_int_eq(read_all(pair[0], &times), 0);
                ck_assert_uint_eq(times, 1);
                closep(&pair[0]);
        }
}
END_TEST

START_TEST(a_source_that_cannot_be_read_is_told_by_its_error) {
        _cleanup_(worker_stream_freep) WorkerStream *stream = NULL;
        _cleanup_close_ int directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        ck_assert_int_eq(worker_stream_open(directory, false, &stream), -EISDIR);
        ck_assert_ptr_null(stream);
}
END_TEST

START_TEST(file_systems_and_disks_are_told_by_their_first_bytes) {
        uint8_t bytes[2048] = { 0 };

        ck_assert_int_eq(stream_image_recognise(bytes, sizeof(bytes)), STREAM_IMAGE_NONE);
        ck_assert_int_eq(stream_image_recognise("hsqs", 4), STREAM_IMAGE_SQUASHFS);
        ck_assert_int_eq(stream_image_recognise("hsq", 3), STREAM_IMAGE_NONE);
        ck_assert_int_eq(stream_image_recognise("vhdxfile", 8), STREAM_IMAGE_VIRTUAL);
        memcpy(bytes + 1080, "\x53\xef\x01\0\x01", 5);
        ck_assert_int_eq(stream_image_recognise(bytes, sizeof(bytes)), STREAM_IMAGE_EXT);
        ck_assert_int_eq(stream_image_recognise(bytes, 1085), STREAM_IMAGE_NONE);
        memcpy(bytes + 510, "\x55\xaa", 2);
        ck_assert_int_eq(stream_image_recognise(bytes, sizeof(bytes)), STREAM_IMAGE_EXT); /* a boot sector, no table */
        bytes[450] = 0x83;
        ck_assert_int_eq(stream_image_recognise(bytes, sizeof(bytes)), STREAM_IMAGE_PARTITIONS);
        memcpy(bytes + 257, "ustar", 5);
        ck_assert_int_eq(stream_image_recognise(bytes, sizeof(bytes)), STREAM_IMAGE_NONE);
}
END_TEST

START_TEST(the_bytes_of_a_file_system_are_the_source_s) {
        _cleanup_(worker_stream_freep) WorkerStream *stream = NULL;
        _cleanup_close_ int fd = memfd_create("source", MFD_CLOEXEC);
        const void *bytes;

        ck_assert_int_eq(write_all(fd, "hsqs and more", 13), 0);
        ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
        ck_assert_int_eq(worker_stream_open(fd, false, &stream), 0);
        ck_assert_int_eq(worker_stream_image(stream), STREAM_IMAGE_SQUASHFS);
        ck_assert_uint_eq(worker_stream_size(stream), 13);
        ck_assert_int_eq(worker_stream_read(stream, &bytes), 13);
        ck_assert_int_eq(memcmp(bytes, "hsqs and more", 13), 0);
        ck_assert_int_eq(worker_stream_read(stream, &bytes), 0);
}
END_TEST

int main(void) {
        return RUN_TESTS("worker-stream", every_compression_is_recognised, an_empty_source_is_an_empty_stream,
                         a_source_cut_anywhere_ends_badly, a_flipped_bit_is_noticed_or_harmless,
                         gzip_checksum_and_length_count, gzip_files_one_behind_the_other_are_one,
                         padding_behind_gzip_is_ignored, xz_files_one_behind_the_other_are_one,
                         large_blocks_of_xz_come_in_their_order, a_stream_can_be_left_while_blocks_of_xz_are_decoded,
                         a_stream_can_be_left_while_its_source_says_nothing,
                         the_sum_is_that_of_all_bytes_of_the_source, a_pipe_that_brings_single_bytes_will_do,
                         a_source_that_cannot_be_read_is_told_by_its_error,
                         file_systems_and_disks_are_told_by_their_first_bytes,
                         the_bytes_of_a_file_system_are_the_source_s);
}
