/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns where the keys and the signature of an archive are. Whether they are good is
 * found out where the archive is unpacked. */

#include "client/signature.h"

#include "client/source.h"
#include "client/text.h"

static int open_named(const char *path) {
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        int r = fd < 0 ? -errno : fd;

        if (r < 0)
                say("Cannot open %s: %s", path, strerror(-r));
        return r;
}

/* As gpg, apt and everybody else calls them. */
static int open_beside(const char *archive) {
        static const char *const endings[] = { ".sig", ".asc", ".gpg" };

        for (size_t i = 0; i < ELEMENTSOF(endings); i++) {
                _cleanup_free_ char *path = NULL;
                int fd;

                if (asprintf(&path, "%s%s", archive, endings[i]) < 0)
                        return -ENOMEM;
                fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
                if (fd >= 0)
                        return fd;
                if (errno != ENOENT)
                        return open_named(path);
        }
        say("There is no signature beside %s (.sig, .asc or .gpg behind its name). Say where it is with --signature.",
            archive);
        return -ENOENT;
}

int signature_open(const char *keyring, const char *signature, const char *archive, Signature *ret) {
        if (!keyring) {
                if (!signature)
                        return 0;
                say("A signature says nothing without the keys that may have made it: name them with --keyring.");
                return -EINVAL;
        }
        ret->keyring = open_named(keyring);
        if (ret->keyring < 0)
                return ret->keyring;
        if (signature && source_classify(signature) == SOURCE_URI)
                ret->url = signature;
        else if (signature)
                ret->file = open_named(signature);
        else if (archive)
                ret->file = open_beside(archive);
        else
                return 0;
        return ret->url ? 0 : ret->file < 0 ? ret->file : 0;
}

void signature_put(const Signature *signature, LxssInstall *install) {
        install->keyring = signature->keyring;
        install->signature = signature->file;
        install->signature_url = signature->url;
}

void signature_close(Signature *signature) {
        closep(&signature->keyring);
        closep(&signature->file);
}
