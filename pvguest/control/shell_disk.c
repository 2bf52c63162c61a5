/* SPDX-License-Identifier: MIT */
/*
 * The shell's commands about disks and the block back end.
 */
#include "drivers/block/back.h"
#include "lib/format.h"
#include "pvguest/control/disk_open.h"
#include "pvguest/control/shell_commands.h"
#include "pvguest/kernel/print.h"

static void show_partition(const struct gpt_partition *partition, void *argument)
{
    const struct disk *disk = argument;
    char name[DISK_NAME_SIZE];

    format_text(name, sizeof(name), "%s%u", disk->name, partition->number);
    print("%-16s %12llu %12llu  %s\n", name, (unsigned long long)partition->extent.start,
          (unsigned long long)partition->extent.count, partition->name);
}

/* Real disks with their partitions, and RAM disks. */
int command_disk_list(int count, char **words)
{
    (void)count, (void)words;
    print("%-16s %12s %12s  %s\n", "Name", "Start", "Sectors", "What");
    for (struct disk *disk = disk_first(); disk != NULL; disk = disk_next(disk)) {
        print("%-16s %12u %12llu  %s%s\n", disk->name, 0, (unsigned long long)disk->sectors,
              disk->type->name, disk->readonly ? ", read-only" : "");
        if (disk->is_real)
            (void)disk_visit_partitions(disk, show_partition, disk);
    }
    return 0;
}

int command_block_restart(int count, char **words)
{
    int error;

    (void)count, (void)words;
    block_back_stop();
    error = block_back_start();
    if (error != 0)
        print("the block back end cannot be started: error %d\n", error);
    return error != 0;
}
