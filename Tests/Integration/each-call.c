// Calls each function that libdmfuse-preload stands before, on a stack of 8 KiB.
//
// What changes something is only called with paths below the working directory, with names of devices
// that the library leads to the mount, and with those that the kernel can't read: a fault of the library
// must not reach the machine's own files.
//
//   each-call --list             the functions' names
//   each-call PATHS...           KIND=PATH: calls each with each; prints "NAME KIND OUTCOME STACK":
//                                what came of it, and the bytes of stack that it took
//   each-call --signal PATHS...  the same within a signal handler on an alternate stack, those that
//                                are fit for one
//
// Kinds of paths that need none: "null"; "wild", a pointer to nothing; and "edge", a path whose end can't
// be read. A path may be "PREFIX%NUMBER%REST": with so many slashes between.
#include "must.h"

#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <linux/fs.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <ucontext.h>

// MARK: What is called

// Arguments that stand for something; all others are what they are.
enum argument {
    path = 0x7ead0000, // the one that is tried
    place,             // one at which nothing is
    room,              // memory for an answer
    word,              // "user.word"
    mode,              // "r"
    stream,            // an open one
    file,              // a descriptor of the path
    pointer_to_room,   // a pointer's place
    ioctl_head,        // of device-mapper's, for a list of the devices
    notifier,          // inotify's
    folder,            // a descriptor of the path, if it is a directory
    entry_stream,      // a directory stream of the path, if it is one; else it isn't called
    visitor,           // a function for ftw and nftw
    key,               // "source"
};
// What it gives, and so what becomes of it.
enum gives { status, descriptor, length, memory, a_file, a_directory, entries, an_entry, nothing, outcome_of_paths };
struct call {
    const char *name;
    enum gives gives;
    int is; // fit for signal handlers, changing something
    long arguments[6];
};
enum { unfit = 0, fit = 1, change = 3, at = AT_FDCWD, nobody = -1 };
static const struct call calls[] = {
    {"open", descriptor, fit, {path, O_RDONLY}},
    {"open64", descriptor, fit, {path, O_RDWR | O_CLOEXEC}},
    {"openat", descriptor, fit, {at, path, O_RDONLY}},
    {"openat64", descriptor, fit, {at, path, O_RDONLY}},
    {"__open_2", descriptor, fit, {path, O_RDONLY}},
    {"__open64_2", descriptor, fit, {path, O_RDONLY}},
    {"__openat_2", descriptor, fit, {at, path, O_RDONLY}},
    {"__openat64_2", descriptor, fit, {at, path, O_RDONLY}},
    {"creat", descriptor, change, {path, 0600}},
    {"creat64", descriptor, change, {path, 0600}},
    {"fopen", a_file, unfit, {path, mode}},
    {"fopen64", a_file, unfit, {path, mode}},
    {"freopen", a_file, unfit, {path, mode, stream}},
    {"freopen64", a_file, unfit, {path, mode, stream}},
    {"setmntent", a_file, unfit, {path, mode}},
    {"opendir", a_directory, unfit, {path}},
    {"scandir", entries, unfit, {path, pointer_to_room}},
    {"scandir64", entries, unfit, {path, pointer_to_room}},
    {"scandirat", entries, unfit, {at, path, pointer_to_room}},
    {"scandirat64", entries, unfit, {at, path, pointer_to_room}},
    {"fdopendir", a_directory, unfit, {folder}},
    {"readdir", an_entry, unfit, {entry_stream}},
    {"readdir64", an_entry, unfit, {entry_stream}},
    {"readdir_r", status, unfit, {entry_stream, room, pointer_to_room}},
    {"readdir64_r", status, unfit, {entry_stream, room, pointer_to_room}},
    {"rewinddir", nothing, unfit, {entry_stream}},
    {"telldir", length, unfit, {entry_stream}},
    {"seekdir", nothing, unfit, {entry_stream, 1L << 31}}, // what the mount has more
    {"closedir", status, unfit, {entry_stream}},
    {"getdents64", length, fit, {folder, room, 4096}},
    {"stat", status, fit, {path, room}},
    {"stat64", status, fit, {path, room}},
    {"lstat", status, fit, {path, room}},
    {"lstat64", status, fit, {path, room}},
    {"fstat", status, fit, {file, room}},
    {"fstat64", status, fit, {file, room}},
    {"fstatat", status, fit, {at, path, room, 0}},
    {"fstatat64", status, fit, {at, path, room, AT_SYMLINK_NOFOLLOW}},
    {"__xstat", status, fit, {1, path, room}},
    {"__xstat64", status, fit, {1, path, room}},
    {"__lxstat", status, fit, {1, path, room}},
    {"__lxstat64", status, fit, {1, path, room}},
    {"__fxstat", status, fit, {1, file, room}},
    {"__fxstat64", status, fit, {1, file, room}},
    {"__fxstatat", status, fit, {1, at, path, room, 0}},
    {"__fxstatat64", status, fit, {1, at, path, room, 0}},
    {"statx", status, fit, {at, path, 0, STATX_ALL, room}},
    {"access", status, fit, {path, F_OK}},
    {"eaccess", status, fit, {path, F_OK}},
    {"euidaccess", status, fit, {path, F_OK}},
    {"faccessat", status, fit, {at, path, F_OK, 0}},
    {"chdir", status, fit, {path}},
    {"truncate", status, change, {path, 0}},
    {"truncate64", status, change, {path, 0}},
    {"statfs", status, fit, {path, room}},
    {"statfs64", status, fit, {path, room}},
    {"statvfs", status, fit, {path, room}},
    {"statvfs64", status, fit, {path, room}},
    {"pathconf", length, unfit, {path, 0}},
    {"ftok", status, unfit, {path, 1}},
    {"name_to_handle_at", status, fit, {at, path, room, pointer_to_room, 0}},
    {"fanotify_mark", status, fit, {nobody, 1, 32, at, path}},
    {"setxattr", status, change, {path, word, room, 4, 0}},
    {"lsetxattr", status, change, {path, word, room, 4, 0}},
    {"removexattr", status, change, {path, word}},
    {"lremovexattr", status, change, {path, word}},
    {"utime", status, change, {path, 0}},
    {"lutimes", status, change, {path, 0}},
    {"futimesat", status, change, {at, path, 0}},
    {"utimes", status, change, {path, 0}},
    {"utimensat", status, change, {at, path, 0, 0}},
    {"getxattr", length, fit, {path, word, room, 64}},
    {"lgetxattr", length, fit, {path, word, room, 64}},
    {"listxattr", length, fit, {path, room, 64}},
    {"llistxattr", length, fit, {path, room, 64}},
    {"mkdir", status, change, {path, 0700}},
    {"mkdirat", status, change, {at, path, 0700}},
    {"rmdir", status, change, {path}},
    {"symlink", status, change, {word, path}},
    {"symlinkat", status, change, {word, at, path}},
    {"mkfifo", status, change, {path, 0600}},
    {"mkfifoat", status, change, {at, path, 0600}},
    {"inotify_add_watch", descriptor, fit, {notifier, path, IN_CREATE}},
    {"link", status, change, {path, place}},
    {"link", status, change, {place, path}},
    {"linkat", status, change, {at, path, at, place, 0}},
    {"linkat", status, change, {at, path, at, path, 0}},
    {"realpath", memory, unfit, {path, room}},
    {"realpath", memory, unfit, {path, 0}},
    {"canonicalize_file_name", memory, unfit, {path}},
    {"__realpath_chk", memory, unfit, {path, room, PATH_MAX}},
    {"getcwd", memory, unfit, {room, PATH_MAX}},
    {"__getcwd_chk", memory, unfit, {room, PATH_MAX, PATH_MAX}},
    {"get_current_dir_name", memory, unfit, {0}},
    // A status of those that look at the path before the kernel does.
    {"glob", outcome_of_paths, unfit, {place, 0, 0, room}}, // its own stack grows with the path
    {"glob64", outcome_of_paths, unfit, {place, 0, 0, room}},
    {"ftw", outcome_of_paths, unfit, {path, visitor, 8}},
    {"ftw64", outcome_of_paths, unfit, {path, visitor, 8}},
    {"nftw", outcome_of_paths, unfit, {path, visitor, 8, 1}},
    {"nftw64", outcome_of_paths, unfit, {path, visitor, 8, 1}},
    {"posix_spawn_file_actions_addopen", outcome_of_paths, unfit, {room, 5, path, O_RDONLY, 0}},
    {"posix_spawn_file_actions_addchdir_np", outcome_of_paths, unfit, {room, path}},
    {"mknod", status, change, {path, S_IFREG | 0600, 0}},
    {"mknodat", status, change, {at, path, S_IFREG | 0600, 0}},
    {"__xmknod", status, change, {0, path, S_IFREG | 0600, room}},
    {"__xmknodat", status, change, {0, at, path, S_IFREG | 0600, room}},
    {"unlink", status, change, {path}},
    {"unlinkat", status, change, {at, path, 0}},
    {"remove", status, change, {path}},
    {"rename", status, change, {path, place}},
    {"rename", status, change, {place, path}},
    {"renameat", status, change, {at, path, at, place}},
    {"renameat", status, change, {at, path, at, path}},
    {"renameat2", status, change, {at, path, at, place, 0}},
    {"renameat2", status, change, {at, path, at, path, 0}},
    {"chown", status, change, {path, nobody, nobody}},
    {"lchown", status, change, {path, nobody, nobody}},
    {"fchownat", status, change, {at, path, nobody, nobody, 0}},
    {"chmod", status, change, {path, 0600}},
    {"lchmod", status, change, {path, 0600}},
    {"fchmodat", status, change, {at, path, 0600, 0}},
    {"readlink", length, fit, {path, room, 64}},
    {"readlinkat", length, fit, {at, path, room, 64}},
    {"__readlink_chk", length, fit, {path, room, 64, 64}},
    {"__readlinkat_chk", length, fit, {at, path, room, 64, 64}},
    {"mount", status, change, {path, place, word, 0, 0}},
    {"umount", status, change, {place}},
    {"umount2", status, change, {path, MNT_FORCE | MNT_EXPIRE}}, // refused: the path may be the mount's
    {"swapon", status, change, {path, 0}},
    {"swapoff", status, change, {path}},
    {"fsconfig", status, change, {file, FSCONFIG_SET_STRING, key, path, 0}},
    {"ioctl", status, fit, {file, BLKGETSIZE64, room}},
    {"ioctl", status, fit, {file, BLKRAGET, room}},
    {"ioctl", status, change, {file, BLKZEROOUT, room}},
    {"ioctl", status, fit, {file, DM_LIST_DEVICES, ioctl_head}},
    {"ioctl", status, fit, {file, DM_DEV_ARM_POLL, ioctl_head}},
};
enum { call_count = sizeof calls / sizeof calls[0] };

