#!/bin/bash
# Writes programs.txt: each idiom of idioms.c as each compiler compiles it. Needs clang 14, 19 and 22.
set -eu
cd "$(dirname "$0")"
object=$(mktemp)
trap 'rm -f "$object" "$object.text"' EXIT
for idiom in $(sed -n 's/^#\(if\|elif\) defined(\([a-z0-9_]*\))/\2/p' idioms.c); do
    for unsafe in "" -DUNSAFE; do
        for clang in 14 19 22; do
            for cpu in v1 v2 v3 v4; do
                [ "$clang-$cpu" = 14-v4 ] && continue
                for level in O1 O2 Os; do
                    clang-$clang -target bpf -mcpu=$cpu -$level -D"$idiom" $unsafe -c idioms.c -o "$object"
                    llvm-objcopy-$clang -O binary --only-section=jbpf_generic "$object" "$object.text"
                    printf '%s %s %s-%s-%s\n' "$idiom${unsafe:+!}" "$(xxd -p "$object.text" | tr -d '\n')" "$clang" "$cpu" "$level"
                done
            done
        done
    done
done | awk '{ key = $1 " " $2; if (!(key in at)) { order[++count] = key; at[key] = $3 } else at[key] = at[key] "," $3 }
    END { for (i = 1; i <= count; i++) { split(order[i], word); print word[1], at[order[i]], word[2] } }' > programs.txt
