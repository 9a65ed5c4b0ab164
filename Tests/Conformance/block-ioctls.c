// Sends a block device what tools send to one, and prints a line for each ioctl: its errno and the number
// that came back. Runs the same on the kernel and under dmfuse run.
//
//   block-ioctls ask DEVICE         those that ask
//   block-ioctls set DEVICE         those that change something, and what is then asked
//   block-ioctls refused DEVICE     the same without CAP_SYS_ADMIN, CAP_SYS_RAWIO and without writing
#include <errno.h>
#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/blktrace_api.h>
#include <linux/blkzoned.h>
#include <linux/capability.h>
#include <linux/cdrom.h>
#include <linux/fd.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/hdreg.h>
#include <linux/loop.h>
#include <linux/pr.h>
#include <scsi/sg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

// What has no header here, or another one for each C library.
#define HDIO_GETGEO_BIG _IO(0x03, 0x30)
#define SCSI_IOCTL_GET_IDLUN 0x5382
#define SCSI_IOCTL_GET_BUS_NUMBER 0x5386
#define RAID_VERSION _IOR(9, 0x10, int[3])
#define GET_ARRAY_INFO _IOR(9, 0x11, int[18])
#define BIODASDINFO _IOR('D', 1, char[232])
#define NVME_IOCTL_ID _IO('N', 0x40)

static int device;

static const char *name_of(int error)
{
    return error == 0 ? "0" : strerrorname_np(error);
}

// An ioctl with the address of some bytes. Shown: what it answers, and as a number what it wrote.
static void send(const char *name, unsigned long request, const void *given, size_t size, bool shown)
{
    unsigned char bytes[512];
    memset(bytes, 0xee, sizeof bytes);
    memcpy(bytes, given, size);
    int result = ioctl(device, request, bytes);
    printf("%s: %s", name, result < 0 ? name_of(errno) : "0");
    if (result > 0)
        printf(" returned %d", result);
    size_t written = sizeof bytes;
    while (written > size && bytes[written - 1] == 0xee)
        written--;
    if (result >= 0 && shown && written > 0 && written <= 16) {
        printf(" =");
        for (size_t i = 0; i < written; i++)
            printf(" %02x", bytes[i]);
    }
    printf("\n");
}
// An ioctl whose argument is a number.
static void send_number(const char *name, unsigned long request, unsigned long number)
{
    int result = ioctl(device, request, number);
    printf("%s %#lx: %s\n", name, number, result < 0 ? name_of(errno) : "0");
}
static void send_int(const char *name, unsigned long request, int number)
{
    char text[64];
    snprintf(text, sizeof text, "%s %d", name, number);
    send(text, request, &number, sizeof number, false);
}
static void send_range(const char *name, unsigned long request, uint64_t from, uint64_t count)
{
    char text[64];
    uint64_t range[2] = {from, count};
    snprintf(text, sizeof text, "%s %llu %llu", name, (unsigned long long)from,
             (unsigned long long)count);
    send(text, request, range, sizeof range, false);
}

#define ASK(request) send(#request, request, "", 0, true)
// Only whether: the number is another on each machine.
#define WHETHER(request) send(#request, request, "", 0, false)

