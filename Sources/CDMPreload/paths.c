// Which paths are the mount's, and where they lead.
#include "preload.h"

// MARK: Names

bool take_name(struct text *text, const char *name)
{
    struct text rest = *text;
    do
        take_any(&rest, "/");
    while (take(&rest, "./"));
    if (!take(&rest, name) || (rest.left > 0 && *rest.at != '/'))
        return false;
    *text = rest;
    return true;
}

bool take_dev(struct text *text)
{
    return text->left > 0 && *text->at == '/' && take_name(text, "dev");
}

static bool is_device_file(struct text text)
{
    unsigned minor;
    do
        take_any(&text, "/");
    while (take(&text, "./"));
    return take(&text, "dm-") && take_number(&text, &minor) && text.left == 0;
}

bool take_mount(struct text *text)
{
    size_t length = mount_directory_length();
    if (text->left < length || memcmp(text->at, mount_directory(), length) != 0 ||
        (text->left > length && text->at[length] != '/'))
        return false;
    text->at += length;
    text->left -= length;
    return true;
}

bool is_near(struct text path)
{
    return take_mount(&path) || take_dev(&path);
}

// What follows the mapper directory in a path, after `lead_at`; empty: nothing.
static struct text mapper_entry(const struct path *path)
{
    struct text rest = {path->bytes, path->length};
    if (!mount_directory() || !take_mount(&rest) || !take_name(&rest, "mapper"))
        return (struct text){NULL, 0};
    take_any(&rest, "/");
    return rest;
}

bool is_in_mapper(const struct path *path) { return mapper_entry(path).left > 0; }

// MARK: By its text

enum place place_of(struct text path)
{
    struct text rest = path, number;
    unsigned major, minor;
    bool is_mount = take_mount(&rest);
    if (!is_mount && !take_dev(&rest))
        return no_place;
    if (is_mount && rest.left == 0)
        return place_of_ours;
    if (is_device_file(rest))
        return place_of_node;
    number = rest;
    if (is_mount || take_name(&number, "block")) {
        if (!is_mount && number.left == 0)
            return place_of_ours;
        if (take_device_number(&number, &major, &minor))
            return place_of_number;
    }
    if (!take_name(&rest, "mapper"))
        return no_place;
    take_any(&rest, "/");
    return rest.left == 0 ? place_of_ours : place_of_node;
}

static enum walked lead_by_text(struct path *path, unsigned how)
{
    struct text text = {path->bytes, path->length}, rest;
    bool is_mount = take_mount(&text);
    if (!is_mount && !take_dev(&text))
        return sysfs_lead(path);
    unsigned major, minor;
    rest = text;
    if (is_mount ? take_device_number(&rest, &major, &minor) : take_name(&rest, "block"))
        return lead_by_number(path, how, is_mount ? text : rest);
    rest = text;
    if (!take_name(&rest, "mapper") && !is_device_file(text) && (!is_mount || text.left > 0))
        return walked_elsewhere;
    find_mount_device(); // it may have been mounted anew
    return is_mount || lead_below_mount(path, text) ? walked_ours : walked_nowhere;
}

enum walked lead_walked(struct path *path, unsigned how, bool is_ours)
{
    const char *walked = path->bytes;
    enum walked result = lead_by_text(path, how);
    if (result == walked_elsewhere && is_ours)
        result = walked_ours;
    if (result == walked_ours && path->bytes == walked && !keep(path))
        result = walked_nowhere;
    return result;
}

// MARK: lead_at

static bool is_device_number(struct text name)
{
    unsigned number;
    return take_number(&name, &number) && take(&name, ":") && take_number(&name, &number) &&
           name.left == 0;
}

// A component that the mount's paths have, so that the path may lead there by whatever begins it; and
// whether it has one that is `..`.
bool has_hint(struct text text, bool *goes_up)
{
    bool has = false;
    *goes_up = false;
    while (take_any(&text, "/"), text.left > 0) {
        struct text name = {text.at, 0};
        for (; text.left > 0 && *text.at != '/'; text.at++, text.left--)
            name.left++;
        switch (*name.at) {
        case 'm': has = has || is_text(name, "mapper"); break;
        case 'b': has = has || is_text(name, "block"); break;
        case 'd': has = has || take(&name, "dm-"); break;
        case '.': *goes_up = *goes_up || is_text(name, ".."); break;
        default: has = has || is_device_number(name); break;
        }
    }
    return has;
}

APART static bool is_mapper(int directory)
{
    struct stat status;
    int saved = errno;
    bool is = raw_stat(directory, "", &status, AT_EMPTY_PATH) == 0 &&
              directory_of(status.st_dev, status.st_ino) == mapper_directory;
    errno = saved;
    return is;
}

// Whether it is of the file system of /dev, or of the mount.
APART static bool is_in_dev(int directory)
{
    struct stat status, dev;
    int saved = errno;
    bool is = raw_stat(directory, "", &status, AT_EMPTY_PATH) == 0 && major(status.st_dev) == 0 &&
              (directory_of(status.st_dev, status.st_ino) != no_directory ||
               (raw_stat(AT_FDCWD, "/dev", &dev, 0) == 0 && status.st_dev == dev.st_dev));
    errno = saved;
    return is;
}

