// Where the bytes of a path are that isn't the program's own.
#include "preload.h"

void release(struct path *path)
{
    if (path->mapped)
        unmap(path->mapped, PATH_MAX);
    path->mapped = NULL;
}

char *room_for(struct path *path, size_t size)
{
    if (size <= sizeof path->own)
        return path->own;
    if (!path->mapped)
        path->mapped = map(PATH_MAX);
    return path->mapped;
}

// What the kernel answers with ENAMETOOLONG.
static const char too_long[PATH_MAX + 1] = {[0] = '/', [1 ... PATH_MAX - 1] = 'x'};

// Each run of slashes in `rest` becomes one, so that what was a path stays one: the mount's directory is
// longer than /dev.
bool lead_below_mount(struct path *made, struct text rest)
{
    const char *front = mount_directory();
    size_t front_length = mount_directory_length();
    size_t size = front_length + rest.left + 1;
    if (size > PATH_MAX)
        size = PATH_MAX;
    char *room = room_for(made, size);
    if (!room)
        return false;
    struct writer writer = {room, room + size - 1, false};
    put(&writer, front, front_length);
    for (size_t i = 0; i < rest.left && !writer.is_full; i++) {
        char byte = rest.at[i];
        if (byte != '/' || writer.at == room || writer.at[-1] != '/')
            put(&writer, &byte, 1);
    }
    *writer.at = 0;
    made->bytes = writer.is_full ? too_long : room;
    made->length = writer.is_full ? 0 : (size_t)(writer.at - room);
    return true;
}

bool keep(struct path *path)
{
    const char *bytes = path->bytes;
    char *room = room_for(path, path->length + 1);
    if (!room)
        return false;
    memmove(room, bytes, path->length);
    room[path->length] = 0;
    path->bytes = room;
    return true;
}

bool below_mount(const char *rest, struct path *made)
{
    made->mapped = NULL;
    return lead_below_mount(made, (struct text){rest, strlen(rest)});
}
