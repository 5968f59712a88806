/* The ceiling: what blit's system calls cost in C, by as many processes, without a plan or a promise.
 *
 *   cc -O2 -o limit limit.c && ./limit copy|unchanged|checksum PROCESSES SOURCE TARGET
 *
 * Folders lie in a queue that all processes share; each takes one, lists it, and does to every file in
 * it what blit's workers do: the same calls in the same order, nothing more. Only folders and regular
 * files, as the benchmark's trees have them; any error ends it with exit code 1.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { MOST_FOLDERS = 1 << 20, LONGEST = 256, CHUNK = 1 << 20 };

struct shared {
    atomic_uint head, tail, pending;
    atomic_int failed;
    char folder[MOST_FOLDERS][LONGEST]; /* below both roots; pages that nobody touches cost nothing */
};

static struct shared *all;
static int source, target;
static char *ours, *theirs;

static void fail(const char *what, const char *name)
{
    fprintf(stderr, "limit: %s %s: %s\n", what, name, strerror(errno));
    all->failed = 1;
    _exit(1);
}

static void push(const char *folder, const char *name)
{
    unsigned slot = atomic_fetch_add(&all->tail, 1);
    if (slot >= MOST_FOLDERS || strlen(folder) + strlen(name) + 2 > LONGEST) {
        errno = ENAMETOOLONG;
        fail("push", name);
    }
    atomic_fetch_add(&all->pending, 1);
    /* the first byte comes last: it tells a reader that the whole name is there */
    char *place = all->folder[slot], text[LONGEST];
    snprintf(text, sizeof text, "%s/%s", folder, name);
    strcpy(place + 1, text + 1);
    atomic_thread_fence(memory_order_release);
    *(volatile char *)place = text[0];
}

static int nameless = 1; /* the filesystem has files without a name, which get theirs when they are whole */

