//! An application whose hooks are more than one line of an answer can say.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    dead_code
)]

mod terminal;

use jbpf::operator::{Operator, OperatorError};
use jbpf::protocol::{HookReport, Reply, Request, StatisticsBody};
use jbpf::{Runtime, jbpf_data, jbpf_hook};
use terminal::Terminal;

macro_rules! ten {
    ($name:ident of $ty:ty) => {
        #[jbpf_data]
        struct $name {
            first: $ty,
            second: $ty,
            third: $ty,
            fourth: $ty,
            fifth: $ty,
            sixth: $ty,
            seventh: $ty,
            eighth: $ty,
            ninth: $ty,
            tenth: $ty,
        }
    };
}

ten!(Numbers of u64);
ten!(Rows of Numbers);
ten!(Pages of Rows);

macro_rules! hooks {
    ($($name:ident)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];
        $(
            /// Called with a thousand numbers, which take a hundred thousand bytes to describe.
            #[jbpf_hook]
            fn $name(pages: &Pages) {}
        )*
    };
}

hooks!(a b c d e f g h i j k l m n);

/// Asks for pages until one is empty.
fn pages<T>(
    operator: &mut Operator,
    page: impl Fn(Reply) -> Vec<T>,
    ask: impl Fn(u64) -> Request,
) -> Vec<Vec<T>> {
    let (mut skip, mut pages) = (0, Vec::new());
    loop {
        let page = page(operator.ask(&ask(skip)).unwrap());
        if page.is_empty() {
            return pages;
        }
        skip += page.len() as u64;
        pages.push(page);
    }
}

fn hooks(reply: Reply) -> Vec<HookReport> {
    match reply {
        Reply::Hooks(hooks) => hooks,
        other => panic!("{other:?}"),
    }
}

/// One test: a process has one runtime.
#[test]
fn hooks_are_told_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("jbpf")).unwrap();
    let socket = folder.path().join("jbpf/large.sock");
    let _runtime = Runtime::builder()
        .name("large")
        .socket(&socket)
        .build()
        .unwrap();
    let mut operator = Operator::connect(&socket).unwrap();

    let all = operator.hooks().unwrap();
    let own = |hooks: &[HookReport]| {
        let names = hooks.iter().map(|hook| hook.name.clone());
        names.filter(|name| name.len() == 1).collect::<Vec<_>>()
    };
    assert_eq!(own(&all), NAMES);
    match operator.ask(&Request::Hooks { skip: None }) {
        Err(OperatorError::Refused(report)) => assert_eq!(report.code, "answer-too-long"),
        other => panic!("{other:?}"),
    }
    let paged = pages(&mut operator, hooks, |skip| Request::Hooks {
        skip: Some(skip),
    });
    assert!(
        paged.len() > 1 && paged.len() < NAMES.len(),
        "{} pages",
        paged.len()
    );
    assert_eq!(paged.concat(), all);

    let whole = operator.statistics(None).unwrap();
    let statistics = |reply| match reply {
        Reply::Statistics(hooks) => hooks,
        other => panic!("{other:?}"),
    };
    let of_all = |skip| {
        Request::Statistics(StatisticsBody {
            hooks: None,
            skip: Some(skip),
        })
    };
    assert_eq!(pages(&mut operator, statistics, of_all).concat(), whole);

    let header = operator.header().unwrap();
    let bytes = |reply| match reply {
        Reply::Header { text } => text.into_bytes(),
        other => panic!("{other:?}"),
    };
    let paged = pages(&mut operator, bytes, |skip| Request::Header {
        skip: Some(skip),
    });
    assert_eq!(paged.concat(), header.as_bytes());
    for skip in [u64::MAX, u64::from(u32::MAX)] {
        assert!(hooks(operator.ask(&Request::Hooks { skip: Some(skip) }).unwrap()).is_empty());
    }

    let terminal = Terminal(folder.path());
    assert!(terminal.prints("hooks n").starts_with("n  monitoring  "));
}
