// Which directories show what the kernel doesn't have there: a table, a line each. How it is shown is
// streams.c (`readdir`) and getdents.c.
#include "preload.h"

#include <dirent.h>

static bool is_device_name(struct text name, unsigned *minor)
{
    return take(&name, "dm-") && take_number(&name, minor) && name.left == 0;
}

// MARK: What is hidden, what is shown

static bool is_block_name(struct text name)
{
    unsigned minor;
    return is_device_name(name, &minor);
}

static bool is_of_dev(struct text name)
{
    return is_text(name, "mapper") || is_block_name(name);
}

static bool is_no_dot(struct text name) { return !is_text(name, ".") && !is_text(name, ".."); }

static bool is_of_mapped_major(struct text name)
{
    unsigned major;
    return take_number(&name, &major) && major == mapped_major() && take(&name, ":");
}

// Shows a name as it is, if it is one to be shown.
static bool show_if(
    bool is, struct text name, unsigned char its_type, struct writer *shown, unsigned char *type)
{
    if (!is)
        return false;
    put(shown, name.at, name.left);
    *type = its_type;
    return true;
}

static bool show_in_dev(struct text name, struct writer *shown, unsigned char *type)
{
    return show_if(is_of_dev(name), name, is_text(name, "mapper") ? DT_DIR : DT_BLK, shown, type);
}

static bool show_in_mapper(struct text name, struct writer *shown, unsigned char *type)
{
    return show_if(is_no_dot(name), name, is_text(name, "control") ? DT_CHR : DT_BLK, shown, type);
}

// The links that udev would make.
static bool show_by_number(struct text name, struct writer *shown, unsigned char *type)
{
    unsigned minor;
    if (!is_device_name(name, &minor))
        return false;
    put_number(shown, mapped_major());
    put(shown, ":", 1);
    put_number(shown, minor);
    *type = DT_LNK;
    return true;
}

static bool hide_nothing(struct text name)
{
    (void)name;
    return false;
}

static bool show_link(struct text name, struct writer *shown, unsigned char *type)
{
    return show_if(is_block_name(name), name, DT_LNK, shown, type);
}

static bool show_directory(struct text name, struct writer *shown, unsigned char *type)
{
    return show_if(is_block_name(name), name, DT_DIR, shown, type);
}

// MARK: The table

const struct listing listing_of_numbers = {"/dev/block", "", is_no_dot, show_by_number, false};

static const struct listing mount_itself = {NULL, "", NULL, show_in_dev, false};
static const struct listing mount_mapper = {NULL, "/mapper", NULL, show_in_mapper, false};
static const struct listing of_machine[] = {
    {"/dev", "", is_of_dev, show_in_dev, false},
    {"/dev/block", "", is_of_mapped_major, show_by_number, false},
    {"/sys/block", "/block", is_block_name, show_link, true},
    {"/sys/class/block", "/block", is_block_name, show_link, true},
    {"/sys/dev/block", "/block", is_of_mapped_major, show_by_number, true},
    {"/sys/devices/virtual/block", "/block", is_block_name, show_directory, true},
};
static const struct listing of_holders = {"", NULL, hide_nothing, show_link, true};

// The path of an open directory that the kernel knows: the names by which it was opened may be many.
// Empty: it doesn't fit.
static struct text path_of(int fd, char *room, size_t size)
{
    long length = raw_directory_path(fd, room, size);
    return (struct text){room, length > 0 && length < (long)size ? (size_t)length : 0};
}
enum { longest_path = 256 }; // a device's in sysfs is shorter

APART static const struct listing *listing_at(int fd)
{
    enum { count = sizeof of_machine / sizeof of_machine[0] };
    char path[longest_path];
    struct text text = path_of(fd, path, sizeof path);
    for (const struct listing *listing = of_machine; listing < of_machine + count; listing++) {
        if (is_text(text, listing->machine))
            return listing;
    }
    return sysfs_holders(text, NULL) ? &of_holders : NULL;
}

bool listing_rest(const struct listing *listing, int fd, struct path *made)
{
    made->mapped = NULL;
    if (listing->rest)
        return below_mount(listing->rest, made);
    char path[longest_path];
    return sysfs_holders(path_of(fd, path, sizeof path), made);
}

const struct listing *listing_of(int fd)
{
    struct stat status;
    const struct listing *found = NULL;
    int saved = errno;
    // None of these file systems has a device of its own.
    if (mount_directory() && fd >= 0 && raw_stat(fd, "", &status, AT_EMPTY_PATH) == 0 &&
        S_ISDIR(status.st_mode) && major(status.st_dev) == 0) {
        switch (directory_of(status.st_dev, status.st_ino)) {
        case mount_root: found = &mount_itself; break;
        case mapper_directory: found = &mount_mapper; break;
        case no_directory: found = listing_at(fd); break;
        }
    }
    errno = saved;
    return found;
}