static void ask(void)
{
    ASK(BLKGETSIZE64);
    ASK(BLKGETSIZE);
    ASK(BLKSSZGET);
    ASK(BLKPBSZGET);
    ASK(BLKBSZGET);
    ASK(BLKIOMIN);
    ASK(BLKIOOPT);
    ASK(BLKALIGNOFF);
    ASK(BLKROGET);
    WHETHER(BLKRAGET);
    WHETHER(BLKFRAGET);
    ASK(BLKSECTGET);
    WHETHER(BLKROTATIONAL);
    ASK(BLKDISCARDZEROES);
    ASK(BLKGETZONESZ);
    ASK(BLKGETNRZONES);
    WHETHER(BLKGETDISKSEQ);
    ASK(HDIO_GETGEO);
    send_number("HDIO_GETGEO", HDIO_GETGEO, 0);
    send_number("BLKSSZGET", BLKSSZGET, 0);
    send_number("BLKRAGET", BLKRAGET, 0);
    send_number("BLKGETSIZE64", BLKGETSIZE64, 8);
    struct blk_zone_report zones = {.nr_zones = 0};
    send("BLKREPORTZONE", BLKREPORTZONE, &zones, sizeof zones, false);
    WHETHER(BLKSECTSET);
    WHETHER(FIBMAP);
    ASK(FIGETBSZ);
    WHETHER(FIONREAD);
    WHETHER(FIOQSIZE);
    WHETHER(FS_IOC_GETFLAGS);
    WHETHER(FS_IOC_FSGETXATTR);
    WHETHER(FS_IOC_GETVERSION);
    struct fiemap map = {.fm_length = 4096};
    send("FS_IOC_FIEMAP", FS_IOC_FIEMAP, &map, sizeof map, false);
    struct fstrim_range trim = {.len = 4096};
    send("FITRIM", FITRIM, &trim, sizeof trim, false);
    WHETHER(TCGETS);
    WHETHER(TIOCGWINSZ);
    WHETHER(HDIO_GET_IDENTITY);
    WHETHER(HDIO_GET_DMA);
    WHETHER(HDIO_GET_UNMASKINTR);
    WHETHER(HDIO_DRIVE_CMD);
    WHETHER(HDIO_GETGEO_BIG);
    send_number("CDROM_GET_CAPABILITY", CDROM_GET_CAPABILITY, 0);
    send_number("CDROM_DRIVE_STATUS", CDROM_DRIVE_STATUS, 0);
    WHETHER(CDROM_LAST_WRITTEN);
    WHETHER(CDROMMULTISESSION);
    WHETHER(CDROMREADTOCHDR);
    WHETHER(CDROMREADTOCENTRY);
    WHETHER(SG_GET_VERSION_NUM);
    struct sg_io_hdr command = {.interface_id = 'S'};
    send("SG_IO", SG_IO, &command, sizeof command, false);
    WHETHER(SCSI_IOCTL_GET_IDLUN);
    WHETHER(SCSI_IOCTL_GET_BUS_NUMBER);
    WHETHER(FDGETPRM);
    WHETHER(RAID_VERSION);
    WHETHER(GET_ARRAY_INFO);
    WHETHER(BIODASDINFO);
    WHETHER(NVME_IOCTL_ID);
    WHETHER(_IO(0x12, 250));
    WHETHER(0x1234);
}

