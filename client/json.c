/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the shape of --json output: commas, indentation, escaping. Knows nothing
 * of what is printed. Written here since the launch path must not load a JSON library. */

#include "client/json.h"

#include <assert.h>
#include <math.h>

#include "client/text.h"

static void quote(FILE *f, const char *s) {
        size_t left = strlen(s);

        fputc('"', f);
        while (left > 0) {
                uint32_t c;
                size_t n = text_decode(s, left, &c);

                if (n == 0) {
                        fputs("\xef\xbf\xbd", f);
                        n = 1;
                } else if (c == '"' || c == '\\')
                        fprintf(f, "\\%c", (char)c);
                else if (c == '\n')
                        fputs("\\n", f);
                else if (c == '\t')
                        fputs("\\t", f);
                else if (c < 0x20 || (c >= 0x7f && c < 0xa0))
                        fprintf(f, "\\u%04x", c);
                else
                        fwrite(s, 1, n, f);
                s += n;
                left -= n;
        }
        fputc('"', f);
}

static void indent(Json *json) {
        fputc('\n', json->f);
        for (unsigned i = 0; i < json->depth; i++)
                fputs("  ", json->f);
}

static void begin_value(Json *json, const char *key) {
        if (json->depth > 0) {
                if (json->filled)
                        fputc(',', json->f);
                indent(json);
        }
        json->filled = true;
        if (key) {
                quote(json->f, key);
                fputs(": ", json->f);
        }
}

static void end_value(Json *json) {
        if (json->depth == 0)
                fputc('\n', json->f);
}

void json_open(Json *json, const char *key, char bracket) {
        begin_value(json, key);
        fputc(bracket, json->f);
        json->depth++;
        json->filled = false;
}

void json_close(Json *json, char bracket) {
        assert(json->depth > 0);
        json->depth--;
        if (json->filled)
                indent(json);
        json->filled = true;
        fputc(bracket, json->f);
        end_value(json);
}

void json_string(Json *json, const char *key, const char *value) {
        begin_value(json, key);
        if (value)
                quote(json->f, value);
        else
                fputs("null", json->f);
        end_value(json);
}

void json_unsigned(Json *json, const char *key, uint64_t value) {
        begin_value(json, key);
        fprintf(json->f, "%llu", (unsigned long long)value);
        end_value(json);
}

void json_double(Json *json, const char *key, double value) {
        begin_value(json, key);
        if (isfinite(value))
                fprintf(json->f, "%.4f", value);
        else
                fputs("null", json->f);
        end_value(json);
}

void json_bool(Json *json, const char *key, bool value) {
        begin_value(json, key);
        fputs(value ? "true" : "false", json->f);
        end_value(json);
}
