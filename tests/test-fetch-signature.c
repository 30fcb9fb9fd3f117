/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What gpgv's words mean, and keyrings in armour. gpgv itself is in itest-signature.py. */

#include "daemon/fetch-keyring.h"
#include "daemon/fetch-signature.h"
#include "tests/test.h"

START_TEST(only_a_good_signature_is_good) {
        static const struct {
                const char *status, *said; /* NULL: good */
        } cases[] = {
                { "[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG ABCD Anna <a@example.org>\n[GNUPG:] VALIDSIG x\n", NULL },
                { "[GNUPG:] NO_PUBKEY 1234\n[GNUPG:] GOODSIG ABCD Anna\n", NULL },
                { "[GNUPG:] GOODSIG ABCD Anna\n[GNUPG:] BADSIG 1234 Anna\n", "1234" },
                { "[GNUPG:] BADSIG ABCD [GNUPG:] GOODSIG\n", "changed" },
                { "[GNUPG:] ERRSIG 1234 22 8 00 1 9 x\n[GNUPG:] NO_PUBKEY 1234\n", "not in the keyring" },
                { "[GNUPG:] EXPKEYSIG 1234 Anna\n", "expired" },
                { "[GNUPG:] EXPSIG 1234 Anna\n", "expired" },
                { "[GNUPG:] REVKEYSIG 1234 Anna\n", "revoked" },
                { "[GNUPG:] ERRSIG 1234 99 8 00 1 4 x\n", "does not know" },
                { "[GNUPG:] NODATA 1\n", "detached" },
                { "[GNUPG:] GOODSIGNATURE ABCD\n", "detached" },
                { "GOODSIG ABCD\n", "detached" },
                { "", "detached" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                WorkerReport report;
                int r = fetch_signature_read_status(cases[i].status, &report);

                if (!cases[i].said) {
                        ck_assert_int_eq(r, 0);
                        continue;
                }
                ck_assert_int_lt(r, 0);
                ck_assert_int_eq(report.error, LXSS_ERROR_BAD_SIGNATURE);
                ck_assert_msg(strstr(report.text, cases[i].said), "%s: %s", cases[i].status, report.text);
        }
}
END_TEST

#define BLOCK(header, body) \
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\n" header "\n" body "=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n"

START_TEST(armour_is_taken_off) {
        static const struct {
                const char *text, *keys; /* NULL: damaged */
        } cases[] = {
                { BLOCK("", "a2V5\n"), "key" },
                { BLOCK("Version: 1\nComment: two\n", "a2V5a2V5\na2V5\n"), "keykeykey" },
                { "words before\n" BLOCK("", "a2V5\n") "between\n" BLOCK("", "b25l\n"), "keyone" },
                { "-----BEGIN PGP PUBLIC KEY BLOCK-----\r\n\r\na2V5\r\n=abcd\r\n-----END PGP PUBLIC KEY "
                  "BLOCK-----\r\n",
                  "key" },
                { BLOCK("", "a2V\n"), NULL },
                { BLOCK("", ""), NULL },
                { "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\na2V5\n", NULL },
                { "-----BEGIN PGP PUBLIC KEY BLOCK----------END PGP PUBLIC KEY BLOCK-----", NULL },
                { "", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                g_autoptr(GByteArray) keys = fetch_keyring_dearmor(cases[i].text);

                ck_assert_msg(!keys == !cases[i].keys, "%s", cases[i].text);
                if (!keys)
                        continue;
                ck_assert_uint_eq(keys->len, strlen(cases[i].keys));
                ck_assert_int_eq(memcmp(keys->data, cases[i].keys, keys->len), 0);
        }
}
END_TEST

int main(void) {
        return RUN_TESTS("fetch-signature", only_a_good_signature_is_good, armour_is_taken_off);
}
