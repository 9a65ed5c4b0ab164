// What a directory holds, by each way of reading it: all must say the same.
//
//   entries DIRECTORY [PREFIX]...   "NAME TYPE" a line (b, c, d, l, r) of the names with one of the prefixes
//
// Reads by readdir, readdir_r, scandir, scandirat, fdopendir, and getdents64 with buffers from 64 bytes on; and from
// each position on that telldir gave.
#include "must.h"

#include <dirent.h>
#include <sys/mman.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

enum { most = 5000 };
struct entry {
    char name[256];
    unsigned char type;
};
static struct entry first[most], again[most];
static size_t first_count, again_count;

static void add(const char *name, unsigned char type)
{
    MUST(again_count < most);
    strcpy(again[again_count].name, name);
    again[again_count++].type = type;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

// What was read since must be what was read first.
static void compare(const char *how)
{
    qsort(again, again_count, sizeof *again, by_name);
    bool is_same = again_count == first_count;
    for (size_t i = 0; is_same && i < again_count; i++)
        is_same = strcmp(again[i].name, first[i].name) == 0 && again[i].type == first[i].type;
    if (!is_same) {
        fprintf(stderr, "%s: %zu entries differ from %zu\n", how, again_count, first_count);
        exit(1);
    }
    again_count = 0;
}

// Leaves the address of memory of ours wherever the next call has its variables: one that is used before
// it is set may be a mapping that the call takes away.
static char *kept;
static __attribute__((noinline)) void smear(void)
{
    char *volatile words[1024];
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        words[i] = kept;
}

static void read_stream(DIR *stream)
{
    struct dirent *entry;
    MUST(stream);
    while (smear(), (entry = readdir(stream)))
        add(entry->d_name, entry->d_type);
    MUST(kept[0] == 'k');
}

static void read_records(int fd, size_t size)
{
    static char buffer[32768] __attribute__((aligned(8)));
    ssize_t count;
    while ((count = getdents64(fd, buffer, size)) > 0) {
        for (ssize_t at = 0; at < count;) {
            struct dirent64 *record = (struct dirent64 *)(void *)(buffer + at);
            add(record->d_name, record->d_type);
            at += record->d_reclen;
        }
    }
    MUST(count == 0);
    // The end stays the end.
    MUST(getdents64(fd, buffer, size) == 0);
}

static void by_positions(const char *path)
{
    static long positions[most + 1];
    DIR *stream = opendir(path);
    size_t count = 0;
    MUST(stream);
    do
        positions[count++] = telldir(stream);
    while (readdir(stream));
    MUST(count == first_count + 1);
    for (size_t i = count; i-- > 0;) {
        size_t found = 0;
        seekdir(stream, positions[i]);
        while (readdir(stream))
            found++;
        MUST(found == first_count - i);
    }
    rewinddir(stream);
    read_stream(stream);
    compare("rewinddir");
    closedir(stream);
}

static int count_of(struct dirent **list, int count)
{
    for (int i = 0; i < count; i++) {
        add(list[i]->d_name, list[i]->d_type);
        free(list[i]);
    }
    free(list);
    return count;
}

static bool is_wanted(const char *name, char **prefixes)
{
    for (; *prefixes; prefixes++) {
        if (strncmp(name, *prefixes, strlen(*prefixes)) == 0)
            return true;
    }
    return false;
}

int main(int count, char **arguments)
{
    MUST(count > 1);
    const char *path = arguments[1];
    kept = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(kept != MAP_FAILED);
    kept[0] = 'k';
    DIR *stream = opendir(path);
    read_stream(stream);
    closedir(stream);
    memcpy(first, again, sizeof first);
    first_count = again_count;
    qsort(first, first_count, sizeof *first, by_name);
    compare("readdir");

    int fd = open(path, O_RDONLY | O_DIRECTORY);
    MUST(fd >= 0);
    for (size_t size = 64; size <= 32768; size *= 2) { // "." and ".." fit in half of 64
        MUST(lseek(fd, 0, SEEK_SET) == 0);
        read_records(fd, size);
        compare("getdents64");
    }
    MUST(lseek(fd, 0, SEEK_SET) == 0);
    stream = fdopendir(fd);
    read_stream(stream);
    compare("fdopendir");
    rewinddir(stream);
    struct dirent room, *result;
    while (readdir_r(stream, &room, &result) == 0 && result)
        add(room.d_name, room.d_type);
    compare("readdir_r");
    closedir(stream);

    struct dirent **list;
    int found = scandir(path, &list, NULL, alphasort);
    MUST(found > 0 && count_of(list, found) == found);
    compare("scandir");
    fd = open(path, O_PATH | O_DIRECTORY);
    found = scandirat(fd, ".", &list, NULL, versionsort);
    MUST(found > 0 && count_of(list, found) == found);
    compare("scandirat");
    close(fd);
    by_positions(path);

    for (size_t i = 0; i < first_count; i++) {
        static const char letters[] = {[DT_BLK] = 'b', [DT_CHR] = 'c', [DT_DIR] = 'd',
                                       [DT_LNK] = 'l', [DT_REG] = 'r'};
        if (count == 2 || is_wanted(first[i].name, arguments + 2))
            printf("%s %c\n", first[i].name, letters[first[i].type]);
    }
    return 0;
}
