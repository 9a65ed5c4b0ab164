// Asks device-mapper what no tool asks: sizes, flags, versions and names that libdevmapper wouldn't
// send, and what the buffer holds afterwards. Each question is one line. Runs the same on the kernel
// and under dmfuse run.
//
//   ioctls                                 all of these questions
//   ioctls event COMMAND                   whether the control device has an event while a shell runs it
//   ioctls range WHAT DEVICE FROM COUNT    discards or zeros bytes of a block device
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { room = 64 << 10 };
static int control;
static char *bytes;
static struct dm_ioctl *head;

static const char *name_of(int error)
{
    return error == 0 ? "0" : strerrorname_np(error);
}

// A clean argument of `size` bytes, about a device.
static void prepare(unsigned size, const char *name, unsigned flags)
{
    memset(bytes, 0, room);
    head->version[0] = 4;
    head->data_size = size;
    head->data_start = sizeof *head;
    head->flags = flags;
    strcpy(head->name, name);
}

// Bytes from `offset` that aren't zero: first and count.
static void show_data(unsigned offset, unsigned end)
{
    unsigned first = 0, count = 0;
    for (unsigned i = offset; i < end; i++)
        if (bytes[i]) {
            first = count++ ? first : i;
        }
    printf(" data=%u@%u", count, first);
}

static int ask_head(const char *what, unsigned long command)
{
    int result = ioctl(control, command, bytes), error = result < 0 ? errno : 0;
    printf("%s: %s version=%u.%u.%u size=%u start=%u flags=0x%x targets=%u open=%d event=%u minor=%u"
           " name=%.20s uuid=%.20s",
           what, name_of(error), head->version[0], head->version[1], head->version[2],
           head->data_size, head->data_start, head->flags, head->target_count, head->open_count,
           head->event_nr, (unsigned)(head->dev & 0xff), head->name, head->uuid);
    return error;
}
static int ask(const char *what, unsigned long command)
{
    int error = ask_head(what, command);
    show_data(sizeof *head, 8 << 10);
    printf("\n");
    return error;
}

#define ASK(command) ask(#command, command)

// Appends one line of a table, `at` bytes behind the head.
static void line(unsigned at, unsigned long long start, unsigned long long length, unsigned next,
                 const char *type, const char *parameters)
{
    struct dm_target_spec *spec = (void *)(bytes + sizeof *head + at);
    spec->sector_start = start;
    spec->length = length;
    spec->next = next;
    strcpy(spec->target_type, type);
    strcpy((char *)(spec + 1), parameters);
}

static void versions(void)
{
    printf("-- versions\n");
    unsigned tried[][3] = {{4, 0, 0}, {4, 47, 0}, {4, 47, 99}, {4, 48, 0}, {3, 0, 0}, {5, 0, 0}, {0, 0, 0}};
    for (unsigned i = 0; i < sizeof tried / sizeof *tried; i++) {
        prepare(room, "", 0);
        memcpy(head->version, tried[i], sizeof tried[i]);
        ASK(DM_VERSION);
        prepare(room, "", 0);
        memcpy(head->version, tried[i], sizeof tried[i]);
        ASK(DM_LIST_DEVICES);
    }
    prepare(room, "", 0);
    ask("type 0xfe", _IOWR(0xfe, 0, struct dm_ioctl));
    ask("number 18", _IOWR(0xfd, 18, struct dm_ioctl));
    ask("number 200", _IOWR(0xfd, 200, struct dm_ioctl));
    ask("no direction", _IO(0xfd, 2));
    ask("another size", _IOC(_IOC_READ | _IOC_WRITE, 0xfd, 2, 8));
}

static void sizes(void)
{
    printf("-- sizes\n");
    unsigned tried[] = {0, 1, 304, 305, 306, 311, 312, 313, 319, 320, 328, 336, 340, 400};
    for (unsigned i = 0; i < sizeof tried / sizeof *tried; i++) {
        printf("%u ", tried[i]);
        prepare(tried[i], "", 0);
        ASK(DM_LIST_DEVICES);
        printf("%u ", tried[i]);
        prepare(tried[i], "", 0);
        ASK(DM_LIST_VERSIONS);
        printf("%u ", tried[i]);
        prepare(tried[i], "one", 0);
        ASK(DM_DEV_STATUS);
        printf("%u ", tried[i]);
        prepare(tried[i], "one", 0);
        ASK(DM_TABLE_STATUS);
        printf("%u ", tried[i]);
        prepare(tried[i], "one", DM_STATUS_TABLE_FLAG);
        ASK(DM_TABLE_STATUS);
        printf("%u ", tried[i]);
        prepare(tried[i], "over", 0);
        ask_head("DM_TABLE_DEPS", DM_TABLE_DEPS);
        printf(" count=%u\n", head->data_size > sizeof *head ? *(unsigned *)(bytes + sizeof *head) : 0);
    }
    prepare(0xffffffff, "", 0);
    ASK(DM_LIST_DEVICES);
    prepare(room, "", 0);
    head->data_start = 0;
    ASK(DM_LIST_DEVICES);
}

