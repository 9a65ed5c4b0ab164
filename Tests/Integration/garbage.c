// garbage DIR: what no honest client sends. The daemon must answer each with an error or hang up, and
// serve others as if nothing had been.
#include "client.h"

static const char *directory;

// Sends bytes as a client's first, and reads until the daemon hangs up or has nothing to say.
static void speak(const void *bytes, size_t size)
{
    int fd = client_connect(directory);
    char answer[4096];
    (void)!send(fd, bytes, size, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    while (read(fd, answer, sizeof answer) > 0) {}
    close(fd);
}

static int greeted(void)
{
    int fd = client_connect(directory);
    if (client_hello(fd, "/dev")) {
        printf("no hello\n");
        exit(1);
    }
    return fd;
}

// A request whose size says `told`, with `sent` bytes behind it; then gone.
static void lie(uint32_t number, uint32_t told, const void *bytes, size_t sent)
{
    int fd = greeted();
    uint32_t head[2] = {number, told};
    char answer[4096];
    (void)!send(fd, head, sizeof head, MSG_NOSIGNAL);
    (void)!send(fd, bytes, sent, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    while (read(fd, answer, sizeof answer) > 0) {}
    close(fd);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return fprintf(stderr, "usage: garbage DIR\n"), 2;
    directory = argv[1];
    static unsigned char noise[1 << 16];
    srand(1);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (unsigned char)rand();

    // Before the hello, and instead of it.
    for (size_t size = 0; size < 64; size++)
        speak(noise + size, size);
    speak(noise, sizeof noise);
    struct hello hello = {"dmfuse\0\1", 1, 0xffffffff};
    speak(&hello, sizeof hello);
    hello.directory_length = 4096;
    speak(&hello, sizeof hello);
    hello.version = 77, hello.directory_length = 0;
    speak(&hello, sizeof hello);

    // Clients that say nothing and stay.
    int silent[100];
    for (size_t i = 0; i < 100; i++)
        silent[i] = client_connect(directory);

    // Sizes that lie, and connections that end in the middle.
    uint32_t sizes[] = {0, 1, 8, 304, 305, 312, 400, 1 << 20, (1u << 30) - 1, 1u << 30, 0xffffffff};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t sent = 0; sent <= 400; sent += 100)
            lie((uint32_t)DM_TABLE_LOAD, sizes[i], noise, sent);

    // Arguments in proper frames, with nonsense in every field, for every number.
    for (int round = 0; round < 200; round++)
        for (unsigned number = 0; number < 20; number++) {
            int fd = greeted();
            char bytes[1024];
            size_t size = sizeof bytes - (size_t)(rand() % 700);
            memcpy(bytes, noise + rand() % 60000, sizeof bytes);
            struct dm_ioctl *io = (struct dm_ioctl *)bytes;
            if (round % 4)
                io->version[0] = 4, io->version[1] = 0;
            if (round % 2)
                io->data_size = (uint32_t)size, io->data_start = (uint32_t)(rand() % 1200);
            if (round % 3)
                memset(io->name, 0, sizeof io->name), memset(io->uuid, 0, sizeof io->uuid),
                    io->dev = 0, strcpy(io->name, "victim"), io->flags = (uint32_t)rand();
            if (round % 5)
                io->target_count = (uint32_t)(rand() % 5);
            uint32_t head[2] = {0xc138fd00 | number, (uint32_t)size};
            if (number == 1 || number == 8) // would remove other devices, would wait
                continue;
            (void)!send(fd, head, sizeof head, MSG_NOSIGNAL);
            (void)!send(fd, bytes, size, MSG_NOSIGNAL);
            if (round % 7) {
                uint32_t reply[4];
                if (client_read(fd, reply, sizeof reply) && round % 2)
                    return printf("no reply to number %u, round %d\n", number, round), 1;
            }
            close(fd);
        }
    for (size_t i = 0; i < 100; i++)
        close(silent[i]);
    return 0;
}
