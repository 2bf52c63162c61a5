/* SPDX-License-Identifier: MIT */
/*
 * The xl.cfg reader: what a good file means, what a bad one is told and in which line, and that no
 * prefix or mutation of a file makes it read outside (the sanitizers watch).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/string.h"
#include "pvguest/control/configuration.h"

static struct configuration configuration;
static char reported[1024];

static void report(void *argument, const char *message)
{
    (void)argument;
    snprintf(reported + strlen(reported), sizeof reported - strlen(reported), "%s\n", message);
}

/* The text is copied into exactly its size, so that one byte too far is seen. */
static int read_sized(const char *text, size_t size)
{
    char *copy = malloc(size ? size : 1);
    int status;

    memcpy(copy, text, size);
    reported[0] = '\0';
    status = configuration_read(&configuration, "t.cfg", copy, size, report, NULL);
    free(copy);
    return status;
}

static int read_text(const char *text)
{
    return read_sized(text, strlen(text));
}

static const char full[] = "# the demo guest\n"
                           "name = \"demo\"   # trailing comment\n"
                           "kernel='demo.elf'; memory=64\n"
                           "maxmem = 0x80\n"
                           "vcpus = \"1\"\n"
                           "extra = \"a=1 \\\"quoted\\\" \\x41\"\n"
                           "extra += ' more'\n"
                           "disk = [ '/dev/vda1,raw,xvda,rw',\n"
                           "         'file:ram.img, , xvdb1, ro', # second\n"
                           "         \"format=raw, vdev=hdc, cdrom, target=a,b=c.iso\",\n"
                           "       ]\n"
                           "vif = [ 'bridge=xenbr0' ]\n"
                           "type = 'pv'\n"
                           "cpu_weight = 512\ncap = 0\n"
                           "on_poweroff='destroy'\non_reboot='preserve'\non_crash='restart'";

static void reads_everything(void **state)
{
    (void)state;
    assert_int_equal(read_text(full), 0);
    assert_string_equal(reported, "");
    assert_string_equal(configuration.name, "demo");
    assert_string_equal(configuration.kernel, "demo.elf");
    assert_null(configuration.ramdisk);
    assert_int_equal(configuration.memory_mib, 64);
    assert_int_equal(configuration.maximum_mib, 128);
    assert_string_equal(configuration.command_line, "a=1 \"quoted\" A more");
    assert_int_equal(configuration.on_poweroff, ACTION_DESTROY);
    assert_int_equal(configuration.on_reboot, ACTION_PRESERVE);
    assert_int_equal(configuration.on_crash, ACTION_RESTART);
    assert_int_equal(configuration.cpu_weight, 512);
    assert_int_equal(configuration.cap, 0);
    assert_int_equal(configuration.vif_count, 1);
    assert_string_equal(configuration.vifs[0].bridge, "xenbr0");
}

static void reads_disks(void **state)
{
    const struct configuration_disk *disk = configuration.disks;

    (void)state;
    assert_int_equal(read_text(full), 0);
    assert_int_equal(configuration.disk_count, 3);
    assert_string_equal(disk[0].target, "/dev/vda1");
    assert_true(disk[0].is_device && disk[0].writable && !disk[0].removable);
    assert_int_equal(disk[0].number, 51712);
    assert_string_equal(disk[1].target, "ram.img");
    assert_false(disk[1].is_device || disk[1].writable);
    assert_int_equal(disk[1].number, 51712 + 17);
    assert_string_equal(disk[2].target, "a,b=c.iso");
    assert_true(disk[2].removable && !disk[2].writable);
    assert_int_equal(disk[2].number, 22 << 8);
}

static void reads_interfaces(void **state)
{
    const struct configuration_vif *vif = configuration.vifs;
    uint64_t bytes, interval_us;

    (void)state;
    assert_int_equal(read_text("name='a'\nkernel='k'\nvif=['mac=00:16:3e:01:02:03, bridge=lan,"
                               "rate=10Mb/s', '', 'antispoof=off,model=e1000']"),
                     0);
    assert_int_equal(configuration.vif_count, 3);
    assert_true(vif[0].has_address && vif[0].antispoof);
    assert_int_equal(vif[0].address.bytes[5], 3);
    assert_string_equal(vif[0].bridge, "lan");
    assert_int_equal(vif[0].rate_bytes, 62500);
    assert_int_equal(vif[0].rate_interval_us, 50000);
    assert_string_equal(vif[1].bridge, "xenbr0");
    assert_false(vif[1].has_address || vif[2].antispoof);
    assert_true(configuration_rate_parse("250KB/s@20ms", &bytes, &interval_us));
    assert_int_equal(bytes, 5000);
    assert_int_equal(interval_us, 20000);
    assert_false(configuration_rate_parse("250", &bytes, &interval_us));
    assert_false(configuration_rate_parse("0B/s", &bytes, &interval_us));
    assert_false(configuration_rate_parse("1MB/s@20", &bytes, &interval_us));
    assert_false(configuration_rate_parse("18446744073709551615GB/s", &bytes, &interval_us));
}

