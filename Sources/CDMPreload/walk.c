// The slow way to find out what a path leads to: component by component and link by link, as the kernel
// walks it, but for names of the mount's where the kernel has others or none. It is gone only where a
// path's text, or the kernel's answer, gives reason to (`lead_at`, `lead_after`).
#include "preload.h"

enum { most_links = 40 }; // as the kernel

struct walk {
    // Walked: absolute, without links, and without a slash at its end; so "/" is empty. PATH_MAX bytes.
    char *done;
    size_t length;
    struct text rest; // to be walked, at the end of its room, so that a link's target fits before it
    char *rest_room;  // PATH_MAX bytes
    char *target;     // room for a link's, PATH_MAX bytes
    unsigned links;
    // Something on the way isn't where the kernel looks: it is in /dev instead of the mount, or in the mount
    // instead of /dev. This stays so where a link leads out of both again, since the kernel doesn't find that link.
    bool is_elsewhere;
    bool may_leave;   // what the mount lacks may be in /dev instead
    bool is_as_given; // it begins with the mount's path, which may go through links
    bool as_named;    // links are only read, as realpath(3) does, and not followed by the kernel
};

static struct text done_of(const struct walk *walk)
{
    return (struct text){walk->done, walk->length};
}

static bool set_done(struct walk *walk, struct text path)
{
    if (path.left >= PATH_MAX)
        return false;
    memmove(walk->done, path.at, path.left);
    walk->length = path.left;
    walk->done[walk->length] = 0;
    return true;
}

// MARK: The beginning

// Where a relative path begins. The mapper directory is entered as /dev/mapper: its `..` is /dev.
APART static bool begin_at(struct walk *walk, int directory)
{
    static const char mapper[] = "/dev/mapper";
    struct stat status;
    if (raw_stat(directory, "", &status, AT_EMPTY_PATH) != 0)
        return false;
    switch (directory_of(status.st_dev, status.st_ino)) {
    case mount_root:
        return set_done(walk, (struct text){mount_directory(), mount_directory_length()});
    case mapper_directory:
        walk->is_elsewhere = true;
        return set_done(walk, (struct text){mapper, sizeof mapper - 1});
    case no_directory: break;
    }
    long length = raw_directory_path(directory, walk->done, PATH_MAX);
    if (length <= 0 || length >= PATH_MAX || walk->done[0] != '/')
        return false;
    walk->length = length > 1 ? (size_t)length : 0;
    walk->done[walk->length] = 0;
    return true;
}

static bool begin(struct walk *walk, int directory, struct text path)
{
    struct text rest = path;
    walk->length = 0;
    walk->links = 0;
    walk->is_elsewhere = walk->is_as_given = false;
    if (*path.at != '/' && !begin_at(walk, directory))
        return false;
    if ((walk->is_as_given = take_mount(&rest)))
        set_done(walk, (struct text){path.at, path.left - rest.left});
    walk->rest = (struct text){walk->rest_room + PATH_MAX - rest.left, rest.left};
    memcpy(walk->rest_room + PATH_MAX - rest.left, rest.at, rest.left);
    return true;
}

// MARK: A step

static bool is_mount_itself(struct text done) { return take_mount(&done) && done.left == 0; }

static void step_back(struct walk *walk)
{
    while (walk->length > 0 && walk->done[--walk->length] != '/') {}
    walk->done[walk->length] = 0;
}

static bool step_into(struct walk *walk, struct text name)
{
    if (walk->length + 1 + name.left >= PATH_MAX)
        return false;
    walk->done[walk->length++] = '/';
    memcpy(walk->done + walk->length, name.at, name.left);
    walk->length += name.left;
    walk->done[walk->length] = 0;
    return true;
}

// Puts a link's target before what is still to be walked, which is nothing or begins with a slash.
static bool follow(struct walk *walk, size_t size)
{
    if (++walk->links > most_links || size > PATH_MAX - walk->rest.left)
        return false;
    char *at = walk->rest_room + PATH_MAX - walk->rest.left - size;
    memcpy(at, walk->target, size);
    walk->rest = (struct text){at, walk->rest.left + size};
    if (*at == '/')
        walk->length = 0;
    else
        step_back(walk);
    return true;
}

