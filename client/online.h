/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/command.h"

/* `lxctl list --online`: prints what the catalogue offers. Returns the exit code. */
int online_list(Command *command, bool more);
