#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "CFileShims.h"

int sluice_exchange(const char *first, const char *second) {
    return renameat2(AT_FDCWD, first, AT_FDCWD, second, RENAME_EXCHANGE);
}

int sluice_rename_new(const char *from, const char *to) {
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}

int sluice_is_mount_point(const char *path) {
    struct statx status;
    if (statx(AT_FDCWD, path, 0, 0, &status) != 0) return 0;
    return (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

static struct flock range(short type, long long start, long long length) {
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    return lock;
}

int sluice_lock(int file, int exclusive, int waits, long long start, long long length) {
    struct flock lock = range(exclusive ? F_WRLCK : F_RDLCK, start, length);
    return fcntl(file, waits ? F_OFD_SETLKW : F_OFD_SETLK, &lock);
}

int sluice_unlock(int file, long long start, long long length) {
    struct flock lock = range(F_UNLCK, start, length);
    return fcntl(file, F_OFD_SETLK, &lock);
}

int sluice_conflicts(int file, int exclusive, long long start, long long length) {
    struct flock lock = range(exclusive ? F_WRLCK : F_RDLCK, start, length);
    if (fcntl(file, F_OFD_GETLK, &lock) != 0) return -1;
    return lock.l_type != F_UNLCK;
}

ssize_t sluice_copy_range(int from, int to, size_t count) {
    return copy_file_range(from, NULL, to, NULL, count, 0);
}

void sluice_start_writeback(int file) { sync_file_range(file, 0, 0, SYNC_FILE_RANGE_WRITE); }
