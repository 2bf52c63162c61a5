/* SPDX-License-Identifier: MIT */
/*
 * The only program of a Linux that is measured: its first process. One line for each figure,
 * `linux-bench: NAME NANOSECONDS`, then it powers the machine off. Each measurement looks whether
 * what it counts has happened, and says `wrong` otherwise.
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE        4096
#define FAULTS      8192
#define CALLS       100000
#define FORKS       300
#define EXECS       200
#define ROUND_TRIPS 5000
#define CHILD_WORD  "child"
#define CHILD_CODE  7

static char **environment;

static uint64_t now(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static bool child_ended(pid_t child)
{
    int status;

    return waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == CHILD_CODE;
}

static bool system_calls(unsigned int count)
{
    uint64_t sum = 0;

    for (unsigned int i = 0; i < count; i++)
        sum += (uint64_t)syscall(SYS_getpid);
    return sum == (uint64_t)count * (uint64_t)getpid();
}

static bool forks(unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(CHILD_CODE);
        if (child < 0 || !child_ended(child))
            return false;
    }
    return true;
}

static bool execs(unsigned int count)
{
    char *words[] = {(char *)"/init", (char *)CHILD_WORD, NULL};

    for (unsigned int i = 0; i < count; i++) {
        pid_t child = fork();
        if (child == 0) {
            execve(words[0], words, environment);
            _exit(1);
        }
        if (child < 0 || !child_ended(child))
            return false;
    }
    return true;
}

/* Sends each number back, one more. */
static void answer(int from, int to)
{
    uint32_t number;

    while (read(from, &number, sizeof(number)) == sizeof(number)) {
        number++;
        if (write(to, &number, sizeof(number)) != sizeof(number))
            break;
    }
    _exit(CHILD_CODE);
}

static bool exchange(int to, int from, unsigned int count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = i;
        if (write(to, &number, sizeof(number)) != sizeof(number) ||
            read(from, &number, sizeof(number)) != sizeof(number) || number != i + 1)
            return false;
    }
    return true;
}

/* Two processes on one processor: two switches for each round trip. */
static bool round_trips(unsigned int count)
{
    int there[2], back[2];

    if (pipe(there) || pipe(back))
        return false;
    pid_t child = fork();
    if (child == 0) {
        close(there[1]);
        answer(there[0], back[1]);
    }
    close(there[0]);
    close(back[1]);
    bool right = exchange(there[1], back[0], count);
    close(there[1]);
    close(back[0]);
    return child > 0 && child_ended(child) && right;
}

static bool page_faults(unsigned int count)
{
    size_t size = (size_t)count * PAGE;
    unsigned char resident[FAULTS];
    unsigned int touched = 0;
    char *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == MAP_FAILED)
        return false;
    madvise(pages, size, MADV_NOHUGEPAGE);
    for (unsigned int i = 0; i < count; i++)
        ((volatile char *)pages)[(size_t)i * PAGE] = 1;
    if (mincore(pages, size, resident))
        return false;
    for (unsigned int i = 0; i < count; i++)
        touched += resident[i] & 1;
    return !munmap(pages, size) && touched == count;
}

static const struct {
    const char *name;
    bool (*run)(unsigned int count);
    unsigned int count;
} rows[] = {
    {"system_call", system_calls, CALLS},
    {"page_fault", page_faults, FAULTS},
    {"fork_exit_wait", forks, FORKS},
    {"fork_exec_exit_wait", execs, EXECS},
    {"pipe_round_trip", round_trips, ROUND_TRIPS},
};

int main(int count, char **words, char **environ)
{
    if (count > 1 && strcmp(words[1], CHILD_WORD) == 0)
        return CHILD_CODE;
    environment = environ;
    printf("linux-bench: boot %llu\n", (unsigned long long)now(CLOCK_BOOTTIME));
    for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool right = rows[i].run(rows[i].count); /* once before it counts */
        uint64_t start = now(CLOCK_MONOTONIC);
        right = rows[i].run(rows[i].count) && right;
        uint64_t each = (now(CLOCK_MONOTONIC) - start) / rows[i].count;
        if (right)
            printf("linux-bench: %s %llu\n", rows[i].name, (unsigned long long)each);
        else
            printf("linux-bench: %s wrong\n", rows[i].name);
    }
    printf("linux-bench: done\n");
    fflush(stdout);
    sleep(1); /* the other end of the console takes it all before the domain ends */
    reboot(RB_POWER_OFF);
    return 1;
}
