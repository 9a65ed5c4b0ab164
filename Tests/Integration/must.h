// What the tests' programs begin with: a condition that has to hold, else the program ends with 1 and says
// which.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "line %d: %s (errno: %m)\n", __LINE__, #condition);                    \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)
#define REFUSED(error, call) MUST((errno = 0, (call)) == -1 && errno == (error))
