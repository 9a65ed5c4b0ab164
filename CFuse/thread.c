// fuse_session_exit doesn't wake a thread that waits for a request, and unmounting doesn't either
// while a file is open. A signal does, with no help from the kernel's FUSE.
#define _GNU_SOURCE
#include "cfuse.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

/// A real-time signal: nobody sends those by accident, and its default would end the process.
static int wake_signal(void) { return SIGRTMIN + 5; }

static void ignore(int signal) { (void)signal; }

int cfuse_thread_allow_wake(void) {
    // No SA_RESTART: the read is to end. Repeating this for each thread changes nothing.
    struct sigaction action = {.sa_handler = ignore};
    sigemptyset(&action.sa_mask);
    if (sigaction(wake_signal(), &action, NULL) != 0)
        return -errno;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, wake_signal());
    return -pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void cfuse_thread_wake(pthread_t thread) { pthread_kill(thread, wake_signal()); }

pid_t cfuse_thread_id(void) { return gettid(); }
