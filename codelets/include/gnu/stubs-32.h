/*
 * The headers of glibc take eBPF for a 32-bit machine, and ask for this file, which only a 32-bit libc has. It names functions that
 * a libc lacks. A codelet calls none of them.
 */
#if defined(__has_include_next)
#if __has_include_next(<gnu/stubs-32.h>)
#include_next <gnu/stubs-32.h>
#endif
#endif
