/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The catalogue on the bus: as a list, and what to say of a name that is not in it. */

#include "daemon/bus-catalogue.h"

#include "daemon/bus-objects.h"
#include "daemon/bus-options.h"
#include "daemon/text.h"
#include "shared/util.h"

typedef struct ListOptions {
        char **environment;
} ListOptions;

static void list_options_clear(ListOptions *options) {
        strv_free(options->environment);
}

static const Option list_options[] = {
        { "environment", "as", option_transfer_variables, offsetof(ListOptions, environment) },
};

static int append_entries(sd_bus_message *reply, const Catalogue *catalogue) {
        int r = 0;

        for (guint i = 0; r >= 0 && i < catalogue->len; i++) {
                const CatalogueEntry *entry = catalogue->pdata[i];

                if (!entry->foreign && (!entry->legacy || catalogue_find(catalogue, entry->name, false) == entry))
                        r = sd_bus_message_append(reply, "(sssbbsss)", entry->name, entry->friendly_name, entry->family,
                                                  entry->family_default, entry->standard, entry->url, entry->sha256,
                                                  entry->catalogue);
        }
        return r;
}

static int reply_catalogue(sd_bus_message *m, const Catalogue *catalogue) {
        g_autoptr(sd_bus_message) reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(sssbbsss)");
        if (r >= 0)
                r = append_entries(reply, catalogue);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static void on_listed(const Catalogue *catalogue, const sd_bus_error *error, void *userdata) {
        g_autoptr(sd_bus_message) m = userdata;

        if (error)
                (void)sd_bus_reply_method_error(m, error);
        else
                (void)reply_catalogue(m, catalogue);
}

int bus_method_list_online(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        _cleanup_(list_options_clear) ListOptions options = { 0 };
        Peer *peer;
        int r;

        if ((r = options_read(m, list_options, ELEMENTSOF(list_options), &options, reterr)) < 0 ||
            (r = bus_find_peer(userdata, m, &peer, reterr)) < 0)
                return r;
        r = manager_read_catalogue(bus_manager(userdata), peer->client, options.environment, on_listed,
                                   sd_bus_message_ref(m), reterr);
        if (r < 0)
                sd_bus_message_unref(m);
        return r < 0 ? r : 1;
}

int bus_find_in_catalogue(const Catalogue *catalogue, const char *name, bool legacy, const CatalogueEntry **ret,
                          sd_bus_error *reterr) {
        const CatalogueEntry *entry = catalogue_find(catalogue, name, legacy);
        const char *meant = entry ? NULL : catalogue_suggest(catalogue, name);
        g_autofree char *safe = text_printable(name, 80);

        if (entry && entry->foreign)
                return error_set(reterr, LXSS_ERROR_UNSUPPORTED_SOURCE,
                                 "\"%s\" is in the catalogue as a package of Microsoft's store only, which cannot be "
                                 "unpacked here.",
                                 safe);
        if (entry) {
                *ret = entry;
                return 0;
        }
        if (meant)
                return error_set(reterr, LXSS_ERROR_NO_SUCH_SOURCE,
                                 "There is no \"%s\" in the catalogue. Did you mean \"%s\"?", safe, meant);
        return error_set(reterr, LXSS_ERROR_NO_SUCH_SOURCE,
                         "There is no \"%s\" in the catalogue. What there is: lxctl list --online", safe);
}
