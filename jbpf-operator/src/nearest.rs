//! The name that a user may have meant.

use jbpf_abi::request::MAX_NAME;

/// The most work of one search, as the sum of the products of both lengths. It takes some
/// milliseconds.
const COMPARED: usize = 1 << 20;

/// The first names that `wanted` can be compared with. A comparison takes memory and time by the
/// product of both lengths, and both texts may come from an untrusted source.
fn comparable<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let is_name = |name: &str| name.len() <= MAX_NAME;
    let mut left = COMPARED;
    let names = names
        .into_iter()
        .filter(|name| is_name(wanted) && is_name(name));
    let affordable = names.map_while(|name| {
        left = left.checked_sub(wanted.len().saturating_mul(name.len()))?;
        Some(name)
    });
    affordable.collect()
}

/// The name most like `wanted`, if one is like it.
#[must_use]
pub fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let names = comparable(wanted, names).into_iter();
    names
        .map(|name| (strsim::damerau_levenshtein(wanted, name), name))
        .filter(|(distance, name)| *distance <= name.len().max(wanted.len()) / 3 + 1)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_recognised() {
        let names = ["jbpf_generic", "jbpf_stats", "jbpf_ran"];
        let meant = |wanted| nearest(wanted, names);
        assert_eq!(meant("jbpf_genric").as_deref(), Some("jbpf_generic"));
        assert_eq!(meant("jbpf_tsats").as_deref(), Some("jbpf_stats"));
        assert_eq!(meant("completely_else"), None);
    }

    #[test]
    fn so_much_is_compared_and_no_more() {
        let long = "x".repeat(255);
        let names = vec![long.as_str(); 1000];
        assert_eq!(comparable(&long, names.iter().copied()).len(), 16);
        assert_eq!(comparable("short", names.iter().copied()).len(), 822);
        let too_long = "x".repeat(256);
        assert!(comparable(&too_long, ["short"]).is_empty());
        assert_eq!(comparable("short", [too_long.as_str(), "shirt"]), ["shirt"]);
        assert_eq!(
            nearest("short", [too_long.as_str(), "shirt"]).as_deref(),
            Some("shirt")
        );
    }
}