// Whether it is to be walked before the kernel sees it. What changes names must not change those of the
// machine's own /dev.
static bool is_to_be_walked(int directory, const struct path *path, unsigned how)
{
    struct text text = {path->bytes, path->length}, rest = text;
    bool goes_up, is_absolute = *text.at == '/';
    if (is_absolute && (take(&rest, "/sys/") || take(&rest, "/proc/")))
        return false;
    if (has_hint(text, &goes_up) || (goes_up && is_near(text)))
        return true;
    if (goes_up && !is_absolute && is_mapper(directory))
        return true;
    if (!(how & changes))
        return false;
    return take_mount(&rest) ||
           ((!(how & itself) || memchr(text.at, '/', text.left)) &&
            raw_has_links(directory, path->bytes, how & itself ? O_NOFOLLOW : 0));
}

bool lead_at(int directory, const char *path, unsigned how, struct path *meant)
{
    meant->bytes = path;
    meant->length = 0;
    meant->mapped = NULL;
    meant->is_ours = meant->is_number = meant->is_numbers = false;
    meant->is_sysfs = false;
    meant->link = NULL;
    if (!mount_directory())
        return true;
    meant->length = program_text(path);
    if (meant->length == 0)
        return true;
    bool goes_up;
    enum walked walked = walked_elsewhere;
    struct text text = {path, meant->length};
    if (is_near(text) && !(has_hint(text, &goes_up), goes_up))
        walked = lead_by_text(meant, how);
    else if (*path == '/' && (walked = sysfs_lead(meant)) == walked_elsewhere)
        walked = file_system_lead(meant);
    if (walked == walked_elsewhere && is_to_be_walked(directory, meant, how))
        walked = walk_to(directory, how, meant, false);
    meant->is_ours = walked == walked_ours;
    return walked != walked_nowhere;
}

APART bool lead_from_node(int directory, struct path *meant)
{
    struct stat status;
    char name[16];
    int saved = errno;
    bool is_there = raw_stat(directory, meant->bytes, &status, 0) == 0;
    errno = saved;
    if (!is_there || !S_ISBLK(status.st_mode) || major(status.st_rdev) != mapped_major())
        return false;
    struct writer writer = {name, name + sizeof name, false};
    put_word(&writer, "/dm-");
    put_number(&writer, minor(status.st_rdev));
    return lead_below_mount(meant, (struct text){name, (size_t)(writer.at - name)});
}

bool lead_from_mapper(int directory, unsigned how, struct path *meant)
{
    int saved = errno;
    if (meant->length == 0 || meant->is_ours || *meant->bytes == '/' || !is_mapper(directory))
        return false;
    meant->is_ours = walk_to(directory, how, meant, false) == walked_ours;
    errno = saved;
    return meant->is_ours;
}

bool lead_after(int directory, unsigned how, struct path *meant)
{
    int error = errno;
    // The kernel knows no device of that number.
    if (error == ENXIO && meant->length > 0 && !meant->is_ours &&
        lead_from_node(directory, meant)) {
        errno = error;
        return meant->is_ours = true;
    }
    // As the mount refuses what is done to nodes.
    if (error == EPERM || error == EEXIST || error == EOPNOTSUPP)
        return lead_from_mapper(directory, how, meant);
    if ((error != ENOENT && error != ENOTDIR && error != ENXIO && error != ELOOP) ||
        meant->length == 0 || meant->is_ours)
        return false;
    struct text text = {meant->bytes, meant->length}, rest = text;
    // Below a relative "dev", too: it may begin at "/".
    bool is_likely = is_near(text) || take_name(&rest, "dev") || (*text.at != '/' && is_in_dev(directory)) ||
                     raw_has_links(directory, meant->bytes, how & itself ? O_NOFOLLOW : 0);
    meant->is_ours = is_likely && walk_to(directory, how, meant, false) == walked_ours;
    errno = error;
    return meant->is_ours;
}

// Whether a file is the mount's control socket.
APART static bool is_own_socket(const struct stat *meant)
{
    __attribute__((cleanup(release))) struct path socket;
    struct stat ours;
    return below_mount("/mapper/control", &socket) &&
           raw_stat(AT_FDCWD, socket.bytes, &ours, 0) == 0 && meant->st_dev == ours.st_dev &&
           meant->st_ino == ours.st_ino;
}

bool is_control(int at, const struct path *path)
{
    static const char name[] = "control";
    const size_t own = sizeof name - 1;
    if (!mount_directory() || path->length < own ||
        memcmp(path->bytes + path->length - own, name, own) != 0 ||
        (path->length > own && path->bytes[path->length - own - 1] != '/'))
        return false;
    int saved = errno;
    struct stat meant;
    bool is = raw_stat(at, path->bytes, &meant, 0) == 0 &&
              (S_ISCHR(meant.st_mode) // a node that somebody made
                   ? meant.st_rdev == makedev(control_major, control_minor)
                   : S_ISSOCK(meant.st_mode) && is_own_socket(&meant));
    errno = saved;
    return is;
}
