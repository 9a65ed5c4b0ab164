// Fuzzes what libdmfuse-preload makes of a program's paths, and of texts of /proc and of a daemon: no
// byte is read or written that isn't its own, no room is left behind, `errno` stays, and the answer is
// the model's. Built by scripts/fuzz from the library's own files, with the file system below them made
// up here.
//
// An input: which mount, its major, what files there are, how the path lies in memory, what fails; then
// the path, in which bytes below 32 stand for words and repetitions.
#include "../../Sources/CDMPreload/preload.h"
#include "model.h"

#include <sys/mman.h>

struct world world;
static char decoded[32 << 10];
static size_t decoded_size;
static bool is_memory_short;
static int rooms;
static long cases, led_cases;

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            dprintf(2, "line %d: %s\n", __LINE__, #condition);                                     \
            __builtin_trap();                                                                      \
        }                                                                                          \
    } while (0)

// MARK: What is there

static uint32_t hash(const char *bytes, size_t size)
{
    uint32_t value = 2166136261U ^ world.seed;
    for (size_t i = 0; i < size; i++)
        value = (value ^ (unsigned char)bytes[i]) * 16777619U;
    return value ^ value >> 15;
}

unsigned file_at(const char *path)
{
    size_t length = strlen(path);
    return length < PATH_MAX ? hash(path, length) % 4 : 0;
}

// Of names in sysfs most are links; of others some, many of which lead near the mount.
long link_at(const char *path, char *target)
{
    uint32_t value = hash(path, strlen(path));
    static const char *const targets[] = {
        "/dev/mapper/a b", "mapper", "/dev", "..", "../dm-3", "/dev/block/253:7", "dm-1", "/",
        "/dev/../dev/./mapper", "control", "/dev//mapper/x/../y", "/proc/x", "x/y/z", world.directory};
    if (strncmp(path, "/sys/dev/block/", 15) != 0) {
        const char *chosen = targets[value / 32 % (sizeof targets / sizeof targets[0])];
        size_t size = strlen(chosen);
        if (value % 8 > 1 || size > longest_link)
            return -1;
        if (value % 8 == 0 && value / 1024 % 4 > 0) {
            memcpy(target, chosen, size);
            return (long)size;
        }
    }
    size_t length = value % 5 == 0 ? longest_link - value % 7 : value % 64;
    if (value % 3 == 0)
        return -1;
    for (size_t i = 0; i < length; i++)
        target[i] = (value >> i % 16 & 3) == 0 ? '/' : (char)('a' + i % 26);
    return (long)length;
}

bool is_of_another(const char *path) { return hash(path, strlen(path)) >> 16 & 1; }
bool is_shared(const char *path) { return hash(path, strlen(path)) >> 17 & 1; }
bool links_are_protected(void) { return true; }

// The directory of relative paths.
enum { base_device = 77 };
static bool base_is(unsigned what)
{
    return world.seed % 16 != 15 && world.seed % 3 != 0 && world.seed % 8 == what;
}
bool base_is_mount(void) { return base_is(1); }
bool base_is_mapper(void) { return base_is(2); }
bool base_is_of_dev(void) { return world.seed % 16 != 15 && world.seed % 3 == 0 && file_at("/dev"); }
const char *base_path(void)
{
    static const char *const bases[] = {
        "/", "/dev", "/x", "/dev/block", "/x/mapper", "(unreachable)/x", "/dev/x", world.directory};
    const char *base = bases[world.seed / 8 % (sizeof bases / sizeof bases[0])];
    return world.seed % 16 == 15 || strlen(base) >= PATH_MAX ? NULL : base;
}
enum directory directory_of(dev_t device, ino_t inode)
{
    return device != base_device ? no_directory
           : inode == 1 ? mount_root : inode == 2 ? mapper_directory : no_directory;
}
long raw_directory_path(int directory, char *path, size_t size)
{
    MUST(directory == AT_FDCWD && size == PATH_MAX);
    const char *base = base_path();
    if (!base)
        return errno = ERANGE, -1;
    memcpy(path, base, strlen(base));
    return (long)strlen(base);
}
bool links_in(const char *path, bool in_the_end) { return hash(path, strlen(path)) % 4 > in_the_end; }
bool raw_has_links(int directory, const char *path, int flags)
{
    MUST(directory == AT_FDCWD);
    return links_in(path, flags == 0);
}

