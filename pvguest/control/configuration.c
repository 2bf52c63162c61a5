/* SPDX-License-Identifier: MIT */
#include "pvguest/control/configuration.h"

#include <xen/errno.h>

#include "lib/format.h"
#include "lib/string.h"
#include "lib/text.h"

#define DEFAULT_MEMORY_MIB 32
#define MAXIMUM_NAME       64
#define CAP_PER_VCPU       100

/* What only the final checks need. */
struct reading {
    struct configuration *configuration;
    struct syntax syntax;
    const char *root, *extra, *cmdline;
};

struct key;
typedef int key_reader_t(struct reading *reading, const struct syntax_setting *setting,
                         const struct key *key);

struct key {
    const char *name;
    key_reader_t *read;
    size_t offset; /* in struct reading or struct configuration, as the reader has it */
};

static const struct {
    const char *name;
    enum domain_action action;
} actions[] = {
    {"destroy", ACTION_DESTROY},
    {"restart", ACTION_RESTART},
    {"preserve", ACTION_PRESERVE},
};

const char *configuration_action_name(enum domain_action action)
{
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (actions[i].action == action)
            return actions[i].name;
    }
    return "?";
}

static int refuse(const struct reading *reading, const struct syntax_setting *setting,
                  const char *what)
{
    syntax_report(&reading->syntax, setting->line, "%s: %s", setting->name, what);
    return -XEN_EINVAL;
}

static int single_value(const struct reading *reading, const struct syntax_setting *setting)
{
    return setting->is_list ? refuse(reading, setting, "a list is not expected here") : 0;
}

static int set_string(struct reading *reading, const struct syntax_setting *setting,
                      const char **field)
{
    int status = single_value(reading, setting);
    char *joined;
    size_t old, added;

    if (status < 0)
        return status;
    if (!setting->append || !*field) {
        *field = setting->items[0];
        return 0;
    }
    old = strlen(*field);
    added = strlen(setting->items[0]);
    joined = storage_keep(reading->syntax.storage, *field, old);
    if (!joined || !storage_keep(reading->syntax.storage, setting->items[0], added))
        return refuse(reading, setting, "the configuration is too large");
    memmove(joined + old, joined + old + 1, added + 1);
    *field = joined;
    return 0;
}

static int read_configuration_string(struct reading *reading, const struct syntax_setting *setting,
                                     const struct key *key)
{
    return set_string(reading, setting,
                      (const char **)((char *)reading->configuration + key->offset));
}

static int read_reading_string(struct reading *reading, const struct syntax_setting *setting,
                               const struct key *key)
{
    return set_string(reading, setting, (const char **)((char *)reading + key->offset));
}

static int set_number(const struct reading *reading, const struct syntax_setting *setting,
                      uint64_t least, uint64_t most, uint64_t *field)
{
    const char *cursor = setting->items[0];
    uint64_t value;

    if (setting->is_list || !text_parse_unsigned(&cursor, &value) || *cursor)
        return refuse(reading, setting, "a number is expected");
    if (value < least || value > most)
        return refuse(reading, setting, "the number is out of range");
    *field = value;
    return 0;
}

static int read_number(struct reading *reading, const struct syntax_setting *setting,
                       const struct key *key)
{
    return set_number(reading, setting, 1, 1 << 24,
                      (uint64_t *)((char *)reading->configuration + key->offset));
}

static int read_weight(struct reading *reading, const struct syntax_setting *setting,
                       const struct key *key)
{
    return set_number(reading, setting, 1, UINT16_MAX,
                      (uint64_t *)((char *)reading->configuration + key->offset));
}

/* In percent of one processor; check_whole() knows how many vcpus there are to use them. */
static int read_cap(struct reading *reading, const struct syntax_setting *setting,
                    const struct key *key)
{
    return set_number(reading, setting, 0, CONFIGURATION_MAX_VCPUS * CAP_PER_VCPU,
                      (uint64_t *)((char *)reading->configuration + key->offset));
}

/* As xl: one string is for all vcpus, a list has one item for each, as far as it goes. */
static int read_affinity(struct reading *reading, const struct syntax_setting *setting,
                         const struct key *key)
{
    struct configuration_affinity *affinity =
        (struct configuration_affinity *)((char *)reading->configuration + key->offset);

    affinity->count = setting->is_list ? setting->count : CONFIGURATION_MAX_VCPUS;
    for (size_t i = 0; i < affinity->count; i++) {
        const char *text = setting->items[setting->is_list ? i : 0];

        if (pcpu_set_parse(text, &affinity->sets[i]))
            continue;
        syntax_report(&reading->syntax, setting->line, "%s: Invalid pcpu range: %s", setting->name,
                      text);
        return -XEN_EINVAL;
    }
    return 0;
}

