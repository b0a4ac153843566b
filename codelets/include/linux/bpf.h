/*
 * Sources of codelets include <linux/bpf.h> by custom, and use its integers alone: maps, helpers and contexts of codelets
 * are in jbpf_defs.h and jbpf_helper.h. A kernel's own header is used instead if a whole one is in reach.
 */
#if defined(__has_include_next)
#if __has_include_next(<linux/bpf.h>) && __has_include(<asm/types.h>)
#include_next <linux/bpf.h>
#define JBPF_LINUX_BPF_H
#endif
#endif

#ifndef JBPF_LINUX_BPF_H
#define JBPF_LINUX_BPF_H

#include <linux/types.h>

#endif
