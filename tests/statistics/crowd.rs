//! More hooks than a report has room for.

use std::collections::BTreeMap;
use std::time::Duration;

use jbpf::request::CodeletBuilder;
use jbpf::{LoadRequest, jbpf_hook};

use super::builtin_hooks::load_report;
use super::{Turn, wait_for};

macro_rules! hooks {
    ($($name:ident)*) => {
        $(#[jbpf_hook]
        fn $name(ctx_id: u32) {})*

        /// By number: 132 of them.
        const HOOKS: &[(&str, fn(u32))] = &[$((stringify!($name), $name)),*];
    };
}

#[rustfmt::skip]
hooks! {
    crowd_000 crowd_001 crowd_002 crowd_003 crowd_004 crowd_005 crowd_006 crowd_007
    crowd_008 crowd_009 crowd_010 crowd_011 crowd_012 crowd_013 crowd_014 crowd_015
    crowd_016 crowd_017 crowd_018 crowd_019 crowd_020 crowd_021 crowd_022 crowd_023
    crowd_024 crowd_025 crowd_026 crowd_027 crowd_028 crowd_029 crowd_030 crowd_031
    crowd_032 crowd_033 crowd_034 crowd_035 crowd_036 crowd_037 crowd_038 crowd_039
    crowd_040 crowd_041 crowd_042 crowd_043 crowd_044 crowd_045 crowd_046 crowd_047
    crowd_048 crowd_049 crowd_050 crowd_051 crowd_052 crowd_053 crowd_054 crowd_055
    crowd_056 crowd_057 crowd_058 crowd_059 crowd_060 crowd_061 crowd_062 crowd_063
    crowd_064 crowd_065 crowd_066 crowd_067 crowd_068 crowd_069 crowd_070 crowd_071
    crowd_072 crowd_073 crowd_074 crowd_075 crowd_076 crowd_077 crowd_078 crowd_079
    crowd_080 crowd_081 crowd_082 crowd_083 crowd_084 crowd_085 crowd_086 crowd_087
    crowd_088 crowd_089 crowd_090 crowd_091 crowd_092 crowd_093 crowd_094 crowd_095
    crowd_096 crowd_097 crowd_098 crowd_099 crowd_100 crowd_101 crowd_102 crowd_103
    crowd_104 crowd_105 crowd_106 crowd_107 crowd_108 crowd_109 crowd_110 crowd_111
    crowd_112 crowd_113 crowd_114 crowd_115 crowd_116 crowd_117 crowd_118 crowd_119
    crowd_120 crowd_121 crowd_122 crowd_123 crowd_124 crowd_125 crowd_126 crowd_127
    crowd_128 crowd_129 crowd_130 crowd_131
}

#[test]
fn the_busiest_hooks_are_reported() {
    let period = Duration::from_millis(200);
    let turn = Turn::with(|builder| builder.report_period(period));
    for (number, hooks) in HOOKS.chunks(16).enumerate() {
        let mut set = LoadRequest::builder(format!("crowd {number}"));
        for (hook, _) in hooks {
            let object = concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../codelets/application/any_hook.o"
            );
            set = set.codelet(CodeletBuilder::from_path(*hook, object, *hook));
        }
        turn.runtime.load(&set.build().unwrap()).unwrap();
    }
    let reports = load_report(&turn);
    let mut last = BTreeMap::new();
    wait_for("a report with the calls of one round", || {
        // Hook number n is called n times: those with the lowest numbers have to stay out.
        for (number, (_, hook)) in HOOKS.iter().enumerate() {
            for _ in 0..number {
                hook(0);
            }
        }
        for report in reports.try_iter() {
            assert_eq!(report.hooks, 128);
            let seen: &mut Vec<(String, u64)> = last.entry(report.report).or_default();
            seen.push((report.name().to_owned(), report.calls));
        }
        let whole = last.values().find(|hooks| hooks.len() == 128);
        whole
            .filter(|hooks| hooks.iter().all(|(_, calls)| *calls >= 4))
            .cloned()
    });
    let hooks = last
        .values()
        .find(|hooks| hooks.len() == 128 && hooks.iter().all(|(_, calls)| *calls >= 4))
        .unwrap();
    assert!(hooks.is_sorted_by_key(|(name, _)| name), "by name");
    let lowest = hooks.first().unwrap();
    assert!(lowest.0.as_str() >= "crowd_002", "{lowest:?}");
}