static void flags(void)
{
    printf("-- flags\n");
    for (unsigned bit = 0; bit < 32; bit++) {
        if (bit == 1) // suspends
            continue;
        printf("bit %u ", bit);
        prepare(room, "one", 1u << bit);
        ASK(DM_DEV_STATUS);
    }
    prepare(room, "", 0xffffffff & ~(unsigned)DM_SECURE_DATA_FLAG);
    ASK(DM_LIST_DEVICES);
    prepare(room, "", 0xffffffff);
    ASK(DM_VERSION);
    prepare(room, "one", DM_SECURE_DATA_FLAG | DM_STATUS_TABLE_FLAG);
    memset(bytes + 4000, 'x', 4000);
    ASK(DM_TABLE_STATUS);
    prepare(room, "nosuch", DM_SECURE_DATA_FLAG);
    memset(bytes + 4000, 'x', 4000);
    ASK(DM_TABLE_STATUS);
    prepare(room, "nosuch", 0);
    memset(bytes + 4000, 'x', 4000);
    ASK(DM_TABLE_STATUS);
}

static void addresses(void)
{
    printf("-- addresses\n");
    prepare(room, "one", 0);
    ASK(DM_DEV_STATUS);
    __u64 device = head->dev;
    prepare(room, "", 0);
    head->dev = device;
    ASK(DM_DEV_STATUS);
    prepare(room, "one", 0);
    head->dev = device;
    ask("name and number", DM_DEV_STATUS);
    prepare(room, "", 0);
    strcpy(head->uuid, "U1");
    ask("uuid", DM_DEV_STATUS);
    head->dev = device;
    ask("uuid and number", DM_DEV_STATUS);
    prepare(room, "one", 0);
    strcpy(head->uuid, "U1");
    ask("name and uuid", DM_DEV_STATUS);
    prepare(room, "", 0);
    ask("nothing", DM_DEV_STATUS);
    prepare(room, "", 0);
    memset(head->name, 'n', sizeof head->name);
    ask("a name without end", DM_DEV_STATUS);
    prepare(room, "", 0);
    ask("no name", DM_DEV_CREATE);
    prepare(room, "", 0);
    memset(head->name, 'm', sizeof head->name);
    ask("a name without end", DM_DEV_CREATE);
    prepare(room, "", 0);
    memset(head->name, 'm', 127);
    ask("and removed", DM_DEV_REMOVE);
    prepare(room, "a/b", 0);
    ask("a slash", DM_DEV_CREATE);
    prepare(room, "one", 0);
    ask("again", DM_DEV_CREATE);
    prepare(room, "n", DM_PERSISTENT_DEV_FLAG);
    head->dev = 0;
    ask("minor in use", DM_DEV_CREATE);
    prepare(room, "n", DM_PERSISTENT_DEV_FLAG);
    head->dev = 0x12345; // major 0x123, minor 0x45
    ask("another major", DM_DEV_CREATE);
    prepare(room, "n", DM_DEFERRED_REMOVE);
    ASK(DM_DEV_REMOVE);
    prepare(room, "n", 0);
    ASK(DM_DEV_REMOVE);
}