// MARK: What is tried

struct kind {
    const char *name, *bytes;
    bool may_change;
};
static char memory_of_answers[64 << 10] __attribute__((aligned(64)));
static int home; // the working directory

static const char *spread(char *text)
{
    static const char slash = '/';
    char *first = strchr(text, '%'), *second = first ? strchr(first + 1, '%') : NULL;
    if (!second)
        return text;
    size_t front = (size_t)(first - text), count = (size_t)atoi(first + 1);
    char *made = malloc(front + count + strlen(second + 1) + 1);
    MUST(made);
    memcpy(made, text, front);
    memset(made + front, slash, count);
    strcpy(made + front + count, second + 1);
    return made;
}

// The last bytes of a page before one that isn't there.
static const char *edge(void)
{
    static const char text[] = "/dev/mapper/";
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(pages != MAP_FAILED && mprotect(pages + 4096, 4096, PROT_NONE) == 0);
    return memcpy(pages + 4096 - strlen(text), text, strlen(text));
}

static bool begins(const char *text, const char *front)
{
    return strncmp(text, front, strlen(front)) == 0;
}

static bool may_change(const char *text)
{
    static char here[PATH_MAX];
    const char *mount = getenv("DMFUSE_DIR"), *name = strrchr(text, '/');
    MUST(getcwd(here, sizeof here));
    while (text[0] == '/' && text[1] == '/')
        text++;
    if (begins(text, here) || !name)
        return !strstr(text, "/led-"); // by links
    // To the mount, if the library is there; never what the machine may have, too.
    Dl_info open_of;
    bool is_led = mount && dladdr(dlsym(RTLD_DEFAULT, "open"), &open_of) != 0 &&
                  strstr(open_of.dli_fname, "libdmfuse-preload");
    return is_led && strcmp(name, "/control") != 0 && strcmp(name, "/mapper") != 0 &&
           ((begins(text, "/dev/") && strstr(text, "mapper/")) || begins(text, mount));
}