static void reads_processors(void **state)
{
    const struct configuration_affinity *hard = &configuration.hard;

    (void)state;
    assert_int_equal(read_text("name='a'\nkernel='k'\nvcpus=1\nmaxvcpus=4\ncpu_weight=65535\n"
                               "cap=400\ncpus='0-3,^2'\ncpus_soft=['1', 2]\n"),
                     0);
    assert_int_equal(configuration.vcpus, 1);
    assert_int_equal(configuration.maximum_vcpus, 4);
    assert_int_equal(configuration.cap, 400);
    assert_int_equal(hard->count, CONFIGURATION_MAX_VCPUS);
    assert_int_equal(hard->sets[0].bytes[0], 0x0b);
    assert_int_equal(hard->sets[CONFIGURATION_MAX_VCPUS - 1].bytes[0], 0x0b);
    assert_int_equal(configuration.soft.count, 2);
    assert_int_equal(configuration.soft.sets[0].bytes[0], 1 << 1);
    assert_int_equal(configuration.soft.sets[1].bytes[0], 1 << 2);
}

static void has_xl_defaults(void **state)
{
    (void)state;
    assert_int_equal(read_text("name='x'\nkernel='k'\n"), 0);
    assert_int_equal(configuration.memory_mib, 32);
    assert_int_equal(configuration.maximum_mib, 32);
    assert_int_equal(configuration.vcpus, 1);
    assert_int_equal(configuration.maximum_vcpus, 1);
    assert_int_equal(configuration.hard.count, 0);
    assert_int_equal(configuration.soft.count, 0);
    assert_int_equal(configuration.on_poweroff, ACTION_DESTROY);
    assert_int_equal(configuration.on_reboot, ACTION_RESTART);
    assert_int_equal(configuration.on_crash, ACTION_DESTROY);
    assert_string_equal(configuration.command_line, "");
}

static void joins_root_and_extra(void **state)
{
    (void)state;
    assert_int_equal(read_text("name='x'\nkernel='k'\nroot='/dev/xvda'\nextra='ro'\n"), 0);
    assert_string_equal(configuration.command_line, "root=/dev/xvda ro");
    assert_int_equal(read_text("name='x'\nkernel='k'\nextra='ro'\ncmdline='c'\n"), 0);
    assert_string_equal(configuration.command_line, "c");
    assert_non_null(strstr(reported, "ignoring root= and extra="));
}

static void warns_of_unknown_keys(void **state)
{
    (void)state;
    assert_int_equal(read_text("name='x'\n\nmemori=3\nkernel='k'\n"), 0);
    assert_string_equal(reported, "t.cfg:3: warning: unknown key `memori' ignored\n");
}

static const struct {
    const char *text, *message;
} bad[] = {
    {"kernel='k'\n", "Domain name must be specified."},
    {"name='x'\n", "No kernel specified."},
    {"name='a b'\nkernel='k'", "the domain's name must be"},
    {"name='../x'\nkernel='k'", "the domain's name must be"},
    {"name='x\n", "t.cfg:1: config parsing error: unterminated string"},
    {"name='x'\nkernel=\n", "t.cfg:2: config parsing error: a number, a string"},
    {"name='x' kernel='k'\n", "t.cfg:1: config parsing error: text behind the value"},
    {"name 'x'\n", "t.cfg:1: config parsing error: `=' is expected"},
    {"=1\n", "t.cfg:1: config parsing error: a name is expected"},
    {"\n\ndisk=['a'\n'b']\n", "t.cfg:4: config parsing error: `,' or `]' is expected"},
    {"disk=[['a']]", "nested lists"},
    {"disk=['a,raw,xvda,w'", "`,' or `]' is expected"},
    {"disk='a'", "a list is expected"},
    {"disk=['a,raw,xvda,maybe']", "unknown value for access `maybe'"},
    {"disk=['a,qcow2,xvda,w']", "unsupported format `qcow2'"},
    {"disk=['a,raw,foo,w']", "unknown vdev `foo'"},
    {"disk=['a,raw,,w']", "no vdev for target `a'"},
    {"disk=[',raw,xvda,w']", "no target"},
    {"disk=['a,raw,xvda,w,more']", "too many positional parameters"},
    {"disk=['a,raw,xvda,vdev=xvdb']", "given twice: `vdev'"},
    {"disk=['a,raw,xvda,colour=red']", "unknown parameter `colour'"},
    {"memory='lots'", "t.cfg:1: memory: a number is expected"},
    {"memory=12x", "a number is expected"},
    {"memory=0", "out of range"},
    {"cpu_weight=65536", "t.cfg:1: cpu_weight: the number is out of range"},
    {"cpu_weight=0", "t.cfg:1: cpu_weight: the number is out of range"},
    {"name='x'\nkernel='k'\nvcpus=2\ncap=201", "cap= is more than 100 for each vcpu"},
    {"cap=3201", "t.cfg:1: cap: the number is out of range"},
    {"name='x'\nkernel='k'\nvcpus=2\nmaxvcpus=1", "maxvcpus= is less than vcpus="},
    {"vcpus=0", "t.cfg:1: vcpus: the number is out of range"},
    {"\ncpus='0-x'", "t.cfg:2: cpus: Invalid pcpu range: 0-x"},
    {"cpus=''", "t.cfg:1: cpus: Invalid pcpu range: "},
    {"cpus_soft=['0', '3-2']", "t.cfg:1: cpus_soft: Invalid pcpu range: 3-2"},
    {"cpu_weight=[1]", "a number is expected"},
    {"memory=99999999999999999999999", "a number is expected"},
    {"name='x'\nkernel='k'\nmemory=64\nmaxmem=32", "maxmem= is less than memory="},
    {"name='x'\nkernel='k'\nvcpus=33", "at most 32 vcpus"},
    {"on_crash='explode'", "Unknown on_crash action \"explode\" specified"},
    {"type='hvm'", "only PV guests"},
    {"bootloader='pygrub'", "boot loaders are not supported"},
    {"name='\\q'", "unknown escape"},
    {"name='\\x00'", "unknown escape"},
    {"abcdefghijabcdefghijabcdefghijabcdefghij=1", "the name is too long"},
    {"vif=['mac=01:00:5e:00:00:01']", "not the address of one interface"},
    {"vif=['mac=1:2']", "not the address of one interface"},
    {"vif=['bridge=']", "not a bridge's name"},
    {"vif=['bridge=a/b']", "not a bridge's name"},
    {"vif=['rate=fast']", "not a rate"},
    {"vif=['speed=1']", "unknown parameter"},
    {"vif=['mac']", "a parameter without a value"},
    {"vif=['','','','','','','','','']", "too many network interfaces"},
    {"cpus=[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "too many items"},
};

static void refuses_with_the_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_true(read_text(bad[i].text) < 0);
        if (!strstr(reported, bad[i].message))
            fail_msg("`%s' was told `%s' instead of `%s'", bad[i].text, reported, bad[i].message);
    }
}

