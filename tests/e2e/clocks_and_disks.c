// What a test does to a server's system, by LD_PRELOAD: its clock is set, its disk does not answer.
// The files that the variables name say so, at any time.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// TEST_CLOCK holds the seconds by which the clock of the system is ahead.
int clock_gettime(clockid_t clock, struct timespec *time) {
    const int done = (int)syscall(SYS_clock_gettime, clock, time);
    const char *path = getenv("TEST_CLOCK");
    if (done == 0 && clock == CLOCK_REALTIME && path != NULL) {
        FILE *file = fopen(path, "r");
        long ahead_s = 0;
        if (file != NULL) {
            if (fscanf(file, "%ld", &ahead_s) == 1) {
                time->tv_sec += ahead_s;
            }
            fclose(file);
        }
    }
    return done;
}

// While TEST_HANGING exists, no sync ends.
int fdatasync(int file) {
    const char *path = getenv("TEST_HANGING");
    while (path != NULL && access(path, F_OK) == 0) {
        usleep(10000);
    }
    return (int)syscall(SYS_fdatasync, file);
}
