// What walking a path should come to: with strings that are taken apart and put together again.
#include "model.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { most = 40, room = 20000 };

static bool begins(const char *text, const char *front)
{
    return strncmp(text, front, strlen(front)) == 0;
}
static bool is_in(const char *path, const char *directory)
{
    size_t length = strlen(directory);
    return begins(path, directory) && (path[length] == 0 || path[length] == '/');
}

// The first component, and what follows it.
static const char *component(const char *path, char *name)
{
    path += strspn(path, "/");
    size_t length = strcspn(path, "/");
    memcpy(name, path, length);
    name[length] = 0;
    return path + length;
}

// Of a relative path: by its text, wherever it begins.
static bool is_below_dev(const char *path)
{
    while (*path == '/' || begins(path, "./"))
        path++;
    return is_in(path, "dev");
}

static bool is_in_dev_or_mount(const char *path)
{
    if (is_in(path, world.directory))
        return true;
    return path[0] == '/' && is_below_dev(path);
}

static bool has_component(const char *path, bool (*is)(const char *))
{
    static char name[room];
    while (path[strspn(path, "/")]) {
        path = component(path, name);
        if (is(name))
            return true;
    }
    return false;
}
static bool is_up(const char *name) { return strcmp(name, "..") == 0; }
static bool is_hint(const char *name)
{
    unsigned major, minor;
    return model_is_number(name, &major, &minor) || strcmp(name, "mapper") == 0 || strcmp(name, "block") == 0 || begins(name, "dm-");
}

// Whether there is something, or a link.
static long look(const char *path, char *target)
{
    long length = link_at(path, target);
    if (length >= 0)
        target[length] = 0;
    return length >= 0 ? length : file_at(path) ? -1 : -2;
}

// Whether the kernel doesn't follow a link: in a directory where everybody makes some it follows one's own, and
// those of the directory's owner.
static bool is_barred(const char *link)
{
    static char directory[room];
    strcpy(directory, link);
    strrchr(directory, '/')[1] = 0;
    return file_at(link) && file_at(directory) && is_of_another(link) && is_shared(directory) &&
           !is_of_another(directory);
}

static enum led walk(const char *path, bool itself, bool asks, bool alters, char *meant)
{
    static char done[room], rest[room], name[room], target[room], other[room];
    bool is_elsewhere = false, is_as_given = false, has_ended = false;
    int links = 0;
    done[0] = 0;
    if (path[0] != '/') {
        const char *base = base_is_mount() ? world.directory
                           : base_is_mapper() ? "/dev/mapper" : base_path();
        if (!base || base[0] != '/' || strlen(base) >= PATH_MAX)
            return not_ours;
        is_elsewhere = base_is_mapper();
        strcpy(done, strcmp(base, "/") == 0 ? "" : base);
    }
    strcpy(rest, path);
    if (is_in(path, world.directory)) {
        strcpy(done, world.directory);
        strcpy(rest, path + strlen(world.directory));
        is_as_given = true;
    }
    while (!has_ended && rest[strspn(rest, "/")]) {
        const char *follows = component(rest, name);
        memmove(rest, follows, strlen(follows) + 1);
        bool stays = itself && rest[0] == 0;
        if (strcmp(name, ".") == 0)
            continue;
        if (is_up(name)) {
            if (is_as_given && strcmp(done, world.directory) == 0)
                return not_ours;
            char *last = strrchr(done, '/');
            if (last)
                *last = 0;
            continue;
        }
        if (strlen(done) + 1 + strlen(name) >= PATH_MAX)
            return not_ours;
        strcat(strcat(done, "/"), name);
        char place = model_place(done, other);
        is_elsewhere = is_elsewhere || place == 'd';
        if (place == 'd')
            continue;
        has_ended = place == 'n' || (place == 'l' && stays);
        if (has_ended)
            continue;
        if (place == 'l' && other[0]) {
            strcpy(done, other);
            is_elsewhere = true;
            continue;
        }
        if (begins(done, "/proc/"))
            return not_ours;
        long length = look(done, target);
        if (length == -2) {
            if (is_in(done, world.directory) && alters)
                other[0] = 0;
            else if (is_in(done, world.directory))
                sprintf(other, "/dev%s", done + strlen(world.directory));
            else if (begins(done, "/dev/"))
                sprintf(other, "%s%s", world.directory, done + strlen("/dev"));
            else
                other[0] = 0;
            if (other[0] && strlen(other) < PATH_MAX && look(other, target) != -2) {
                strcpy(done, other);
                is_elsewhere = true;
                length = look(done, target);
            }
        }
        if (length == -1)
            continue;
        has_ended = length == -2 || stays;
        if (has_ended)
            continue;
        if (!rest[strspn(rest, "/")] && is_barred(done))
            return not_ours;
        if (length == 0 || ++links > most || (size_t)length + strlen(rest) > PATH_MAX)
            return not_ours;
        if (target[0] == '/')
            done[0] = 0;
        else
            *strrchr(done, '/') = 0;
        strcpy(rest, strcat(target, rest));
    }
    if (strlen(done) + strlen(rest) >= PATH_MAX)
        return not_ours;
    strcat(done, rest);
    if (!done[0])
        strcpy(done, "/");
    enum led led = model_by_text(done, !itself || asks, meant);
    if (led == as_it_came || (led == not_ours && is_elsewhere)) {
        strcpy(meant, done);
        led = led_to;
    }
    return led;
}

enum led model_lead(const char *path, bool itself, bool changes, bool asks, bool alters, char *meant)
{
    bool goes_up = has_component(path, is_up), is_absolute = path[0] == '/';
    enum led led = not_ours;
    model_link = NULL;
    if (path[0] == 0 || strlen(path) >= PATH_MAX)
        return not_ours;
    if (is_in_dev_or_mount(path) ? !goes_up : is_absolute)
        led = model_by_text(path, !itself || asks, meant);
    if (led != not_ours || begins(path, "/sys/") || begins(path, "/proc/"))
        return led;
    bool may_make = changes &&
                    (is_in(path, world.directory) ||
                     ((!itself || strchr(path, '/')) && links_in(path, !itself)));
    if (has_component(path, is_hint) || (goes_up && is_in_dev_or_mount(path)) ||
        (goes_up && !is_absolute && base_is_mapper()) || may_make)
        return walk(path, itself, asks, alters, meant);
    return not_ours;
}

enum led model_lead_after(const char *path, bool is_refused, bool itself, bool asks, bool alters,
                          char *meant)
{
    if (is_refused && (path[0] == '/' || !base_is_mapper()))
        return not_ours;
    bool is_likely = is_refused || is_in_dev_or_mount(path) || is_below_dev(path) || links_in(path, !itself) ||
                     (path[0] != '/' && (base_is_mount() || base_is_mapper() || base_is_of_dev()));
    return path[0] == 0 || !is_likely ? not_ours : walk(path, itself, asks, alters, meant);
}
