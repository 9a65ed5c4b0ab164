// What the library has to say to people: to the file that `dmfuse run --reasons` names, and where an errno
// alone leaves them without help, to standard error.
#include "preload.h"

void append_reason(const char *line, size_t size)
{
    if (!reasons_file())
        return;
    // A pipe without a reader doesn't hold us.
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    int file = raw_open(reasons_file(), flags);
    if (file < 0)
        return;
    raw_write(file, line, size);
    raw_close(file);
}

// Nothing in a line can pass for another line, or command a terminal: \x and two digits instead.
void put_printable(struct writer *writer, char byte)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char value = (unsigned char)byte;
    if (value < ' ' || value == 0x7f)
        put(writer, (char[]){'\\', 'x', digits[value >> 4], digits[value & 15]}, 4);
    else
        put(writer, &byte, 1);
}

// Standard error when the library was loaded; `was_open`: there was one.
static struct stat first_error;
static bool was_open;

void remember_standard_error(void)
{
    was_open = raw_stat(STDERR_FILENO, "", &first_error, AT_EMPTY_PATH) == 0;
}

// A program that closed it may have a file or a device of its own under that number.
APART static bool is_standard_error(void)
{
    struct stat now;
    return was_open && raw_stat(STDERR_FILENO, "", &now, AT_EMPTY_PATH) == 0 &&
           now.st_dev == first_error.st_dev && now.st_ino == first_error.st_ino;
}

APART void say(struct text about, const char *words)
{
    static const char front[] = "dmfuse: ";
    char line[384];
    int saved = errno;
    struct writer writer = {line, line + sizeof line - strlen(words) - 2, false};
    put_word(&writer, front);
    while (about.left > 0 && !writer.is_full) {
        put_printable(&writer, *about.at++);
        about.left--;
    }
    writer = (struct writer){writer.at, line + sizeof line, false};
    put_word(&writer, ": ");
    put_word(&writer, words);
    size_t size = (size_t)(writer.at - line);
    append_reason(line + sizeof front - 1, size - (sizeof front - 1));
    if (is_standard_error())
        raw_write(STDERR_FILENO, line, size);
    errno = saved;
}
