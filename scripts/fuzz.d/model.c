#include "model.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char digits[] = "0123456789";

// A number of 32 bits in digits alone, and where it ends.
static bool number_at(const char *text, unsigned *number, const char **end)
{
    size_t length = strspn(text, digits), zeros = strspn(text, "0");
    if (length == 0 || length - zeros > 10)
        return false;
    unsigned long long value = strtoull(text, NULL, 10);
    *number = (unsigned)value;
    *end = text + length;
    return value <= UINT32_MAX;
}

// What follows a directory in a path: empty or with a slash in front; NULL: it isn't below it.
static const char *below(const char *path, const char *directory)
{
    size_t length = strlen(directory);
    if (strncmp(path, directory, length) != 0 || (path[length] != 0 && path[length] != '/'))
        return NULL;
    return path + length;
}

// What follows a name, whatever slashes and dots are before it.
static const char *behind(const char *path, const char *name)
{
    while (*path == '/' || strncmp(path, "./", 2) == 0)
        path++;
    return below(path, name);
}

static const char *entry_of_mapper(const char *path)
{
    const char *rest = below(path, world.directory);
    rest = rest ? behind(rest, "mapper") : NULL;
    if (!rest)
        return NULL;
    rest += strspn(rest, "/");
    return *rest ? rest : NULL;
}

bool model_is_in_mapper(const char *path) { return entry_of_mapper(path) != NULL; }

static enum led spelled(const char *path, char *meant, enum led otherwise)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789#+-.:=@_";
    static char mangled[20000];
    const char *name = entry_of_mapper(path);
    if (!name || strchr(name, '/') || name[strspn(name, plain)] == 0)
        return otherwise;
    size_t length = (size_t)(name - path);
    memcpy(mangled, path, length);
    for (; *name; name++)
        length += (size_t)sprintf(
            mangled + length, strchr(plain, *name) ? "%c" : "\\x%02x", (unsigned char)*name);
    mangled[length] = 0;
    if (length >= PATH_MAX || file_at(path) || !file_at(mangled))
        return otherwise;
    strcpy(meant, mangled);
    return led_to;
}

static enum led below_mount(const char *rest, char *meant)
{
    strcpy(meant, world.directory);
    size_t length = strlen(meant);
    for (; *rest; rest++) {
        if (*rest != '/' || length == 0 || meant[length - 1] != '/')
            meant[length++] = *rest;
    }
    meant[length] = 0;
    return length < PATH_MAX ? led_to : too_long_to_lead;
}

static enum led by_number(const char *path, const char *number, char *meant)
{
    static char link[64], target[longest_link + 1];
    unsigned major, minor;
    number += strspn(number, "/");
    if (!number_at(number, &major, &number) || *number++ != ':' ||
        !number_at(number, &minor, &number) || *number != 0)
        return as_it_came;
    if (major == world.major) {
        sprintf(link, "/dm-%u", minor);
        return below_mount(link, meant);
    }
    if (file_at(path))
        return as_it_came;
    sprintf(link, "/sys/dev/block/%u:%u", major, minor);
    long length = link_at(link, target);
    target[length < 0 ? 0 : length] = 0;
    const char *name = strrchr(target, '/');
    if (!name || strlen(name) + 4 >= PATH_MAX)
        return as_it_came;
    sprintf(meant, "/dev%s", name);
    return led_to;
}

enum led model_lead(const char *path, char *meant)
{
    static char led[20000];
    if (path[0] != '/' || strlen(path) >= PATH_MAX)
        return as_it_came;
    if (below(path, world.directory))
        return spelled(path, meant, as_it_came);
    const char *rest = behind(path, "dev"), *number, *end;
    unsigned minor;
    if (!rest)
        return as_it_came;
    if ((number = behind(rest, "block")))
        return by_number(path, number, meant);
    const char *name = rest;
    while (*name == '/' || strncmp(name, "./", 2) == 0)
        name++;
    bool is_file = strncmp(name, "dm-", 3) == 0 && number_at(name + 3, &minor, &end) && *end == 0;
    if (!is_file && !behind(rest, "mapper"))
        return as_it_came;
    if (below_mount(rest, led) == too_long_to_lead)
        return too_long_to_lead;
    strcpy(meant, led);
    return spelled(led, meant, led_to);
}

bool model_is_control(const char *path)
{
    static char own[6000];
    const char *name = strrchr(path, '/');
    if (strcmp(name ? name + 1 : path, "control") != 0)
        return false;
    sprintf(own, "%s/mapper/control", world.directory);
    return strlen(own) < PATH_MAX && file_at(path) == 3 && file_at(own) == 3;
}

char model_sysfs(const char *path, unsigned *minor)
{
    unsigned major;
    bool is_number = strncmp(path, "/sys/dev/block/", 15) == 0;
    const char *rest = path + 15;
    if (is_number) {
        if (!number_at(rest, &major, &rest) || major != world.major || *rest++ != ':')
            return 0;
    } else if (strncmp(path, "/sys/block/dm-", 14) == 0) {
        rest = path + 14;
    } else {
        return 0;
    }
    if (!number_at(rest, minor, &rest))
        return 0;
    return strcmp(rest, "/dm/name") == 0 ? 'n' : strcmp(rest, "/dm/uuid") == 0 ? 'u'
         : is_number && *rest == 0 ? 'l' : 0;
}

void model_devices(const char *text, size_t size, char *made, size_t *made_size)
{
    static char line[40000];
    bool is_block = false;
    size_t at = 0;
    while (at < size) {
        size_t length = 0;
        while (at + length < size && text[at + length] != '\n')
            length++;
        memcpy(line, text + at, length);
        line[length] = 0;
        const char *number = line + strspn(line, " \t"), *end;
        unsigned major;
        if (is_block && number_at(number, &major, &end) && major >= world.major)
            break;
        is_block = is_block || (strcmp(line, "Block devices:") == 0 && strlen(line) == length);
        at += length + (at + length < size);
    }
    memcpy(made, text, at);
    size_t ours = (size_t)sprintf(made + at, "%3u device-mapper\n", world.major);
    memcpy(made + at + ours, text + at, size - at);
    *made_size = size + ours;
}
