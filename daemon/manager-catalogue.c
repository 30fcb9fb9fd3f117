/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who waits for the catalogues. Each reading belongs to a client and ends with it. */

#include "daemon/manager-private.h"
#include "shared/util.h"

typedef struct Lookup {
        Manager *manager;
        const Client *client;
        CatalogueLookup *lookup;
        catalogue_done_t done;
        void *userdata;
} Lookup;

void manager_free_lookup(void *p) {
        Lookup *lookup = p;

        catalogue_lookup_free(lookup->lookup);
        g_free(lookup);
}

static void on_done(const Catalogue *catalogue, const sd_bus_error *error, void *userdata) {
        Lookup *lookup = userdata;

        (void)g_hash_table_steal(lookup->manager->lookups, lookup);
        lookup->done(catalogue, error, lookup->userdata);
        manager_free_lookup(lookup);
}

/* It is not going to be done. Whoever waits is told, who may be another than the client's connection. */
static void give_up(Lookup *lookup) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        error_set(&error, LXSS_ERROR_CANCELED, "The reading of the catalogue was canceled.");
        on_done(NULL, &error, lookup);
}

void manager_withdraw_lookups(Manager *manager, const Client *client) {
        g_autoptr(GList) lookups = g_hash_table_get_keys(manager->lookups);

        for (GList *l = lookups; l; l = l->next)
                if (!client || ((const Lookup *)l->data)->client == client)
                        give_up(l->data);
}

int manager_read_catalogue(Manager *manager, const Client *client, char *const *environment, catalogue_done_t done,
                           void *userdata, sd_bus_error *reterr) {
        const Settings *settings = registry_settings(manager->registry);
        const CatalogueRequest request = {
                .urls = settings->catalogue,
                .environment = environment,
                .patience = settings->transfer_timeout,
        };
        Lookup *lookup;
        int r;

        r = manager_refuse_while_ending(manager, reterr);
        if (r < 0)
                return r;
        if (!*settings->catalogue)
                return error_set(reterr, LXSS_ERROR_NO_SUCH_SOURCE,
                                 "There is no catalogue: \"catalogue\" in lxss.conf(5) is empty. Name one there.");
        lookup = g_new(Lookup, 1);
        *lookup = (Lookup){ .manager = manager, .client = client, .done = done, .userdata = userdata };
        r = catalogue_lookup_start(manager->event, &request, on_done, lookup, &lookup->lookup);
        if (r < 0) {
                g_free(lookup);
                return error_set(reterr, LXSS_ERROR_FAILED, "lxss-fetch could not be started: %s", g_strerror(-r));
        }
        g_hash_table_add(manager->lookups, lookup);
        return 0;
}
