// What libdmfuse-preload should make of paths and texts, as simply as it can be said: with the C
// library's functions, and as much memory as it takes. Knows nothing of the library's own code.
#ifndef DMFUSE_MODEL_H
#define DMFUSE_MODEL_H

#include <stdbool.h>
#include <stddef.h>

// The world in which both run.
struct world {
    char directory[5000]; // the mount's
    unsigned major;
    unsigned seed; // decides which files there are
};
extern struct world world;

enum { longest_link = 4095 };
// A file's number, 0: it isn't there. Of three, one is a socket's: 3.
unsigned file_at(const char *path);
// The target of a link; -1: there is none. Without a NUL.
long link_at(const char *path, char *target);
// Whether a path, which is there, is another user's; whether it is a directory in which everybody makes links.
bool is_of_another(const char *path), is_shared(const char *path);
// The directory of relative paths: absolute; NULL: it has none. And whether it is the mount, or its mapper
// directory, by whatever path.
const char *base_path(void);
bool base_is_mount(void), base_is_mapper(void);
bool base_is_of_dev(void); // of its file system
// Whether a path has links, as the kernel would say.
bool links_in(const char *path, bool in_the_end);

// Sorts of answers. All but the first: it is the mount's.
enum led { not_ours, as_it_came, led_to, too_long_to_lead };
// Where an absolute path leads by its text; `is_found`: to whom links by number are there. `meant` is set for `led_to`, and has room for 20000 bytes.
enum led model_by_text(const char *path, bool is_found, char *meant);
// The same with what its links lead to, before a call and after it has failed (model-walk.c). `itself`:
// a link in the end is meant itself; `changes`: the call may make a new name; `asks`: it only asks;
// `alters`: it removes or alters a file; `is_refused`: it failed as the mount refuses, and not because the
// name led nowhere.
enum led model_lead(const char *path, bool itself, bool changes, bool asks, bool alters,
                    char *meant);
enum led model_lead_after(const char *path, bool is_refused, bool itself, bool asks, bool alters,
                          char *meant);
// Whether a name is MAJOR:MINOR, whatever slashes are before it.
bool model_is_number(const char *name, unsigned *major, unsigned *minor);
// What a path is: a 'd'irectory or 'n'ode of the mount's, a 'l'ink by number; 0. `end`: that leads to.
char model_place(const char *path, char *end);
bool model_is_in_mapper(const char *path);
bool model_is_control(const char *path);
// What the path that was led last is a link to in sysfs, without its last name; NULL: it is none.
extern const char *model_link;
// /proc/devices with our line.
void model_devices(const char *text, size_t size, char *made, size_t *made_size);

#endif