int raw_stat(int directory, const char *path, struct stat *status, int flags)
{
    unsigned file = file_at(path);
    memset(status, 0, sizeof *status);
    status->st_dev = base_device + 1;
    if (flags & AT_EMPTY_PATH && *path == 0) {
        MUST(directory == AT_FDCWD);
        status->st_dev = base_device + (world.seed % 3 == 0);
        status->st_ino = world.seed % 8;
        return world.seed % 16 == 15 ? (errno = ENOENT, -1) : 0;
    }
    status->st_ino = file;
    status->st_mode = (file == 3 ? S_IFSOCK : S_IFREG) | (is_shared(path) ? S_ISVTX | S_IWOTH : S_ISVTX);
    status->st_uid = geteuid() + is_of_another(path);
    return file ? 0 : (errno = ENOENT, -1);
}
bool raw_exists(const char *path) { return file_at(path) != 0 || (errno = ENOENT, false); }
long raw_readlink(const char *path, char *target, size_t size)
{
    static char whole[longest_link];
    long length = link_at(path, whole);
    if (length < 0)
        return errno = file_at(path) ? EINVAL : ENOENT, -1;
    size_t kept = (size_t)length < size ? (size_t)length : size;
    memcpy(target, whole, kept);
    return (long)kept;
}
int raw_open(const char *path, int flags)
{
    MUST(strcmp(path, "/proc/devices") == 0);
    int fd = memfd_create("devices", (unsigned)(flags & O_CLOEXEC ? MFD_CLOEXEC : 0));
    MUST(fd >= 0 && write(fd, decoded, decoded_size) == (ssize_t)decoded_size);
    lseek(fd, 0, SEEK_SET);
    return fd;
}
long raw_write(int fd, const void *bytes, size_t size) { return write(fd, bytes, size); }
void raw_close(int fd) { close(fd); }
// Of the heap, so that AddressSanitizer guards their ends.
void *map(size_t size)
{
    if (is_memory_short)
        return errno = ENOMEM, NULL;
    rooms++;
    return malloc(size);
}
void unmap(void *pages, size_t size)
{
    (void)size;
    rooms--;
    free(pages);
}

char *borrow(void) { return map(lent_size); }
void give_back(char *room) { unmap(room, lent_size); }

const char *mount_directory(void) { return world.directory; }
size_t mount_directory_length(void)
{
    size_t length = strlen(world.directory);
    return length < PATH_MAX ? length : PATH_MAX;
}
unsigned mapped_major(void) { return world.major; }
void find_mount_device(void) {}
// Nothing is mounted.
enum walked file_system_lead(struct path *path)
{
    (void)path;
    return walked_elsewhere;
}

// MARK: Inputs

static const char *const words[] = {
    "/", "/dev", "mapper", "/mapper/", "/dm-", "/block/", "253", ":", "control", "./", "..",
    "/sys/dev/block/", "/sys/block/dm-", "/sys", "/devices/virtual", "/holders", "\n",
    "Block devices:\n", "  7 loop\n", "4294967295", "00000000000", "a b", "\\x20"};
enum { word_count = sizeof words / sizeof words[0], mount_word = 24, repetition = 25, numbers = 26 };

static void add(const char *bytes, size_t size)
{
    if (size > sizeof decoded - 1 - decoded_size)
        size = sizeof decoded - 1 - decoded_size;
    memcpy(decoded + decoded_size, bytes, size);
    decoded_size += size;
}

static void decode(const uint8_t *bytes, size_t size)
{
    decoded_size = 0;
    for (size_t i = 0; i < size; i++) {
        char byte = (char)bytes[i];
        if (bytes[i] > 0 && bytes[i] <= word_count) {
            add(words[bytes[i] - 1], strlen(words[bytes[i] - 1]));
        } else if (bytes[i] == mount_word) {
            add(world.directory, strlen(world.directory));
        } else if (bytes[i] == repetition && i + 2 < size) {
            for (unsigned count = 16U * bytes[i + 1]; count > 0; count--)
                add((const char *)bytes + i + 2, 1);
            i += 2;
        } else if (bytes[i] == numbers) {
            add("253:7", 5);
        } else {
            add(&byte, 1);
        }
    }
    decoded[decoded_size] = 0;
}

static void make_world(uint8_t directory, uint8_t major)
{
    static const size_t lengths[] = {2, 9, 60, 170, 176, 300, 2047, 4000, 4090, 4095, 4096, 4999};
    size_t length = lengths[directory % (sizeof lengths / sizeof lengths[0])];
    memset(world.directory, 0, sizeof world.directory);
    for (size_t i = 0; i < length; i++)
        world.directory[i] = i % 50 == 0 && i + 1 < length ? '/' : 'm';
    world.major = major % 4 == 0 ? major : major % 4 == 1 ? 253 : major % 4 == 2 ? UINT32_MAX : 7;
}