static void numbers_devices_as_the_abi(void **state)
{
    static const struct {
        const char *vdev;
        uint32_t number;
    } good[] = {{"xvda", 202 << 8},
                {"xvdp15", 202 << 8 | 255},
                {"xvdq", 1u << 28 | 16 << 8},
                {"xvda16", 1u << 28 | 16},
                {"xvdaa", 1u << 28 | 26 << 8},
                {"hdb2", 3 << 8 | 1 << 6 | 2},
                {"hdd", 22 << 8 | 1 << 6},
                {"sdb1", 8 << 8 | 1 << 4 | 1},
                {"d0p1", 202 << 8 | 1},
                {"d16", 1u << 28 | 16 << 8},
                {"51712", 51712}};
    static const char *const wrong[] = {"",      "xvd",    "xvda0",    "xvdA", "hde",
                                        "hda64", "sdq",    "xvda256",  "d0q1", "d0p1x",
                                        "vda",   "51712x", "xvdzzzzzz"};
    uint32_t number;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(configuration_disk_number(good[i].vdev, &number));
        assert_int_equal(number, good[i].number);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(configuration_disk_number(wrong[i], &number));
}

/* 8 KiB of strings is all there is room for; one more byte is an error, not an overflow. */
static void is_bounded(void **state)
{
    static char text[3 * CONFIGURATION_STORAGE];
    size_t used = (size_t)snprintf(text, sizeof text, "name='x'\nkernel='k'\nextra='");

    (void)state;
    memset(text + used, 'a', 1100);
    memcpy(text + used + 1100, "'\n", 3);
    assert_true(read_text(text) < 0);
    assert_non_null(strstr(reported, "command line is too long"));
    memset(text + used, 'a', CONFIGURATION_STORAGE + 10);
    assert_true(read_sized(text, used + CONFIGURATION_STORAGE + 10) < 0);
    assert_non_null(strstr(reported, "too large"));
}

static void survives_any_damage(void **state)
{
    char damaged[sizeof full];

    (void)state;
    for (size_t size = 0; size < sizeof full; size++)
        read_sized(full, size);
    srand(1);
    for (int round = 0; round < 20000; round++) {
        memcpy(damaged, full, sizeof full);
        for (int change = 0; change < 3; change++)
            damaged[(size_t)rand() % sizeof full] = (char)rand();
        read_sized(damaged, sizeof damaged);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_everything),
        cmocka_unit_test(reads_disks),
        cmocka_unit_test(reads_interfaces),
        cmocka_unit_test(reads_processors),
        cmocka_unit_test(has_xl_defaults),
        cmocka_unit_test(joins_root_and_extra),
        cmocka_unit_test(warns_of_unknown_keys),
        cmocka_unit_test(refuses_with_the_reason),
        cmocka_unit_test(numbers_devices_as_the_abi),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(survives_any_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
