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

bool model_is_number(const char *number, unsigned *major, unsigned *minor)
{
    number += strspn(number, "/");
    return number_at(number, major, &number) && *number++ == ':' &&
           number_at(number, minor, &number) && *number == 0;
}

// The path in /dev of a device by its number; false: nobody knows.
static bool path_of_number(unsigned major, unsigned minor, char *path)
{
    static char link[64], target[longest_link + 1];
    if (major == world.major) {
        sprintf(path, "/dev/dm-%u", minor);
        return true;
    }
    sprintf(link, "/sys/dev/block/%u:%u", major, minor);
    long length = link_at(link, target);
    target[length < 0 ? 0 : length] = 0;
    const char *name = strrchr(target, '/');
    if (!name || strlen(name) + 4 >= PATH_MAX)
        return false;
    sprintf(path, "/dev%s", name);
    return true;
}

static enum led by_number(
    const char *path, const char *number, bool is_found, char *meant)
{
    static char named[longest_link + 8];
    unsigned major, minor;
    if (number[strspn(number, "/")] == 0)
        return file_at("/dev/block") ? not_ours : below_mount("", meant);
    if (!is_found || !model_is_number(number, &major, &minor))
        return not_ours;
    if (major == world.major) {
        path_of_number(major, minor, named);
        return below_mount(named + strlen("/dev"), meant);
    }
    if (file_at(path) || !path_of_number(major, minor, named))
        return not_ours;
    strcpy(meant, named);
    return led_to;
}

// What follows a device's name in a directory of sysfs; NULL: it is none of ours.
static const char *device_at(const char *name, bool is_by_number, unsigned *minor)
{
    unsigned major;
    if (is_by_number) {
        if (!number_at(name, &major, &name) || major != world.major || *name++ != ':')
            return NULL;
    } else if (strncmp(name, "dm-", 3) == 0) {
        name += 3;
    } else {
        return NULL;
    }
    return number_at(name, minor, &name) && (*name == 0 || *name == '/') ? name : NULL;
}

// The name that follows; NULL: none does.
static const char *inside(const char *path)
{
    if (!path || *path != '/')
        return NULL;
    while (*path == '/' || strncmp(path, "./", 2) == 0)
        path++;
    return *path ? path : NULL;
}

static enum led in_mirror(const char *name, size_t length, const char *rest, char *meant)
{
    static char made[20000];
    sprintf(made, "/block/%.*s%s", (int)length, name, rest);
    return strlen(made) + 2 > PATH_MAX ? not_ours : below_mount(made, meant);
}

const char *model_link;

static enum led by_sysfs(const char *rest, char *meant)
{
    static char name[32];
    const char *in, *class = behind(rest, "class"), *all = behind(rest, "devices");
    const char *dev = behind(rest, "dev"), *link = "../../devices/virtual/block/";
    unsigned minor;
    if (dev)
        in = behind(dev, "block");
    else if (class)
        in = behind(class, "block");
    else if (all) {
        in = (all = behind(all, "virtual")) ? behind(all, "block") : NULL;
        link = NULL;
    } else if ((in = behind(rest, "block")))
        link = "../devices/virtual/block/";
    if (!(in = inside(in)))
        return not_ours;
    size_t length = strcspn(in, "/");
    const char *holders = length > 0 ? behind(in + length, "holders") : NULL;
    if (!dev && (holders = inside(holders)) && device_at(holders, false, &minor))
        return in_mirror(in, strlen(in), "", meant);
    const char *end = device_at(in, dev, &minor);
    if (!end)
        return not_ours;
    if (*end == 0)
        model_link = link;
    return in_mirror(name, (size_t)sprintf(name, "dm-%u", minor), end, meant);
}

// "dm-N", whatever is before it.
static bool is_device_file(const char *name)
{
    unsigned minor;
    const char *end;
    while (*name == '/' || strncmp(name, "./", 2) == 0)
        name++;
    return strncmp(name, "dm-", 3) == 0 && number_at(name + 3, &minor, &end) && *end == 0;
}

enum led model_by_text(const char *path, bool is_found, char *meant)
{
    unsigned major, minor;
    const char *rest = below(path, world.directory), *number;
    model_link = NULL;
    if (rest) {
        if (*rest == 0 || behind(rest, "mapper") || is_device_file(rest))
            return as_it_came;
        return model_is_number(rest, &major, &minor) ? by_number(path, rest, is_found, meant) : not_ours;
    }
    rest = path[0] == '/' ? behind(path, "dev") : NULL;
    if (!rest)
        return (rest = behind(path, "sys")) ? by_sysfs(rest, meant) : not_ours;
    if ((number = behind(rest, "block")))
        return by_number(path, number, is_found, meant);
    if (!is_device_file(rest) && !behind(rest, "mapper"))
        return not_ours;
    return below_mount(rest, meant);
}

char model_place(const char *path, char *end)
{
    unsigned major, minor;
    const char *in_mount = below(path, world.directory);
    const char *rest = in_mount ? in_mount : path[0] == '/' ? behind(path, "dev") : NULL, *number, *name;
    if (!rest)
        return 0;
    if (in_mount && *rest == 0)
        return 'd';
    if (is_device_file(rest))
        return 'n';
    number = in_mount ? rest : behind(rest, "block");
    if (number && *number == 0)
        return 'd';
    if (number && model_is_number(number, &major, &minor)) {
        if (!path_of_number(major, minor, end))
            *end = 0;
        return 'l';
    }
    name = behind(rest, "mapper");
    return !name ? 0 : name[strspn(name, "/")] == 0 ? 'd' : 'n';
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
