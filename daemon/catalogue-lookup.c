/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads the catalogues without waiting for them: lxss-fetch does the work, and what it
 * writes is taken apart as hostile, for it has read strangers' bytes. */

#include "daemon/catalogue-lookup.h"

#include <inttypes.h>

#include "daemon/fetcher.h"
#include "daemon/log.h"
#include "shared/util.h"

struct CatalogueLookup {
        char **urls;
        Fetcher *fetcher;
        int output;
        sd_event_source *output_source;
        GByteArray *bytes;
        bool said_done;
        sd_bus_error error;
        catalogue_done_t done;
        void *userdata;
};

/* False: there is no more (yet). */
static bool read_output(CatalogueLookup *lookup) {
        guint8 block[16 * 1024];
        ssize_t n = read(lookup->output, block, sizeof(block));

        if (n <= 0)
                return n < 0 && errno == EINTR;
        /* One byte more than there may be is enough to know. */
        if (lookup->bytes->len <= CATALOGUE_SIZE_MAX)
                g_byte_array_append(lookup->bytes, block, (guint)n);
        return true;
}

static int on_output(sd_event_source *source, int fd _unused_, uint32_t events, void *userdata) {
        if (!read_output(userdata) && events & (EPOLLHUP | EPOLLERR))
                (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
        return 0;
}

static void on_reported(const WorkerReport *report, void *userdata) {
        CatalogueLookup *lookup = userdata;

        lookup->said_done |= report->kind == WORKER_REPORT_DONE;
        if (report->kind == WORKER_REPORT_ERROR)
                error_set(&lookup->error, report->error, "%s", report->text);
}

/* Whether every entry stands in a catalogue that was asked for. */
static bool is_ours(const CatalogueLookup *lookup, const Catalogue *catalogue) {
        for (guint i = 0; i < catalogue->len; i++)
                if (!g_strv_contains((const char *const *)lookup->urls,
                                     ((const CatalogueEntry *)catalogue->pdata[i])->catalogue))
                        return false;
        return true;
}

/* Later catalogues go over earlier ones, which people should be able to see. Takes the entries over. */
static Catalogue *merge(Catalogue *all) {
        Catalogue *merged = catalogue_new();

        while (all->len > 0) {
                CatalogueEntry *entry = g_ptr_array_steal_index(all, 0);

                if (catalogue_add(merged, entry))
                        log_warning("%s in the catalogue %s goes over another one of that name.", entry->name,
                                    entry->catalogue);
        }
        return merged;
}

static void on_over(void *userdata) {
        CatalogueLookup *lookup = userdata;
        g_autoptr(Catalogue) all = NULL, catalogue = NULL;

        (void)fetcher_drain(lookup->fetcher);
        while (read_output(lookup))
                ;
        if (!sd_bus_error_is_set(&lookup->error) &&
            (!lookup->said_done || catalogue_decode(lookup->bytes->data, lookup->bytes->len, &all) < 0 ||
             !is_ours(lookup, all)))
                error_set(&lookup->error, LXSS_ERROR_FAILED,
                          "The program that was to read the catalogue ended unexpectedly; see %s.", log_target());
        if (sd_bus_error_is_set(&lookup->error)) {
                lookup->done(NULL, &lookup->error, lookup->userdata);
                return;
        }
        catalogue = merge(all);
        lookup->done(catalogue, NULL, lookup->userdata);
}

static int start(sd_event *event, CatalogueLookup *lookup, const CatalogueRequest *request) {
        static const FetcherEvents events = { .reported = on_reported, .over = on_over };
        g_autoptr(FetchOrder) order = fetch_order_new("catalogue");
        int r;

        order->environment = g_strdupv((char **)request->environment);
        fetch_order_add(order, g_strjoinv(" ", (char **)request->urls));
        fetch_order_add(order, g_strdup_printf("%" PRIu64, request->patience));
        r = fetcher_start(event, order, &events, lookup, &lookup->output, &lookup->fetcher);
        if (r < 0)
                return r;
        if (fcntl(lookup->output, F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        return sd_event_add_io(event, &lookup->output_source, lookup->output, EPOLLIN, on_output, lookup);
}

int catalogue_lookup_start(sd_event *event, const CatalogueRequest *request, catalogue_done_t done, void *userdata,
                           CatalogueLookup **ret) {
        CatalogueLookup *lookup = g_new0(CatalogueLookup, 1);
        int r;

        lookup->urls = g_strdupv((char **)request->urls);
        lookup->output = -EBADF;
        lookup->bytes = g_byte_array_new();
        lookup->done = done;
        lookup->userdata = userdata;
        r = start(event, lookup, request);
        if (r < 0) {
                catalogue_lookup_free(lookup);
                return r;
        }
        *ret = lookup;
        return 0;
}

CatalogueLookup *catalogue_lookup_free(CatalogueLookup *lookup) {
        if (!lookup)
                return NULL;
        lookup->output_source = sd_event_source_disable_unref(lookup->output_source);
        lookup->fetcher = fetcher_free(lookup->fetcher);
        closep(&lookup->output);
        g_byte_array_unref(lookup->bytes);
        sd_bus_error_free(&lookup->error);
        g_strfreev(lookup->urls);
        g_free(lookup);
        return NULL;
}