static int read_action(struct reading *reading, const struct syntax_setting *setting,
                       const struct key *key)
{
    int status = single_value(reading, setting);

    if (status < 0)
        return status;
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (strcmp(setting->items[0], actions[i].name) == 0) {
            *(enum domain_action *)((char *)reading->configuration + key->offset) =
                actions[i].action;
            return 0;
        }
    }
    syntax_report(&reading->syntax, setting->line, "Unknown %s action \"%s\" specified",
                  setting->name, setting->items[0]);
    return -XEN_EINVAL;
}

static int read_disks(struct reading *reading, const struct syntax_setting *setting,
                      const struct key *key)
{
    struct configuration *configuration = reading->configuration;
    int status = 0;

    (void)key;
    if (!setting->is_list)
        return refuse(reading, setting, "a list is expected");
    if (!setting->append)
        configuration->disk_count = 0;
    for (size_t i = 0; i < setting->count && status == 0; i++) {
        if (configuration->disk_count == CONFIGURATION_MAX_DISKS)
            return refuse(reading, setting, "too many disks");
        status = configuration_disk_parse(&reading->syntax, setting->line, setting->items[i],
                                          &configuration->disks[configuration->disk_count++]);
    }
    return status;
}

static int read_vifs(struct reading *reading, const struct syntax_setting *setting,
                     const struct key *key)
{
    struct configuration *configuration = reading->configuration;
    int status = 0;

    (void)key;
    if (!setting->is_list)
        return refuse(reading, setting, "a list is expected");
    if (!setting->append)
        configuration->vif_count = 0;
    for (size_t i = 0; i < setting->count && status == 0; i++) {
        if (configuration->vif_count == CONFIGURATION_MAX_VIFS)
            return refuse(reading, setting, "too many network interfaces");
        status = configuration_vif_parse(&reading->syntax, setting->line, setting->items[i],
                                         &configuration->vifs[configuration->vif_count++]);
    }
    return status;
}

/* `type` and the older `builder`: only paravirtualized guests can run here. */
static int read_type(struct reading *reading, const struct syntax_setting *setting,
                     const struct key *key)
{
    const char *value = setting->items[0];

    (void)key;
    if (!setting->is_list &&
        (strcmp(value, "pv") == 0 || strcmp(value, "linux") == 0 || strcmp(value, "generic") == 0))
        return 0;
    return refuse(reading, setting, "only PV guests are supported");
}

static int refuse_bootloader(struct reading *reading, const struct syntax_setting *setting,
                             const struct key *key)
{
    (void)key;
    return refuse(reading, setting, "boot loaders are not supported, give kernel=");
}

static int accept(struct reading *reading, const struct syntax_setting *setting,
                  const struct key *key)
{
    (void)reading, (void)setting, (void)key;
    return 0;
}

#define IN_CONFIGURATION(field) offsetof(struct configuration, field)
#define IN_READING(field)       offsetof(struct reading, field)

static const struct key keys[] = {
    {"name", read_configuration_string, IN_CONFIGURATION(name)},
    {"kernel", read_configuration_string, IN_CONFIGURATION(kernel)},
    {"ramdisk", read_configuration_string, IN_CONFIGURATION(ramdisk)},
    {"root", read_reading_string, IN_READING(root)},
    {"extra", read_reading_string, IN_READING(extra)},
    {"cmdline", read_reading_string, IN_READING(cmdline)},
    {"memory", read_number, IN_CONFIGURATION(memory_mib)},
    {"maxmem", read_number, IN_CONFIGURATION(maximum_mib)},
    {"vcpus", read_number, IN_CONFIGURATION(vcpus)},
    {"maxvcpus", read_number, IN_CONFIGURATION(maximum_vcpus)},
    {"on_poweroff", read_action, IN_CONFIGURATION(on_poweroff)},
    {"on_reboot", read_action, IN_CONFIGURATION(on_reboot)},
    {"on_crash", read_action, IN_CONFIGURATION(on_crash)},
    {"on_watchdog", accept, 0},
    {"on_soft_reset", accept, 0},
    {"disk", read_disks, 0},
    {"vif", read_vifs, 0},
    {"type", read_type, 0},
    {"builder", read_type, 0},
    {"bootloader", refuse_bootloader, 0},
    {"uuid", accept, 0},
    {"cpu_weight", read_weight, IN_CONFIGURATION(cpu_weight)},
    {"cap", read_cap, IN_CONFIGURATION(cap)},
    {"cpus", read_affinity, IN_CONFIGURATION(hard)},
    {"cpus_soft", read_affinity, IN_CONFIGURATION(soft)},
    {"vfb", accept, 0},
    {"seclabel", accept, 0},
    {"localtime", accept, 0},
};

