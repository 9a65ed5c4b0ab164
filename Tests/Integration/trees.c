// Ways of the C library's own to find files, and to open one for a child.
//
//   trees glob PATTERN       the names
//   trees ftw|nftw|depth|physical PATH
//                            "TYPE LEVEL NAME" a line; depth: FTW_DEPTH, physical: FTW_PHYS
//   trees spawn PATH         a child's standard input is PATH: it prints that
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

extern char **environ;

static void say(const char *name, const struct stat *status, int type, int level, int base)
{
    static const char types[] = {[FTW_F] = 'f', [FTW_D] = 'd', [FTW_DNR] = 'r', [FTW_NS] = 'n',
                                 [FTW_SL] = 'l', [FTW_DP] = 'p', [FTW_SLN] = 'm'};
    char kind = S_ISBLK(status->st_mode) ? 'b' : S_ISCHR(status->st_mode) ? 'c' : '-';
    printf("%c%c %d %s %s\n", types[type], type == FTW_NS ? '-' : kind, level, name, name + base);
}
static int visit(const char *name, const struct stat *status, int type, struct FTW *place)
{
    say(name, status, type, place->level, place->base);
    return 0;
}
static int visit_old(const char *name, const struct stat *status, int type)
{
    say(name, status, type, 0, 0);
    return 0;
}

int main(int count, char **arguments)
{
    if (count != 3)
        return 2;
    const char *how = arguments[1], *path = arguments[2];
    if (strcmp(how, "glob") == 0) {
        glob_t found = {0};
        int error = glob(path, 0, NULL, &found);
        for (size_t i = 0; i < found.gl_pathc; i++)
            puts(found.gl_pathv[i]);
        globfree(&found);
        return error;
    }
    if (strcmp(how, "ftw") == 0)
        return ftw(path, visit_old, 8);
    if (strcmp(how, "nftw") == 0)
        return nftw(path, visit, 8, 0);
    if (strcmp(how, "depth") == 0)
        return nftw(path, visit, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    if (strcmp(how, "physical") == 0)
        return nftw(path, visit, 8, FTW_PHYS);
    posix_spawn_file_actions_t actions;
    pid_t child;
    int status;
    char *command[] = {"cat", NULL};
    if (posix_spawn_file_actions_init(&actions) != 0 ||
        posix_spawn_file_actions_addopen(&actions, 0, path, O_RDONLY, 0) != 0 ||
        posix_spawnp(&child, "cat", &actions, NULL, command, environ) != 0 ||
        waitpid(child, &status, 0) != child)
        return 1;
    return status;
}
