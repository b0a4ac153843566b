/* bool, true and false, for codelets. A libc's own header is used instead if a whole one is in reach. */
#if defined(__has_include_next)
#if __has_include_next(<stdbool.h>) && (__has_include(<bits/libc-header-start.h>) || __has_include(<bits/alltypes.h>))
#include_next <stdbool.h>
#define JBPF_STDBOOL_H
#endif
#endif

#ifndef JBPF_STDBOOL_H
#define JBPF_STDBOOL_H

#ifndef __cplusplus
#define bool _Bool
#define true 1
#define false 0
#endif
#define __bool_true_false_are_defined 1

#endif
