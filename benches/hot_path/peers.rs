//! `peer/*`: alternatives to jbpf's hooks and engine.

use std::hint::black_box;

use criterion::Criterion;

/// Adds 1 to the u64 that r1 points at, and returns it.
const COUNT_UP: &str = "
    ldxdw r0, [r1]
    add64 r0, 1
    stxdw [r1], r0
    exit
";

trait Observer {
    fn observe(&self, count: &mut u64);
}

struct CountUp;

impl Observer for CountUp {
    #[inline(never)]
    fn observe(&self, count: &mut u64) {
        *count += 1;
    }
}

pub fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("peer");
    let program = rbpf::assembler::assemble(COUNT_UP).unwrap();

    group.bench_function("rbpf_interpreter", |bencher| {
        let vm = rbpf::EbpfVmRaw::new(Some(&program)).unwrap();
        let (mut memory, mut calls) = ([0; 8], 0);
        bencher.iter(|| {
            calls += 1;
            vm.execute_program(black_box(&mut memory)).unwrap()
        });
        assert_eq!(u64::from_le_bytes(memory), calls);
    });

    #[cfg(target_arch = "x86_64")]
    group.bench_function("rbpf_jit", |bencher| {
        let mut vm = rbpf::EbpfVmRaw::new(Some(&program)).unwrap();
        vm.jit_compile().unwrap();
        let (mut memory, mut calls) = ([0; 8], 0);
        bencher.iter(|| {
            calls += 1;
            execute_jit(&vm, black_box(&mut memory))
        });
        assert_eq!(u64::from_le_bytes(memory), calls);
    });

    group.bench_function("dyn_trait_call", |bencher| {
        let observer: Box<dyn Observer> = black_box(Box::new(CountUp));
        let (mut count, mut calls) = (0, 0);
        bencher.iter(|| {
            calls += 1;
            observer.observe(black_box(&mut count));
        });
        assert_eq!(count, calls);
    });

    group.bench_function("tracing_disabled", |bencher| {
        let mut count = 0_u64;
        bencher.iter(|| {
            count += 1;
            tracing::trace!(count = black_box(count));
        });
        assert!(count > 0);
    });
    group.finish();
}

#[cfg(target_arch = "x86_64")]
#[expect(
    unsafe_code,
    reason = "rbpf gives no safe way to call what its JIT compiled"
)]
fn execute_jit(vm: &rbpf::EbpfVmRaw<'_>, memory: &mut [u8]) -> u64 {
    // SAFETY: the program reads and writes the eight bytes of `memory` alone, and ends.
    unsafe { vm.execute_program_jit(memory).unwrap() }
}