static void set(bool writes)
{
    int sizes[] = {4096, 512, 1024, 2048, 8192, 256, 0, 3000, -1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        send_int("BLKBSZSET", BLKBSZSET, sizes[i]);
        ASK(BLKBSZGET);
    }
    send_number("BLKBSZSET", BLKBSZSET, 0);
    send_number("BLKBSZSET", BLKBSZSET, 8);
    send_number("BLKRASET", BLKRASET, 256);
    send_number("BLKFRASET", BLKFRASET, 256);
    send_number("BLKRRPART", BLKRRPART, 0);
    struct blkpg_partition part = {.start = 4096, .length = 4096, .pno = 1};
    struct blkpg_ioctl_arg change = {.op = BLKPG_ADD_PARTITION, .datalen = sizeof part, .data = &part};
    send("BLKPG add", BLKPG, &change, sizeof change, false);
    change.op = BLKPG_DEL_PARTITION;
    send("BLKPG delete", BLKPG, &change, sizeof change, false);
    change.op = BLKPG_RESIZE_PARTITION;
    send("BLKPG resize", BLKPG, &change, sizeof change, false);
    change.op = 77;
    send("BLKPG 77", BLKPG, &change, sizeof change, false);
    send_number("BLKPG", BLKPG, 8);
    struct blk_zone_range zones = {0, 8};
    send("BLKRESETZONE", BLKRESETZONE, &zones, sizeof zones, false);
    send("BLKOPENZONE", BLKOPENZONE, &zones, sizeof zones, false);
    send("BLKCLOSEZONE", BLKCLOSEZONE, &zones, sizeof zones, false);
    send("BLKFINISHZONE", BLKFINISHZONE, &zones, sizeof zones, false);
    send_number("BLKFLSBUF", BLKFLSBUF, 0);
    send_range("BLKDISCARD", BLKDISCARD, 0, 4096);
    send_range("BLKDISCARD", BLKDISCARD, 4096, 0);
    send_range("BLKDISCARD", BLKDISCARD, 100, 4096);
    send_number("BLKDISCARD", BLKDISCARD, 8);
    send_range("BLKSECDISCARD", BLKSECDISCARD, 0, 4096);
    send_range("BLKSECDISCARD", BLKSECDISCARD, 100, 4096);
    send_number("BLKSECDISCARD", BLKSECDISCARD, 8);
    send_range("BLKZEROOUT", BLKZEROOUT, 0, 4096);
    send_range("BLKZEROOUT", BLKZEROOUT, 4096, 0);
    send_range("BLKZEROOUT", BLKZEROOUT, 100, 4096);
    send_range("BLKZEROOUT", BLKZEROOUT, 0, -512ULL);
    send_number("BLKZEROOUT", BLKZEROOUT, 8);
    send_number("BLKTRACESTART", BLKTRACESTART, 0);
    send_number("BLKTRACESTOP", BLKTRACESTOP, 0);
    send_number("BLKTRACETEARDOWN", BLKTRACETEARDOWN, 0);
    send_number("BLKTRACESETUP", BLKTRACESETUP, 8);
    struct pr_registration key = {.new_key = 1};
    struct pr_reservation reservation = {.key = 1, .type = PR_WRITE_EXCLUSIVE};
    struct pr_preempt preempt = {.old_key = 1};
    struct pr_clear clear = {.key = 1};
    send("IOC_PR_REGISTER", IOC_PR_REGISTER, &key, sizeof key, false);
    send("IOC_PR_RESERVE", IOC_PR_RESERVE, &reservation, sizeof reservation, false);
    send("IOC_PR_RELEASE", IOC_PR_RELEASE, &reservation, sizeof reservation, false);
    send("IOC_PR_PREEMPT", IOC_PR_PREEMPT, &preempt, sizeof preempt, false);
    send("IOC_PR_CLEAR", IOC_PR_CLEAR, &clear, sizeof clear, false);
    send_number("CDROMEJECT", CDROMEJECT, 0);
    send_number("CDROM_LOCKDOOR", CDROM_LOCKDOOR, 0);
    int zero = 0;
    send("FIFREEZE", FIFREEZE, &zero, sizeof zero, false);
    send("FITHAW", FITHAW, &zero, sizeof zero, false);
    send("FS_IOC_SETFLAGS", FS_IOC_SETFLAGS, &zero, sizeof zero, false);
    // The device is read-only until it is set back, for whoever writes.
    send_number("BLKROSET", BLKROSET, 8);
    send_int("BLKROSET", BLKROSET, 1);
    ASK(BLKROGET);
    if (writes)
        printf("write: %s\n", name_of(pwrite(device, "x", 1, 0) < 0 ? errno : 0));
    if (writes)
        send_range("BLKZEROOUT", BLKZEROOUT, 0, 4096);
    if (writes)
        send_range("BLKDISCARD", BLKDISCARD, 0, 4096);
    send_int("BLKROSET", BLKROSET, 0);
    ASK(BLKROGET);
    if (writes)
        printf("write: %s\n", name_of(pwrite(device, "x", 1, 0) < 0 ? errno : 0));
}

static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct sets[2];
    if (syscall(SYS_capget, &header, sets) != 0)
        return -1;
    sets[0].effective &= ~(1u << CAP_SYS_ADMIN | 1u << CAP_SYS_RAWIO);
    return (int)syscall(SYS_capset, &header, sets);
}

int main(int count, char **words)
{
    bool refused = count == 3 && strcmp(words[1], "refused") == 0;
    if (count != 3)
        return 2;
    device = open(words[2], (refused ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (device < 0 || (refused && drop_capabilities() != 0))
        return perror(words[2]), 1;
    if (strcmp(words[1], "ask") == 0)
        ask();
    else
        set(!refused);
    return 0;
}
