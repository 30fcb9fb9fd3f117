/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Aligned columns for people. Cells are copied and made harmless. */

#include <stdbool.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 8

typedef struct Table {
        size_t n_columns;
        char **cells; /* rows of n_columns, the heading first */
        size_t n_cells;
        bool failed;  /* out of memory: table_print() says so */
} Table;

/* Adds the next cell, row by row; NULL and "" show as "-". */
void table_add(Table *table, const char *cell);

/* Adds each of a NULL-terminated list. */
void table_add_all(Table *table, const char *const *cells);

void table_print(Table *table, FILE *f);

void table_finish(Table *table);