static int read_setting(struct reading *reading, const struct syntax_setting *setting)
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(setting->name, keys[i].name) == 0)
            return keys[i].read(reading, setting, &keys[i]);
    }
    syntax_report(&reading->syntax, setting->line, "warning: unknown key `%s' ignored",
                  setting->name);
    return 0;
}

/* As xl: cmdline= is all, else root= and extra= together. */
static int set_command_line(struct reading *reading)
{
    struct configuration *configuration = reading->configuration;
    char line[MAX_GUEST_CMDLINE];
    int length;

    if (reading->cmdline) {
        if (reading->root || reading->extra)
            syntax_report(&reading->syntax, reading->syntax.line,
                          "warning: ignoring root= and extra= in favour of cmdline=");
        configuration->command_line = reading->cmdline;
    } else if (reading->root) {
        length = format_text(line, sizeof line, "root=%s %s", reading->root,
                             reading->extra ? reading->extra : "");
        configuration->command_line =
            (size_t)length < sizeof line
                ? storage_keep(&configuration->storage, line, (size_t)length)
                : NULL;
    } else {
        configuration->command_line = reading->extra ? reading->extra : "";
    }
    if (configuration->command_line && strlen(configuration->command_line) < MAX_GUEST_CMDLINE)
        return 0;
    syntax_report(&reading->syntax, reading->syntax.line, "the command line is too long");
    return -XEN_EINVAL;
}

static bool name_is_good(const char *name)
{
    size_t length = strnlen(name, MAXIMUM_NAME);

    if (length == 0 || length == MAXIMUM_NAME)
        return false;
    for (; *name; name++) {
        if (*name <= ' ' || *name == '/' || *name == '\x7f')
            return false;
    }
    return true;
}

static int check_whole(struct reading *reading)
{
    struct configuration *configuration = reading->configuration;
    const char *complaint = NULL;

    if (!configuration->maximum_mib)
        configuration->maximum_mib = configuration->memory_mib;
    if (!configuration->maximum_vcpus)
        configuration->maximum_vcpus = configuration->vcpus;
    if (!configuration->name)
        complaint = "Domain name must be specified.";
    else if (!name_is_good(configuration->name))
        complaint = "the domain's name must be 1 to 63 characters without blanks and slashes";
    else if (!configuration->kernel || !*configuration->kernel)
        complaint = "No kernel specified.";
    else if (configuration->maximum_mib < configuration->memory_mib)
        complaint = "maxmem= is less than memory=";
    else if (configuration->maximum_vcpus < configuration->vcpus)
        complaint = "maxvcpus= is less than vcpus=";
    else if (configuration->maximum_vcpus > CONFIGURATION_MAX_VCPUS)
        complaint = "a domain has at most 32 vcpus";
    else if (configuration->cap > configuration->maximum_vcpus * CAP_PER_VCPU)
        complaint = "cap= is more than 100 for each vcpu";
    if (!complaint)
        return set_command_line(reading);
    syntax_report(&reading->syntax, reading->syntax.line, "%s", complaint);
    return -XEN_EINVAL;
}

static void set_defaults(struct configuration *configuration)
{
    memset(configuration, 0, offsetof(struct configuration, bytes));
    configuration->storage.bytes = configuration->bytes;
    configuration->storage.size = sizeof configuration->bytes;
    configuration->memory_mib = DEFAULT_MEMORY_MIB;
    configuration->vcpus = 1;
    configuration->on_poweroff = ACTION_DESTROY;
    configuration->on_reboot = ACTION_RESTART;
    configuration->on_crash = ACTION_DESTROY;
}

int configuration_read(struct configuration *configuration, const char *file_name, const char *text,
                       size_t size, configuration_report_t *report, void *report_argument)
{
    struct reading reading = {.configuration = configuration,
                              .syntax = {.file_name = file_name,
                                         .text = text,
                                         .size = size,
                                         .line = 1,
                                         .storage = &configuration->storage,
                                         .report = report,
                                         .report_argument = report_argument}};
    struct syntax_setting setting;
    int status;

    set_defaults(configuration);
    while ((status = syntax_next(&reading.syntax, &setting)) > 0) {
        status = read_setting(&reading, &setting);
        if (status < 0)
            return status;
    }
    return status < 0 ? status : check_whole(&reading);
}
