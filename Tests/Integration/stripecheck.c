// stripecheck IMAGE CHUNK [FILE START]...: IMAGE's bytes stand in the files where device-mapper's
// formula for `striped` puts them, and every other byte of the files is zero. CHUNK and START in
// sectors. With s = sector of the image, C = CHUNK and N = number of files:
//   chunk = s div C; file = chunk mod N; sector there = START + (chunk div N) * C + s mod C
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { sector_size = 512, most_files = 64 };

static unsigned char *map(const char *path, size_t *size)
{
    struct stat status;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &status)) {
        perror(path);
        exit(2);
    }
    *size = (size_t)status.st_size;
    unsigned char *bytes = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) {
        perror(path);
        exit(2);
    }
    close(fd);
    return bytes;
}

int main(int argc, char **argv)
{
    size_t count = (size_t)(argc - 3) / 2, image_size, size[most_files];
    if (argc < 5 || argc % 2 == 0 || count > most_files)
        return fprintf(stderr, "usage: stripecheck IMAGE CHUNK [FILE START]...\n"), 2;
    unsigned char *image = map(argv[1], &image_size), *file[most_files];
    size_t chunk_sectors = strtoull(argv[2], NULL, 10), start[most_files];
    for (size_t i = 0; i < count; i++) {
        file[i] = map(argv[3 + 2 * i], &size[i]);
        start[i] = strtoull(argv[4 + 2 * i], NULL, 10);
    }
    for (size_t at = 0; at < image_size; at++) {
        size_t s = at / sector_size, chunk = s / chunk_sectors, i = chunk % count;
        size_t sector = start[i] + chunk / count * chunk_sectors + s % chunk_sectors;
        size_t there = sector * sector_size + at % sector_size;
        if (there >= size[i] || file[i][there] != image[at])
            return printf("byte %zu is not at byte %zu of %s\n", at, there, argv[3 + 2 * i]), 1;
        file[i][there] = 0; // in our copy: what is left must not be there
    }
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0; at < size[i]; at++)
            if (file[i][at])
                return printf("byte %zu of %s was written\n", at, argv[3 + 2 * i]), 1;
    return 0;
}
