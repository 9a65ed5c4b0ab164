// fusermount3, the set-user-id program that mounts and unmounts for those who may not.
#define _GNU_SOURCE
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char helper[] = "fusermount3";

/// A running helper.
struct helper {
    pid_t pid;
    /// What it writes to its standard error.
    int errors;
};

/// The environment with `_FUSE_COMMFD=fd`. To be freed; the strings belong to the environment, but
/// for `variable`.
static char **environment_with(char *variable) {
    size_t count = 0;
    while (environ[count] != NULL)
        count++;
    char **copy = calloc(count + 2, sizeof *copy);
    if (copy == NULL)
        return NULL;
    copy[0] = variable;
    size_t used = 1;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(environ[i], "_FUSE_COMMFD=", 13) != 0)
            copy[used++] = environ[i];
    }
    return copy;
}

/// Starts fusermount3 with default signals. `socket`: the descriptor that it inherits to hand
/// /dev/fuse back through, or -1.
static int start_helper(char *const arguments[], int socket, struct helper *started) {
    int errors[2];
    if (pipe2(errors, O_CLOEXEC) != 0)
        return -errno;

    char variable[32];
    snprintf(variable, sizeof variable, "_FUSE_COMMFD=%d", socket);
    char **environment = environment_with(variable);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int result = environment == NULL ? ENOMEM : posix_spawn_file_actions_init(&actions);
    if (result != 0)
        goto out_pipe;
    result = posix_spawnattr_init(&attributes);
    if (result != 0)
        goto out_actions;

    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    result = posix_spawn_file_actions_adddup2(&actions, errors[1], STDERR_FILENO);
    // A descriptor duplicated onto itself loses close-on-exec.
    if (result == 0 && socket >= 0)
        result = posix_spawn_file_actions_adddup2(&actions, socket, socket);
    if (result == 0)
        result = posix_spawnp(&started->pid, helper, &actions, &attributes, arguments,
                              environment);

    posix_spawnattr_destroy(&attributes);
out_actions:
    posix_spawn_file_actions_destroy(&actions);
out_pipe:
    free(environment);
    close(errors[1]);
    if (result != 0)
        close(errors[0]);
    started->errors = errors[0];
    return -result;
}

/// Reads what the helper says until it ends: its first line, without its own name.
static void read_reason(int fd, char *reason, size_t reason_size) {
    char text[512];
    size_t length = 0;
    while (length < sizeof text - 1) {
        ssize_t count = read(fd, text + length, sizeof text - 1 - length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        length += (size_t)count;
    }
    text[length] = '\0';
    text[strcspn(text, "\n")] = '\0';
    const char *start = text;
    if (strncmp(start, helper, sizeof helper - 1) == 0 && start[sizeof helper - 1] == ':')
        start += sizeof helper;
    while (*start == ' ')
        start++;
    snprintf(reason, reason_size, "%s", start);
}

/// Waits for the helper's end. Its exit status, or -1 when it has none.
static int reap(pid_t pid) {
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// The descriptor that came through the helper's socket, or -1.
static int receive_descriptor(int socket) {
    char byte;
    struct iovec iov = {.iov_base = &byte, .iov_len = 1};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.space,
        .msg_controllen = sizeof control.space,
    };
    ssize_t count;
    do
        count = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (count < 0 && errno == EINTR);
    if (count <= 0)
        return -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
        header->cmsg_len < CMSG_LEN(sizeof(int)))
        return -1;
    int fd;
    memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

int helper_mount(const char *directory, const struct cfuse_mount_options *options,
                 struct cfuse_mount *mount, char *reason, size_t reason_size) {
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0)
        return -errno;

    char list[128];
    snprintf(list, sizeof list, "fsname=dmfuse,subtype=dmfuse,default_permissions%s%s",
             options->allow_other ? ",allow_other" : "",
             options->auto_unmount ? ",auto_unmount" : "");
    char *arguments[] = {(char *)helper, "-o", list, "--", (char *)directory, NULL};
    struct helper started;
    int result = start_helper(arguments, sockets[0], &started);
    close(sockets[0]);
    if (result != 0) {
        close(sockets[1]);
        if (result == -ENOENT)
            snprintf(reason, reason_size, "%s is not installed", helper);
        return result;
    }

    mount->fd = receive_descriptor(sockets[1]);
    if (mount->fd >= 0 && options->auto_unmount) {
        // It stays, and unmounts when the other end of its socket is gone.
        mount->keeper = sockets[1];
        mount->keeper_process = started.pid;
        close(started.errors);
        return 0;
    }
    close(sockets[1]);
    if (mount->fd < 0)
        read_reason(started.errors, reason, reason_size);
    close(started.errors);
    reap(started.pid);
    // The helper tells its reason in words only.
    return mount->fd < 0 ? -EPERM : 0;
}

/// The same, where no process may be had at this moment: waits for one, for some seconds.
static int start_helper_in_time(char *const arguments[], struct helper *started) {
    enum { tries = 500 };
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    int result = start_helper(arguments, -1, started);
    for (int i = 1; i < tries && result == -EAGAIN; i++) {
        nanosleep(&pause, NULL);
        result = start_helper(arguments, -1, started);
    }
    return result;
}

int helper_unmount(const char *directory, bool detach, char *reason, size_t reason_size) {
    char *arguments[] = {(char *)helper, "-u", "--", (char *)directory, NULL, NULL};
    if (detach) {
        arguments[2] = "-z";
        arguments[3] = "--";
        arguments[4] = (char *)directory;
    }
    // A mount that stays is worse than an end that takes a while.
    struct helper started;
    int result = start_helper_in_time(arguments, &started);
    if (result != 0) {
        if (result == -ENOENT)
            snprintf(reason, reason_size, "%s is not installed", helper);
        return result;
    }
    read_reason(started.errors, reason, reason_size);
    close(started.errors);
    int status = reap(started.pid);
    // Somebody else may have reaped it; then silence means success.
    if (status == 0 || (status < 0 && reason[0] == '\0'))
        return 0;
    // The helper tells its reason in words only, and always in English.
    return strstr(reason, "busy") != NULL ? -EBUSY : -EPERM;
}

void cfuse_release_keeper(struct cfuse_mount *mount) {
    if (mount->keeper < 0)
        return;
    // Not reaped yet, so the number is still its own.
    kill(mount->keeper_process, SIGKILL);
    close(mount->keeper);
    mount->keeper = -1;
}