static void tables(void)
{
    printf("-- tables\n");
    prepare(room, "one", 0);
    ask("no targets", DM_TABLE_LOAD);
    prepare(room, "one", 0);
    head->target_count = 0xffffffff;
    ask("too many targets", DM_TABLE_LOAD);
    prepare(room, "one", 0);
    head->target_count = 1;
    line(0, 0, 8, 0, "zero", "");
    ask("one target", DM_TABLE_LOAD);
    prepare(room, "one", 0);
    head->target_count = 2;
    line(0, 0, 8, 48, "zero", "");
    line(48, 8, 8, 0, "error", "");
    ask("two", DM_TABLE_LOAD);
    prepare(room, "one", 0);
    head->target_count = 2;
    line(0, 0, 8, 48, "zero", "");
    line(48, 12, 8, 0, "error", "");
    ask("a gap", DM_TABLE_LOAD);
    prepare(room, "one", 0);
    head->target_count = 2;
    line(0, 0, 8, room, "zero", "");
    ask("next beyond", DM_TABLE_LOAD);
    prepare(room, "one", 0);
    head->target_count = 1;
    line(0, 0, 8, 0, "0123456789abcdef", "");
    ask("a type without end", DM_TABLE_LOAD);
    prepare(sizeof *head + 40, "one", 0);
    head->target_count = 1;
    line(0, 0, 8, 0, "zero", "");
    ask("no room for parameters", DM_TABLE_LOAD);
    prepare(sizeof *head + 41, "one", 0);
    head->target_count = 1;
    line(0, 0, 8, 0, "zero", "");
    ask("just room", DM_TABLE_LOAD);
    prepare(sizeof *head + 8, "one", 0);
    head->target_count = 1;
    ask("no room for a target", DM_TABLE_LOAD);
    prepare(room, "one", 0);
    head->target_count = 1;
    head->data_start = room;
    ask("a start behind the end", DM_TABLE_LOAD);
    prepare(room, "one", 0);
    ASK(DM_DEV_STATUS);
    prepare(room, "one", DM_QUERY_INACTIVE_TABLE_FLAG | DM_STATUS_TABLE_FLAG);
    ASK(DM_TABLE_STATUS);
    struct dm_target_spec *spec = (void *)(bytes + head->data_start);
    for (unsigned i = 0; i < head->target_count; i++) {
        printf("  %llu %llu status=%d next=%u %s '%s'\n", (unsigned long long)spec->sector_start,
               (unsigned long long)spec->length, spec->status, spec->next, spec->target_type,
               (char *)(spec + 1));
        spec = (void *)(bytes + head->data_start + spec->next);
    }
    prepare(room, "one", DM_READONLY_FLAG);
    head->target_count = 1;
    line(0, 0, 8, 0, "zero", "");
    ask("read-only", DM_TABLE_LOAD);
    prepare(room, "one", 0);
    ASK(DM_TABLE_CLEAR);
    ASK(DM_TABLE_CLEAR);
}

static void text(const char *what, unsigned long command, unsigned flags, unsigned start,
                 unsigned size, const char *text, size_t length)
{
    prepare(size, "named", flags);
    head->data_start = start;
    memcpy(bytes + start, text, length);
    ask(what, command);
}
static void texts(void)
{
    const unsigned behind = sizeof *head;
    printf("-- texts\n");
    text("rename", DM_DEV_RENAME, 0, behind, room, "two", 4);
    prepare(room, "two", 0);
    strcpy(bytes + behind, "named");
    ask("and back", DM_DEV_RENAME);
    text("start in the head", DM_DEV_RENAME, 0, 304, room, "two", 4);
    text("start at 305", DM_DEV_RENAME, 0, 305, room, "two", 4);
    prepare(room, "two", 0);
    strcpy(bytes + behind, "named");
    ask("and back", DM_DEV_RENAME);
    text("start at the end", DM_DEV_RENAME, 0, 400, 400, "two", 4);
    text("no end", DM_DEV_RENAME, 0, behind, behind + 3, "two", 3);
    text("empty", DM_DEV_RENAME, 0, behind, room, "", 1);
    text("uuid again", DM_DEV_RENAME, DM_UUID_FLAG, behind, room, "U4", 3);
    char longest[200];
    memset(longest, 'l', sizeof longest);
    longest[128] = 0;
    text("128 bytes", DM_DEV_RENAME, 0, behind, room, longest, 129);
    text("geometry", DM_DEV_SET_GEOMETRY, 0, behind, room, "1 2 3 4", 8);
    text("three numbers", DM_DEV_SET_GEOMETRY, 0, behind, room, "1 2 3", 6);
    text("five numbers", DM_DEV_SET_GEOMETRY, 0, behind, room, "1 2 3 4 5", 10);
    text("beyond", DM_DEV_SET_GEOMETRY, 0, behind, room, "1 2 3 7", 8);
    char message[64] = {0};
    strcpy(message + 8, "hello");
    text("message", DM_TARGET_MSG, 0, behind, room, message, sizeof message);
    strcpy(message + 8, "@nosuch");
    text("core message", DM_TARGET_MSG, 0, behind, room, message, sizeof message);
    strcpy(message + 8, "");
    text("empty message", DM_TARGET_MSG, 0, behind, room, message, sizeof message);
    text("message without room", DM_TARGET_MSG, 0, behind, behind + 8, message, 8);
    prepare(room, "zero", 0);
    ASK(DM_GET_TARGET_VERSION);
    prepare(room, "nosuch", 0);
    ASK(DM_GET_TARGET_VERSION);
    prepare(320, "zero", 0);
    ask("small", DM_GET_TARGET_VERSION);
}

