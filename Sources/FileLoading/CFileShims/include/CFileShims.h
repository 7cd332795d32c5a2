#ifndef CFILESHIMS_H
#define CFILESHIMS_H

/// renameat2(2) with RENAME_EXCHANGE on two paths; 0, or -1 with errno set. Glibc's Swift module does not show it.
int sluice_exchange(const char *first, const char *second);

/// renameat2(2) with RENAME_NOREPLACE; 0, or -1 with errno set.
int sluice_rename_new(const char *from, const char *to);

#endif
