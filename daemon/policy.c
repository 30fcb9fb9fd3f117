/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An lxssd works for one user, so there is one rule today: that user and root.
 * What is not listed is refused, so that a new method is closed until somebody
 * decides about it here. */

#include "daemon/policy.h"

#include <stddef.h>
#include <string.h>

#include "shared/util.h"

typedef enum Rule { RULE_OWNER_OR_ROOT = 1 } Rule;

#define MANAGER "org.lxss.Manager1"

static const struct {
        const char *interface, *member;
        Rule rule;
} rules[] = {
        { MANAGER, "Launch", RULE_OWNER_OR_ROOT },
        { MANAGER, "Install", RULE_OWNER_OR_ROOT },
        { MANAGER, "InstallFrom", RULE_OWNER_OR_ROOT },
        { MANAGER, "Uninstall", RULE_OWNER_OR_ROOT },
        { MANAGER, "Export", RULE_OWNER_OR_ROOT },
        { MANAGER, "Clone", RULE_OWNER_OR_ROOT },
        { MANAGER, "Move", RULE_OWNER_OR_ROOT },
        { MANAGER, "Snapshot", RULE_OWNER_OR_ROOT },
        { MANAGER, "Rollback", RULE_OWNER_OR_ROOT },
        { MANAGER, "RemoveSnapshot", RULE_OWNER_OR_ROOT },
        { MANAGER, "ListSnapshots", RULE_OWNER_OR_ROOT },
        { MANAGER, "Rename", RULE_OWNER_OR_ROOT },
        { MANAGER, "Configure", RULE_OWNER_OR_ROOT },
        { MANAGER, "Repair", RULE_OWNER_OR_ROOT },
        { MANAGER, "SetDefault", RULE_OWNER_OR_ROOT },
        { MANAGER, "Hold", RULE_OWNER_OR_ROOT },
        { MANAGER, "Terminate", RULE_OWNER_OR_ROOT },
        { MANAGER, "Shutdown", RULE_OWNER_OR_ROOT },
        { MANAGER, "Subscribe", RULE_OWNER_OR_ROOT },
        { MANAGER, "ConnectBus", RULE_OWNER_OR_ROOT },
        { MANAGER, "OpenBus", RULE_OWNER_OR_ROOT },
        { MANAGER, "ListServers", RULE_OWNER_OR_ROOT },
        { MANAGER, "ListDistributions", RULE_OWNER_OR_ROOT },
        { MANAGER, "ListOnline", RULE_OWNER_OR_ROOT },
        { MANAGER, "ListInstances", RULE_OWNER_OR_ROOT },
        { MANAGER, "ListProcesses", RULE_OWNER_OR_ROOT },
        { MANAGER, "ListOperations", RULE_OWNER_OR_ROOT },
        { MANAGER ".Instance", "Terminate", RULE_OWNER_OR_ROOT },
        { MANAGER ".Instance", "OpenRoot", RULE_OWNER_OR_ROOT },
        { MANAGER ".Process", "GetPidFd", RULE_OWNER_OR_ROOT },
        { MANAGER ".Process", "Signal", RULE_OWNER_OR_ROOT },
        { MANAGER ".Process", "SetForeground", RULE_OWNER_OR_ROOT },
        { MANAGER ".Operation", "Cancel", RULE_OWNER_OR_ROOT },
        { "org.freedesktop.DBus", "Hello", RULE_OWNER_OR_ROOT },
        { "org.freedesktop.DBus", "AddMatch", RULE_OWNER_OR_ROOT },
        { "org.freedesktop.DBus", "RemoveMatch", RULE_OWNER_OR_ROOT },
        { "org.freedesktop.DBus", "GetNameOwner", RULE_OWNER_OR_ROOT },
        { "org.freedesktop.DBus", "NameHasOwner", RULE_OWNER_OR_ROOT },
        { "org.freedesktop.DBus", "StartServiceByName", RULE_OWNER_OR_ROOT },
        { "org.freedesktop.DBus.Properties", "Get", RULE_OWNER_OR_ROOT },
        { "org.freedesktop.DBus.Properties", "GetAll", RULE_OWNER_OR_ROOT },
        { "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", RULE_OWNER_OR_ROOT },
        { "org.freedesktop.DBus.Introspectable", "Introspect", RULE_OWNER_OR_ROOT },
        { "org.freedesktop.DBus.Peer", "Ping", RULE_OWNER_OR_ROOT },
        { "org.freedesktop.DBus.Peer", "GetMachineId", RULE_OWNER_OR_ROOT },
};

bool policy_allows(const char *interface, const char *member, uid_t caller, uid_t owner) {
        for (size_t i = 0; interface && member && i < ELEMENTSOF(rules); i++)
                if (streq(rules[i].interface, interface) && streq(rules[i].member, member))
                        return rules[i].rule == RULE_OWNER_OR_ROOT && (caller == owner || caller == 0);
        return false;
}