// Whether the kernel refuses to follow a link, which was walked to, at the end of a path: another user's, in a
// directory where everybody makes some (fs.protected_symlinks). It compares the user of file systems, whom -1
// leaves as it is.
APART static bool is_barred(struct walk *walk)
{
    enum { shared = S_ISVTX | S_IWOTH };
    struct stat status;
    if (raw_stat(AT_FDCWD, walk->done, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    uid_t owner = status.st_uid;
    size_t front = walk->length;
    while (front > 0 && walk->done[front - 1] != '/')
        front--;
    char first = walk->done[front];
    walk->done[front] = 0;
    bool is_known = raw_stat(AT_FDCWD, walk->done, &status, 0) == 0;
    walk->done[front] = first;
    return is_known && (status.st_mode & shared) == shared && status.st_uid != owner &&
           (uid_t)syscall(SYS_setfsuid, -1) != owner && links_are_protected();
}

// The same name on the other side, if it is there: /dev has the mount's names, and the mount those of
// /dev. `rest` begins with a slash.
APART static bool cross(struct walk *walk)
{
    static const char dev[] = "/dev";
    struct text rest = done_of(walk), front = {dev, sizeof dev - 1};
    if (!take_mount(&rest)) {
        if (!take(&rest, "/dev/"))
            return false;
        rest.at--;
        rest.left++;
        front = (struct text){mount_directory(), mount_directory_length()};
    } else if (!walk->may_leave) {
        return false;
    }
    if (rest.left == 0 || front.left + rest.left >= PATH_MAX)
        return false;
    memcpy(walk->target, front.at, front.left);
    memcpy(walk->target + front.left, rest.at, rest.left);
    walk->target[front.left + rest.left] = 0;
    char byte;
    if (raw_readlink(walk->target, &byte, 1) < 0 && errno != EINVAL)
        return false;
    walk->is_elsewhere = true;
    return set_done(walk, (struct text){walk->target, front.left + rest.left});
}

enum step { goes_on, ends, fails };

// A name that isn't the mount's by its text.
static enum step step_plain(struct walk *walk, bool stays)
{
    struct text done = done_of(walk);
    if (take(&done, "/proc/")) // links that lead where no path does
        return fails;
    long size = raw_readlink(walk->done, walk->target, PATH_MAX);
    if (size < 0 && errno == ENOENT && cross(walk))
        size = raw_readlink(walk->done, walk->target, PATH_MAX);
    if (size < 0)
        return errno == EINVAL ? goes_on : ends;
    if (stays)
        return ends;
    struct text rest = walk->rest;
    take_any(&rest, "/");
    if (rest.left == 0 && !walk->as_named && is_barred(walk))
        return fails;
    return size > 0 && size < PATH_MAX && follow(walk, (size_t)size) ? goes_on : fails;
}

// `stays`: a link would be meant itself.
static enum step step(struct walk *walk, struct text name, bool stays)
{
    if (is_text(name, "."))
        return goes_on;
    if (is_text(name, "..")) {
        if (walk->is_as_given && is_mount_itself(done_of(walk)))
            return fails;
        step_back(walk);
        return goes_on;
    }
    if (!step_into(walk, name))
        return fails;
    struct text name_of_number;
    switch (place_of(done_of(walk))) {
    case place_of_ours:
        walk->is_elsewhere = true;
        return goes_on;
    case place_of_node: return ends;
    case place_of_number:
        if (stays)
            return ends;
        name_of_number = path_by_number(done_of(walk), walk->target);
        if (name_of_number.left == 0)
            return step_plain(walk, stays);
        walk->is_elsewhere = true;
        return set_done(walk, name_of_number) ? goes_on : fails;
    case no_place: break;
    }
    return step_plain(walk, stays);
}

static bool run(struct walk *walk, unsigned how)
{
    for (;;) {
        struct text rest = walk->rest;
        take_any(&rest, "/");
        if (rest.left == 0)
            return true;
        struct text name = {rest.at, 0};
        for (; rest.left > 0 && *rest.at != '/'; rest.at++, rest.left--)
            name.left++;
        walk->rest = rest;
        switch (step(walk, name, how & itself && rest.left == 0)) {
        case goes_on: break;
        case ends: return true;
        case fails: return false;
        }
    }
}

// MARK: The end

// What was walked and what wasn't, as one path.
static bool finish(struct walk *walk)
{
    if (walk->length + walk->rest.left >= PATH_MAX)
        return false;
    memcpy(walk->done + walk->length, walk->rest.at, walk->rest.left);
    walk->length += walk->rest.left;
    if (walk->length == 0)
        walk->done[walk->length++] = '/';
    walk->done[walk->length] = 0;
    return true;
}

enum walked walk_to(int directory, unsigned how, struct path *meant, bool as_named)
{
    char *room = borrow();
    if (!room)
        return walked_nowhere;
    struct walk walk = {.done = room, .rest_room = room + PATH_MAX, .target = room + 2 * PATH_MAX};
    walk.may_leave = !(how & alters);
    walk.as_named = as_named;
    const char *given = meant->bytes;
    size_t length = meant->length;
    int saved = errno;
    enum walked result = walked_elsewhere;
    if (begin(&walk, directory, (struct text){given, length}) &&
        run(&walk, how) && finish(&walk)) {
        meant->bytes = walk.done;
        meant->length = walk.length;
        result = as_named ? (keep(meant) ? walked_ours : walked_nowhere)
                          : lead_walked(meant, how, walk.is_elsewhere);
    }
    errno = result == walked_nowhere ? ENOMEM : saved;
    if (result != walked_ours) {
        meant->bytes = given;
        meant->length = length;
    }
    give_back(room);
    return result;
}
