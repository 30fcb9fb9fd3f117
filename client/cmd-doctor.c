/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl doctor`: runs the tables of checks and prints what they found. Needs
 * no lxssd, since it is for when that does not work. */

#include <stdarg.h>

#include "client/command.h"
#include "client/doctor.h"
#include "client/json.h"
#include "client/text.h"

static const char *const finding_names[FINDING_MAX] = {
        [FINDING_OK] = "ok",
        [FINDING_INFO] = "info",
        [FINDING_WARN] = "warn",
        [FINDING_FAIL] = "fail",
};

Finding report_good(Report *report, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(report->text, sizeof(report->text), format, arguments);
        va_end(arguments);
        return FINDING_OK;
}

Finding report_bad(Report *report, Finding finding, const char *text, const char *remedy) {
        snprintf(report->text, sizeof(report->text), "%s", text);
        snprintf(report->remedy, sizeof(report->remedy), "%s", remedy);
        return finding;
}

static void print_text(const Command *command, const char *name, Finding finding, const Report *report) {
        if (command->quiet && finding < FINDING_WARN)
                return;
        printf("%-5s %-18s ", finding_names[finding], name);
        text_print(stdout, report->text);
        fputc('\n', stdout);
        if (*report->remedy) {
                printf("%-24s ", "");
                text_print(stdout, report->remedy);
                fputc('\n', stdout);
        }
}

static void print_json(Json *json, const char *name, Finding finding, const Report *report) {
        json_open(json, NULL, '{');
        json_string(json, "check", name);
        json_string(json, "finding", finding_names[finding]);
        json_string(json, "text", report->text);
        json_string(json, "remedy", *report->remedy ? report->remedy : NULL);
        json_close(json, '}');
}

/* Returns the worst finding. */
static Finding run_checks(Command *command, const Check *checks, Json *json) {
        Finding worst = FINDING_OK;

        for (const Check *check = checks; check->name; check++) {
                Report report = {};
                Finding finding;

                fflush(NULL); /* checks fork */
                finding = check->run(&report);
                if (finding > worst)
                        worst = finding;
                if (command->json)
                        print_json(json, check->name, finding, &report);
                else
                        print_text(command, check->name, finding, &report);
        }
        return worst;
}

static int run_doctor(Command *command) {
        Json json = JSON_ON(stdout);
        Finding kernel, host;

        if (command_words(command, 0, 0, NULL) < 0)
                return command->exit_code;
        if (command->json)
                json_open(&json, NULL, '[');
        kernel = run_checks(command, kernel_checks, &json);
        host = run_checks(command, host_checks, &json);
        if (command->json)
                json_close(&json, ']');
        return kernel == FINDING_FAIL || host == FINDING_FAIL ? EXIT_FAILURE : EXIT_SUCCESS;
}

const Verb verb_doctor = {
        .name = "doctor",
        .group = VERB_GROUP_SERVICE,
        .synopsis = "",
        .summary = "Check whether this host can run instances, and say what to do",
        .details = "Exits with 1 where something fails. -q prints only what needs attention.",
        .run = run_doctor,
};
