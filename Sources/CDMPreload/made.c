// Directories and links that programs make in /dev, as lvm does: they are made in the mount by who may
// make none in /dev, and are found there again, since names that /dev lacks lead there.
#include "preload.h"

// MARK: Where

bool lead_to_made(struct path *meant)
{
    int error = errno;
    struct text rest = {meant->bytes, meant->length};
    bool goes_up;
    if ((error != EACCES && error != EPERM && error != EROFS && error != ENOENT) ||
        !mount_directory() || meant->is_ours || rest.left == 0 || !take_dev(&rest) ||
        (has_hint(rest, &goes_up), goes_up))
        return false;
    meant->is_ours = lead_below_mount(meant, rest);
    errno = error;
    return meant->is_ours;
}

// The result of a call, once more where it is to be done in the mount. What that says is of interest if
// there is something in the way.
#define CALL_MADE(leads, call)                                                                     \
    ({                                                                                             \
        int before = errno, result_of_call = call;                                                 \
        if (result_of_call == -1 && (leads)) {                                                     \
            int error = errno;                                                                     \
            errno = before;                                                                        \
            result_of_call = call;                                                                 \
            if (result_of_call == -1 && (errno == ENOENT || errno == EPERM || errno == ENOTDIR))   \
                errno = error;                                                                     \
        }                                                                                          \
        result_of_call;                                                                            \
    })

// MARK: Directories

EXPORTED int mkdirat(int at, const char *path, mode_t mode)
{
    LEAD_AT(meant, at, path, itself | changes, -1);
    return CALL_MADE(lead_to_made(&meant), NEXT(mkdirat)(at, meant.bytes, mode));
}
EXPORTED int mkdir(const char *path, mode_t mode)
{
    LEAD_AT(meant, AT_FDCWD, path, itself | changes, -1);
    return CALL_MADE(lead_to_made(&meant), NEXT(mkdir)(meant.bytes, mode));
}

// MARK: Links

// What a link in the mount says that was to say /dev/mapper/NAME: the same from where it is, so that it
// leads there for whoever comes by the mount. `at`: the link's path below /dev. Where there is no room
// for that: as it is given.
APART static const char *target_from(struct text at, const char *target, struct path *room)
{
    struct text text = {target, program_text(target)};
    if (text.left == 0 || place_of(text) != place_of_node || !take_dev(&text))
        return target;
    take_any(&text, "/");
    size_t levels = 0;
    while (take_any(&at, "/"), at.left > 0) {
        levels++;
        for (; at.left > 0 && *at.at != '/'; at.at++, at.left--) {}
    }
    size_t size = 3 * levels + text.left;
    char *bytes = size <= PATH_MAX ? room_for(room, size) : NULL;
    if (!bytes)
        return target;
    struct writer writer = {bytes, bytes + size - 1, false};
    while (levels-- > 1)
        put_word(&writer, "../");
    put(&writer, text.at, text.left);
    *writer.at = 0;
    return writer.is_full ? target : bytes;
}

#define SYMLINK(name, parameters, place, ...)                                                      \
    EXPORTED int name parameters                                                                   \
    {                                                                                              \
        LEAD_AT(meant, place, path, itself | changes, -1);                                         \
        __attribute__((cleanup(release))) struct path room;                                        \
        struct text at = {meant.bytes, meant.length};                                              \
        room.mapped = NULL;                                                                        \
        return CALL_MADE(                                                                          \
            lead_to_made(&meant) && take_dev(&at) &&                                               \
                (target = target_from(at, target, &room)),                                         \
            NEXT(name)(__VA_ARGS__));                                                              \
    }
SYMLINK(symlink, (const char *target, const char *path), AT_FDCWD, target, meant.bytes)
SYMLINK(symlinkat, (const char *target, int at_directory, const char *path), at_directory,
        target, at_directory, meant.bytes)
