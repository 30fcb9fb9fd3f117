/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A distribution's wsl-distribution.conf: whatever stands in it, what comes out
 * is bounded and can be used. */

#include "shared/distribution-name.h"
#include "shared/ini.h"
#include "shared/text.h"
#include "shared/wsl-distribution.h"
#include "tests/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_wsl_distribution_ WslDistribution values = WSL_DISTRIBUTION_DEFAULT;

        FUZZ_REQUIRE(wsl_distribution_parse((const char *)data, size, &values) == 0);
        FUZZ_REQUIRE(strv_length(values.warnings) <= INI_WARNINGS_MAX + 1);
        for (char **w = values.warnings; w && *w; w++)
                FUZZ_REQUIRE(strlen(*w) < 400 &&
                             strncmp(*w, WSL_DISTRIBUTION_PATH ":", strlen(WSL_DISTRIBUTION_PATH) + 1) == 0);
        FUZZ_REQUIRE(!values.name || distribution_name_is_valid(values.name));
        FUZZ_REQUIRE(values.uid >= -1 && values.uid < 1000000000);
        FUZZ_REQUIRE(!values.command || (*values.command && strlen(values.command) <= size));
        FUZZ_REQUIRE(!values.icon || (*values.icon == '/' && !strstr(values.icon, "/../") &&
                                      text_is_printable(values.icon, strlen(values.icon))));
        return 0;
}
