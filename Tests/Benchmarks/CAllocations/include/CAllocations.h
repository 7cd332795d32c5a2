#ifndef SLUICE_ALLOCATIONS_H
#define SLUICE_ALLOCATIONS_H

/// How often this process has asked for memory so far, from whatever thread.
long sluice_allocations(void);

#endif