static void lists(void)
{
    printf("-- lists\n");
    prepare(room, "", 0);
    ASK(DM_LIST_DEVICES);
    for (unsigned flags = 0;; flags = DM_UUID_FLAG) {
        prepare(room, "", flags);
        ioctl(control, DM_LIST_DEVICES, bytes);
        struct dm_name_list *entry = (void *)(bytes + head->data_start);
        for (;;) {
            char *behind = (char *)entry + ((offsetof(struct dm_name_list, name) +
                                             strlen(entry->name) + 1 + 7) & ~7ul);
            unsigned *numbers = (void *)behind;
            printf("  minor=%u next=%u %s event=%u flags=%u %s\n", (unsigned)entry->dev & 0xff,
                   entry->next, entry->name, numbers[0], numbers[1],
                   numbers[1] & 1 ? (char *)(numbers + 2) : "-");
            if (!entry->next)
                break;
            entry = (void *)((char *)entry + entry->next);
        }
        if (flags)
            break;
    }
    prepare(room, "o", 0);
    ask("by name", DM_LIST_DEVICES);
    prepare(room, "x", 0);
    ask("by no name", DM_LIST_DEVICES);
    prepare(room, "", 0);
    strcpy(head->uuid, "U");
    ask("by uuid", DM_LIST_DEVICES);
}

static void life(void)
{
    printf("-- life\n");
    prepare(room, "bare", 0);
    ASK(DM_DEV_CREATE);
    prepare(room, "bare", 0);
    ASK(DM_TABLE_STATUS);
    ASK(DM_TABLE_DEPS);
    prepare(room, "bare", DM_SUSPEND_FLAG);
    ask("suspend", DM_DEV_SUSPEND);
    ask("suspend again", DM_DEV_SUSPEND);
    prepare(room, "bare", 0);
    ask("resume", DM_DEV_SUSPEND);
    prepare(room, "bare", 0);
    head->event_nr = 77;
    ask("wait", DM_DEV_WAIT);
    prepare(room, "", 0);
    ASK(DM_DEV_ARM_POLL);
    prepare(room, "bare", 0);
    ASK(DM_DEV_REMOVE);
    ASK(DM_DEV_REMOVE);
    prepare(room, "", 0);
    ASK(DM_REMOVE_ALL);
}

// An event comes at once, or, after a last close, soon.
static int event(const char *command)
{
    struct pollfd polled = {.fd = control, .events = POLLIN};
    int status = system(command);
    int count = poll(&polled, 1, 1000);
    printf("status %d, %s\n", status >> 8, count > 0 ? "an event" : "no event");
    return 0;
}

static int range(const char *what, const char *device, uint64_t from, uint64_t count)
{
    uint64_t bytes[2] = {from, count};
    int file = open(device, O_RDWR), result;
    if (file < 0)
        return perror(device), 1;
    if (strcmp(what, "BLKDISCARD") == 0)
        result = ioctl(file, BLKDISCARD, bytes);
    else if (strcmp(what, "BLKZEROOUT") == 0)
        result = ioctl(file, BLKZEROOUT, bytes);
    else
        result = fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)count);
    printf("%s\n", name_of(result == 0 ? 0 : errno));
    close(file);
    return 0;
}

int main(int count, char **words)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count == 6 && strcmp(words[1], "range") == 0)
        return range(words[2], words[3], strtoull(words[4], NULL, 0), strtoull(words[5], NULL, 0));
    control = open("/dev/mapper/control", O_RDWR);
    if (count == 3 && strcmp(words[1], "event") == 0)
        return control < 0 ? perror("/dev/mapper/control"), 1 : event(words[2]);
    bytes = malloc(room);
    head = (void *)bytes;
    if (control < 0 || !bytes)
        return perror("/dev/mapper/control"), 1;
    versions();
    sizes();
    flags();
    addresses();
    tables();
    texts();
    lists();
    life();
    return 0;
}
