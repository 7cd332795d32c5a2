#ifndef CFILESHIMS_H
#define CFILESHIMS_H

#include <stddef.h>
#include <sys/types.h>

// Calls that Glibc's Swift module does not show: GNU extensions and variadic functions. Those that return a number set
// errno when they fail.

/// renameat2(2) with RENAME_EXCHANGE on two paths; 0, or -1.
int sluice_exchange(const char *first, const char *second);

/// renameat2(2) with RENAME_NOREPLACE; 0, or -1.
int sluice_rename_new(const char *from, const char *to);

/// Whether a mount hides what the path would lead to without it (statx(2), STATX_ATTR_MOUNT_ROOT of Linux 5.8).
int sluice_is_mount_point(const char *path);

/// Locks bytes of an open file description (fcntl(2), F_OFD_SETLK); a length of 0 reaches to the end. 0, or -1.
int sluice_lock(int file, int exclusive, int waits, long long start, long long length);

/// Unlocks bytes that sluice_lock locked; 0, or -1.
int sluice_unlock(int file, long long start, long long length);

/// Whether another open file description's lock stands in the way of such a lock: 1 or 0, or -1.
int sluice_conflicts(int file, int exclusive, long long start, long long length);

/// copy_file_range(2) from one file's position to the other's; bytes copied, or -1.
ssize_t sluice_copy_range(int from, int to, size_t count);

/// sync_file_range(2) with SYNC_FILE_RANGE_WRITE on the whole file; a hint, so nobody asks whether it was taken.
void sluice_start_writeback(int file);

#endif
