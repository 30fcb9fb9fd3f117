/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/catalogue.h"
#include "daemon/error.h"

/* One reading of the catalogues, by lxss-fetch. */
typedef struct CatalogueLookup CatalogueLookup;

/* One of the two is NULL. From the loop, once; the lookup may be freed, from here too. */
typedef void (*catalogue_done_t)(const Catalogue *catalogue, const sd_bus_error *error, void *userdata);

/* environment: see FetchOrder. patience: seconds. Borrows everything until it
 * returns. Returns 0 or negative errno. */
typedef struct CatalogueRequest {
        char *const *urls;
        char *const *environment;
        uint64_t patience;
} CatalogueRequest;

int catalogue_lookup_start(sd_event *event, const CatalogueRequest *request, catalogue_done_t done, void *userdata,
                           CatalogueLookup **ret);

/* Ends it where it is not done. */
CatalogueLookup *catalogue_lookup_free(CatalogueLookup *lookup);
