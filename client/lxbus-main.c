/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lxbus, as instances have it in /run/lxss/bin: what `lxctl bus` is on the host. */

#include <stdio.h>

#include "client/command.h"
#include "client/text.h"

int main(int argc, char **argv) {
        Command command = { .verb = &verb_bus, .program = "lxbus" };
        int r;

        say_as("lxbus: ");
        command.parser = (OptionParser){ .options = verb_bus.options, .argv = argc > 0 ? argv + 1 : argv };
        r = verb_bus.run(&command);
        option_parser_finish(&command.parser);
        if (fflush(stdout) != 0 && r == EXIT_SUCCESS) {
                say("Cannot write the output: %s", strerror(errno));
                r = EXIT_SERVICE;
        }
        return r;
}