// Memory that ends where a page is missing.
enum { page = 4096, pages = 16 };
static char *end_of_memory(void)
{
    static char *end;
    if (!end) {
        char *all = mmap(NULL, (pages + 1) * page, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        MUST(all != MAP_FAILED && mprotect(all + pages * page, page, PROT_NONE) == 0);
        end = all + pages * page;
    }
    return end;
}

// MARK: Checks

// What became of a path must be what the model says.
static bool check_answer(const struct path *meant, const char *path, enum led answer, const char *expected)
{
    led_cases += answer != not_ours;
    MUST(meant->is_ours == (answer != not_ours));
    switch (answer) {
    case not_ours: case as_it_came:
        MUST(meant->bytes == path && meant->length == strlen(path));
        break;
    case led_to:
        MUST(strcmp(meant->bytes, expected) == 0 && meant->length == strlen(expected));
        break;
    case too_long_to_lead:
        MUST(strlen(meant->bytes) >= PATH_MAX && meant->length == 0);
        break;
    }
    return answer != too_long_to_lead;
}

static void check_path(const char *path, unsigned how, bool is_readable)
{
    static char expected[20000];
    __attribute__((cleanup(release))) struct path meant;
    errno = 77;
    bool is_led = lead_at(AT_FDCWD, path, how, &meant);
    if (!is_led) {
        MUST(is_memory_short && errno == ENOMEM);
        return;
    }
    MUST(errno == 77);
    if (!is_readable || strlen(path) >= PATH_MAX) {
        MUST(meant.bytes == path && meant.length == 0);
        return;
    }
    if (!check_answer(&meant, path, model_lead(path, how & itself, how & changes, how & asks, how & alters, expected), expected))
        return;
    if (!meant.is_ours && !is_memory_short) {
        int error = world.seed & 0x20 ? EPERM : ENOENT;
        errno = error;
        lead_after(AT_FDCWD, how, &meant);
        MUST(errno == error);
        if (!check_answer(&meant, path, model_lead_after(path, error == EPERM, how & itself, how & asks, how & alters, expected), expected))
            return;
    }
    MUST(is_in_mapper(&meant) == model_is_in_mapper(meant.bytes));
    bool is = is_control(AT_FDCWD, &meant);
    MUST(is_memory_short || is == model_is_control(meant.bytes));
    char target[64];
    const char *name = strrchr(meant.bytes, '/');
    bool is_link = model_link && file_at(meant.bytes);
    size_t front = is_link ? strlen(model_link) : 0, size = front + (is_link ? strlen(name + 1) : 0);
    errno = 77;
    ssize_t length = sysfs_readlink(&meant, target, sizeof target);
    MUST(length == (ssize_t)size && errno == 77);
    MUST(!is_link || (memcmp(target, model_link, front) == 0 &&
                      memcmp(target + front, name + 1, size - front) == 0));
}

static void check_wild(uintptr_t address)
{
    __attribute__((cleanup(release))) struct path meant;
    const char *path = (const char *)address;
    MUST(lead_at(AT_FDCWD, path, 0, &meant) && meant.bytes == path && meant.length == 0);
}

static void check_devices(void)
{
    static char expected[40000], found[40000];
    size_t size;
    if (is_memory_short)
        return;
    model_devices(decoded, decoded_size, expected, &size);
    int fd = proc_devices_open(O_RDONLY);
    MUST(fd >= 0 && read(fd, found, sizeof found) == (ssize_t)size);
    close(fd);
    MUST(memcmp(found, expected, size) == 0);
}

static void say_counts(void)
{
    dprintf(1, "paths: %ld (%ld led elsewhere)\n", cases, led_cases);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    enum { head = 5 };
    if (size < head)
        return 0;
    if (cases++ == 0)
        atexit(say_counts);
    make_world(bytes[0], bytes[1]);
    for (uintptr_t address = 0; address < 64; address += 7)
        check_wild(address);
    check_wild((uintptr_t)end_of_memory() + bytes[2]);
    check_wild(UINTPTR_MAX - bytes[2]);
    world.seed = bytes[2];
    is_memory_short = bytes[4] % 16 == 0;
    decode(bytes + head, size - head);
    if (bytes[3] & 0x80)
        check_devices();
    // The path ends with its NUL where memory ends, or some bytes before; or it has no NUL.
    bool is_readable = (bytes[3] & 7) != 7 || memchr(decoded, 0, decoded_size);
    size_t whole = decoded_size + is_readable;
    char *path = end_of_memory() - whole - (is_readable ? bytes[3] >> 3 & 7 : 0);
    memcpy(path, decoded, whole);
    // The kernel, too, reads no further than this.
    bool is_seen = is_readable || decoded_size >= PATH_MAX;
    if (!is_readable && is_seen) {
        __attribute__((cleanup(release))) struct path meant;
        MUST(lead_at(AT_FDCWD, path, 0, &meant) && meant.bytes == path && meant.length == 0);
    } else {
        unsigned how = (bytes[4] >> 6 & (itself | changes)) | (bytes[3] & 0x40 ? asks : 0) |
                       (bytes[4] & 0x20 ? alters : 0);
        check_path(path, how, is_readable);
    }
    MUST(rooms == 0);
    return 0;
}