// MARK: One call

static const struct call *current;
static const struct kind *current_kind;
static void *function;
static long values[6], result;
static int error;

static void call_it(void)
{
    long (*called)(long, long, long, long, long, long) =
        (long (*)(long, long, long, long, long, long))function;
    errno = 0;
    result = called(values[0], values[1], values[2], values[3], values[4], values[5]);
    error = errno;
}

static void say(const char *words) { (void)!write(STDERR_FILENO, words, strlen(words)); }

static void crashed(int number)
{
    say(current->name);
    say(" ");
    say(current_kind->name);
    say(number == SIGSEGV ? ": SIGSEGV\n" : ": SIGBUS\n");
    _exit(1);
}

// Also for nftw, whose fourth argument it doesn't look at. Goes on for some files: links lead from the mount
// to all of /sys.
static int visit(const char *name, const struct stat *status, int type)
{
    static unsigned visits;
    (void)name, (void)status, (void)type;
    return ++visits % 64 == 0;
}

static long value_of(long argument)
{
    struct dm_ioctl *head = (void *)memory_of_answers;
    switch (argument) {
    case path: return (long)current_kind->bytes;
    case place: return (long)"place";
    case room: return (long)memory_of_answers;
    case word: return (long)"user.word";
    case mode: return (long)"r";
    case key: return (long)"source";
    case stream: return (long)fopen("/dev/null", "r");
    case file: return open(current_kind->bytes, O_RDWR);
    case pointer_to_room: return (long)memory_of_answers;
    case ioctl_head:
        memset(head, 0, sizeof *head);
        head->version[0] = 4;
        head->data_size = sizeof memory_of_answers;
        head->data_start = sizeof *head;
        return (long)head;
    case notifier: return inotify_init1(IN_CLOEXEC);
    case folder: return open(current_kind->bytes, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    case entry_stream: return (long)opendir(current_kind->bytes);
    case visitor: return (long)visit;
    default: return argument;
    }
}

// What is to be there before, and not after.
static void prepare(void)
{
    unlink("place");
    rmdir("place");
    rmdir("file");
    unlink("file");
    int fd = open("file", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    MUST(fd >= 0 && write(fd, "text\n", 5) == 5);
    close(fd);
    mkdir("directory", 0700);
    chmod("directory", 0700);
    mkdir("directory/one", 0700);
    mkdir("directory/other", 0700);
    memset(memory_of_answers, 0, sizeof memory_of_answers);
    for (int i = 0; i < 6; i++)
        values[i] = value_of(current->arguments[i]);
}

// "ok", or the errno.
static const char *outcome(void)
{
    bool is_pointer = current->gives == memory || current->gives == a_file ||
                      current->gives == a_directory || current->gives == an_entry;
    if (current->gives == nothing)
        return "ok";
    long got = current->gives == length || is_pointer ? result : (int)result;
    return is_pointer ? (got ? "ok" : strerrorname_np(error))
                      : got >= 0 ? "ok" : strerrorname_np(error);
}

static void tidy(void)
{
    bool is_good = strcmp(outcome(), "ok") == 0;
    for (int i = 0; i < 6; i++) {
        if (current->arguments[i] == file || current->arguments[i] == notifier)
            close((int)values[i]);
        if (current->arguments[i] == folder && current->gives != a_directory)
            close((int)values[i]);
        if (current->arguments[i] == entry_stream && strcmp(current->name, "closedir") != 0)
            closedir((DIR *)values[i]);
    }
    if (current->gives == descriptor && is_good && current->arguments[0] != notifier)
        close((int)result);
    if (current->gives == a_file && is_good)
        fclose((FILE *)result);
    if (current->gives == a_directory && is_good)
        closedir((DIR *)result);
    if (current->gives == memory && is_good && result != (long)memory_of_answers)
        free((void *)result);
    if (current->gives == entries && is_good) {
        struct dirent **list = *(struct dirent ***)memory_of_answers;
        for (int i = 0; i < (int)result; i++)
            free(list[i]);
        free(list);
    }
    MUST(fchdir(home) == 0);
}

// MARK: Stacks

enum { stack_size = 8192, guard = 4096, paint = 0xa5 };
static unsigned char *stack; // above a page that isn't there

static void make_stack(void)
{
    unsigned char *pages = mmap(
        NULL, guard + stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(pages != MAP_FAILED && mprotect(pages, guard, PROT_NONE) == 0);
    stack = pages + guard;
}

static int used(void)
{
    int untouched = 0;
    while (untouched < stack_size && stack[untouched] == paint)
        untouched++;
    return stack_size - untouched;
}

static void on_own_stack(void)
{
    static ucontext_t own, back;
    memset(stack, paint, stack_size);
    MUST(getcontext(&own) == 0);
    own.uc_stack.ss_sp = stack;
    own.uc_stack.ss_size = stack_size;
    own.uc_link = &back;
    makecontext(&own, call_it, 0);
    MUST(swapcontext(&back, &own) == 0);
}

static void handle(int number)
{
    (void)number;
    call_it();
}

static void in_handler(void)
{
    memset(stack, paint, stack_size);
    MUST(raise(SIGUSR1) == 0);
}

// Whether the C library looks at a path before the kernel does: a wrong pointer then ends the program
// with and without us.
static bool looks_itself(const struct call *call)
{
    return call->gives == memory || call->gives == a_directory || call->gives == entries ||
           call->gives == outcome_of_paths || call->arguments[0] == entry_stream;
}

int main(int count, char **arguments)
{
    bool in_signal = count > 1 && strcmp(arguments[1], "--signal") == 0;
    if (count == 2 && strcmp(arguments[1], "--list") == 0) {
        for (int i = 0; i < call_count; i++)
            puts(calls[i].name);
        return 0;
    }
    errno = 0; // found now, so that finding it takes no stack later
    make_stack();
    MUST((home = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)) >= 0);
    static unsigned char spare[64 << 10];
    stack_t alternate = {.ss_sp = spare, .ss_size = sizeof spare};
    if (in_signal)
        alternate = (stack_t){.ss_sp = stack, .ss_size = stack_size};
    MUST(sigaltstack(&alternate, NULL) == 0);
    struct sigaction crash = {.sa_handler = crashed, .sa_flags = in_signal ? 0 : SA_ONSTACK};
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK};
    MUST(sigaction(SIGSEGV, &crash, NULL) == 0 && sigaction(SIGBUS, &crash, NULL) == 0);
    MUST(sigaction(SIGUSR1, &action, NULL) == 0);
    for (int k = in_signal ? 2 : 1; k < count; k++) {
        struct kind kind = {arguments[k], (const char *)16, true};
        char *equals = strchr(arguments[k], '=');
        if (equals) {
            *equals = 0;
            kind.bytes = spread(equals + 1);
            kind.may_change = may_change(kind.bytes);
        } else if (strcmp(arguments[k], "edge") == 0) {
            kind.bytes = edge();
        } else if (strcmp(arguments[k], "null") == 0) {
            kind.bytes = NULL;
        }
        current_kind = &kind;
        for (int i = 0; i < call_count; i++) {
            current = calls + i;
            function = dlsym(RTLD_DEFAULT, current->name);
            // Those for older C libraries aren't there without the library.
            if (!function || (in_signal && !(current->is & fit)) ||
                (current->is == change && !kind.may_change) ||
                (!equals && looks_itself(current)))
                continue;
            prepare();
            if (current->arguments[0] == entry_stream && !values[0])
                continue;
            if (in_signal)
                in_handler();
            else
                on_own_stack();
            printf("%s %s %s %d\n", current->name, current_kind->name, outcome(), used());
            tidy();
        }
    }
    return 0;
}