static void copy(int from, int to, const char *name, int number)
{
    char temporary[64];
    struct stat info, seen;
    if (fstatat(from, name, &seen, AT_SYMLINK_NOFOLLOW)) /* the scan's */
        fail("stat", name);
    int s = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int d = nameless ? openat(to, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, seen.st_mode & 0777) : -1;
    if (d < 0) {
        nameless = 0;
        snprintf(temporary, sizeof temporary, ".limit-%d-%x", (int)getpid(), number);
        d = openat(to, temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    }
    if (s < 0 || d < 0)
        fail("open", name);
    for (off_t left = seen.st_size; left;) {
        ssize_t moved = copy_file_range(s, NULL, d, NULL, left, 0);
        if (moved <= 0)
            fail("copy", name);
        left -= moved;
    }
    if (fstat(s, &info) || flistxattr(s, NULL, 0) < 0)
        fail("metadata", name);
    if ((!nameless || info.st_mode != seen.st_mode || info.st_mode & 07000) && fchmod(d, info.st_mode & 07777))
        fail("metadata", name);
    struct timespec times[2] = {info.st_atim, info.st_mtim};
    if (futimens(d, times))
        fail("metadata", name);
    if (nameless && linkat(d, "", to, name, AT_EMPTY_PATH)) {
        char path[32]; /* before Linux 6.10 only root may name it by its descriptor alone */
        snprintf(path, sizeof path, "/proc/self/fd/%d", d);
        if (errno == EEXIST || linkat(AT_FDCWD, path, to, name, AT_SYMLINK_FOLLOW))
            fail("finish", name);
    }
    if (close(d) || close(s) || (!nameless && renameat(to, temporary, to, name)))
        fail("finish", name);
}

static int held[32], many; /* of sixteen pairs, in rising order: closed together */

static void let_go(void)
{
    int lone = 0; /* what filled a gap before the others */
    for (; many && held[many - 1] - held[lone] != many - 1 - lone; lone++)
        close(held[lone]);
#ifdef SYS_close_range
    if (many && !syscall(SYS_close_range, held[lone], held[many - 1], 0))
        lone = many;
#endif
    for (; lone < many; lone++)
        close(held[lone]);
    many = 0;
}

static void compare(int from, int to, const char *name)
{
    struct stat a, b;
    int s = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int d = openat(to, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (s < 0 || d < 0 || fstat(s, &a) || fstat(d, &b))
        fail("open", name);
    ssize_t read_here;
    do {
        read_here = read(s, ours, CHUNK);
        if (read_here < 0 || read(d, theirs, CHUNK) != read_here || memcmp(ours, theirs, read_here))
            fail("differs", name);
    } while (read_here == CHUNK); /* a short read is the end of a regular file */
    held[many++] = s;
    held[many++] = d;
    if (many == sizeof held / sizeof *held)
        let_go();
}

static void work(char mode)
{
    int number = 0;
    while (atomic_load(&all->pending)) {
        unsigned head = atomic_load(&all->head);
        if (head >= atomic_load(&all->tail)) {
            usleep(50);
            continue;
        }
        if (!atomic_compare_exchange_weak(&all->head, &head, head + 1))
            continue;
        const char *folder = all->folder[head];
        while (!*(volatile const char *)folder)
            ;
        atomic_thread_fence(memory_order_acquire);
        int from = openat(source, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (mode == 'n' && strcmp(folder, ".") && mkdirat(target, folder, 0700))
            fail("mkdir", folder);
        int to = openat(target, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        DIR *list = from < 0 || to < 0 ? NULL : fdopendir(dup(from));
        DIR *other = mode == 'n' || !list ? NULL : fdopendir(dup(to));
        if (!list || (mode != 'n' && !other))
            fail("open", folder);
        while (other && readdir(other))
            ;
        for (struct dirent *entry; (entry = readdir(list));) {
            struct stat a, b;
            if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
                continue;
            if (entry->d_type == DT_DIR)
                push(folder, entry->d_name);
            else if (mode == 'n')
                copy(from, to, entry->d_name, ++number);
            else if (mode == 'c')
                compare(from, to, entry->d_name);
            else if (fstatat(from, entry->d_name, &a, AT_SYMLINK_NOFOLLOW) ||
                     fstatat(to, entry->d_name, &b, AT_SYMLINK_NOFOLLOW) || a.st_size != b.st_size)
                fail("differs", entry->d_name);
        }
        let_go();
        struct stat info;
        if (fstat(from, &info))
            fail("stat", folder);
        struct timespec times[2] = {info.st_atim, info.st_mtim};
        if (mode == 'n' && (fchmod(to, info.st_mode & 07777) || futimens(to, times)))
            fail("metadata", folder);
        closedir(list);
        if (other)
            closedir(other);
        close(from);
        close(to);
        atomic_fetch_sub(&all->pending, 1);
    }
}

int main(int count, char **words)
{
    if (count != 5) {
        fprintf(stderr, "usage: limit copy|unchanged|checksum PROCESSES SOURCE TARGET\n");
        return 2;
    }
    char mode = !strcmp(words[1], "copy") ? 'n' : !strcmp(words[1], "checksum") ? 'c' : 'u';
    all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED)
        return perror("limit: mmap"), 1;
    ours = malloc(CHUNK), theirs = malloc(CHUNK);
    source = open(words[3], O_RDONLY | O_DIRECTORY);
    mkdir(words[4], 0777);
    target = open(words[4], O_RDONLY | O_DIRECTORY);
    if (source < 0 || target < 0)
        fail("open", words[source < 0 ? 3 : 4]);
    strcpy(all->folder[0], ".");
    all->tail = all->pending = 1;
    umask(0);
    for (int left = atoi(words[2]); left > 0; left--)
        if (!fork()) {
            work(mode);
            _exit(0);
        }
    for (int status; wait(&status) > 0;)
        if (status) {
            all->failed = 1;
            all->pending = 0; /* the others end after the folder in hand */
        }
    return all->failed;
}
