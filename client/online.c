/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns how the catalogue is shown. It is read anew each time, by lxssd. */

#include "client/online.h"

#include "client/json.h"
#include "client/table.h"
#include "client/text.h"

static void print_json(LxssOffer *const *offers) {
        Json json = JSON_ON(stdout);

        json_open(&json, NULL, '[');
        for (; *offers; offers++) {
                const LxssOffer *offer = *offers;

                json_open(&json, NULL, '{');
                json_string(&json, "name", offer->name);
                json_string(&json, "friendly_name", offer->friendly_name);
                json_string(&json, "family", *offer->family ? offer->family : NULL);
                json_bool(&json, "family_default", offer->family_default);
                json_bool(&json, "default", offer->is_default);
                json_string(&json, "url", offer->url);
                json_string(&json, "sha256", *offer->sha256 ? offer->sha256 : NULL);
                json_string(&json, "catalogue", offer->catalogue);
                json_close(&json, '}');
        }
        json_close(&json, ']');
}

static void print_names(LxssOffer *const *offers) {
        for (; *offers; offers++) {
                text_print(stdout, (*offers)->name);
                fputc('\n', stdout);
        }
}

static void add_row(Table *table, const LxssOffer *offer, bool more) {
        _cleanup_free_ char *name = NULL;

        if (asprintf(&name, "%c %s", offer->is_default ? '*' : ' ', offer->name) < 0)
                name = NULL;
        table_add(table, name);
        table_add(table, offer->friendly_name);
        /* By which it can be had as well. */
        table_add(table, offer->family_default ? offer->family : "");
        if (!more)
                return;
        table_add(table, offer->sha256);
        table_add(table, offer->url);
        table_add(table, offer->catalogue);
}

static void print_table(LxssOffer *const *offers, bool more) {
        Table table = { .n_columns = more ? 6 : 3 };

        table_add_all(&table, (const char *const[]){ "  NAME", "WHAT IT IS", "ALSO", NULL });
        if (more)
                table_add_all(&table, (const char *const[]){ "SHA-256", "URL", "CATALOGUE", NULL });
        for (; *offers; offers++)
                add_row(&table, *offers, more);
        table_print(&table, stdout);
        table_finish(&table);
}

int online_list(Command *command, bool more) {
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        _cleanup_result_ LxssOffer **offers = NULL;
        _cleanup_client_ LxssClient *client = NULL;
        int r;

        r = command_connect(command, 0, &client, &failure);
        if (r >= 0)
                r = lxss_list_online(client, &offers, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        if (command->json)
                print_json(offers);
        else if (command->quiet)
                print_names(offers);
        else if (*offers)
                print_table(offers, more);
        else
                say_plain("The catalogue has nothing for this kind of machine.");
        return EXIT_SUCCESS;
}
