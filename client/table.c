/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the alignment of list, ps and status. Knows nothing of what is in the cells. */

#include "client/table.h"

#include "client/text.h"

void table_add(Table *table, const char *cell) {
        char **grown = reallocarray(table->cells, table->n_cells + 1, sizeof(*grown));

        if (!grown) {
                table->failed = true;
                return;
        }
        table->cells = grown;
        table->cells[table->n_cells] = text_escape_copy(str_empty(cell) ? "-" : cell);
        if (table->cells[table->n_cells])
                table->n_cells++;
        else
                table->failed = true;
}

void table_add_all(Table *table, const char *const *cells) {
        for (; *cells; cells++)
                table_add(table, *cells);
}

static void print_row(const Table *table, char *const *row, const size_t *widths, FILE *f) {
        for (size_t c = 0; c < table->n_columns; c++) {
                bool last = c + 1 == table->n_columns;

                fputs(row[c], f);
                for (size_t n = text_width(row[c]); !last && n < widths[c] + 2; n++)
                        fputc(' ', f);
        }
        fputc('\n', f);
}

void table_print(Table *table, FILE *f) {
        size_t widths[TABLE_COLUMNS_MAX] = {};

        if (table->failed || table->n_columns > TABLE_COLUMNS_MAX) {
                say("Out of memory.");
                return;
        }
        for (size_t i = 0; i < table->n_cells; i++) {
                size_t width = text_width(table->cells[i]), c = i % table->n_columns;

                if (width > widths[c])
                        widths[c] = width;
        }
        for (size_t i = 0; i + table->n_columns <= table->n_cells; i += table->n_columns)
                print_row(table, table->cells + i, widths, f);
}

void table_finish(Table *table) {
        for (size_t i = 0; i < table->n_cells; i++)
                free(table->cells[i]);
        free(steal_pointer(&table->cells));
        table->n_cells = 0;
}
