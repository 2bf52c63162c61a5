/* SPDX-License-Identifier: MIT */
/*
 * A guest that attacks. `attack=NAME` on the command line picks what it does: one of the tables of
 * pvguest/hostile/, or `list`. It says what it is about to do and, if it lives, how it went:
 * `hostile: NAME refused` or `hostile: NAME got through`.
 */
#include "lib/string.h"
#include "lib/text.h"
#include "pvguest/hostile/attack.h"
#include "pvguest/kernel/print.h"
#include "pvguest/kernel/start.h"

static const struct attack *const tables[] = {memory_attacks, processor_attacks, ring_attacks,
                                              storm_attacks,  random_attacks,    endless_attacks,
                                              vcpu_attacks,   pool_attacks,      entry_attacks};
static const char *const outcome_names[] = {"must be refused", "may end this domain",
                                            "must end this domain", "goes on for ever"};

uint64_t attack_number(const char *name, uint64_t otherwise)
{
    return text_option_unsigned(guest_command_line(), name, otherwise);
}

static void attack_run(const struct attack *attack)
{
    bool held;

    print("hostile: %s, which %s\n", attack->name, outcome_names[attack->outcome]);
    held = attack->run();
    print("hostile: %s %s\n", attack->name,
          held && attack->outcome <= HARMLESS ? "refused" : "got through");
}

void guest_main(void)
{
    char wanted[32] = "list";
    bool found = false;

    text_option(guest_command_line(), "attack", wanted, sizeof(wanted));
    for (size_t table = 0; table < sizeof(tables) / sizeof(tables[0]); table++)
        for (const struct attack *attack = tables[table]; attack->name; attack++) {
            if (!strcmp(wanted, "list"))
                print("hostile: there is %s, which %s\n", attack->name,
                      outcome_names[attack->outcome]);
            if (strcmp(wanted, attack->name) != 0)
                continue;
            found = true;
            attack_run(attack);
        }
    if (!found && strcmp(wanted, "list") != 0)
        print("hostile: no attack is called %s\n", wanted);
}
