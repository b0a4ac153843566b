//! Formats of `printf`: the arguments that a format uses.

/// The most arguments that the helper takes.
const ARGUMENTS: usize = 3;

/// The number of arguments that a format uses, or the fault in it. The text ends at the first
/// zero.
pub(super) fn arguments(format: &[u8]) -> Result<usize, String> {
    let text = format.split(|byte| *byte == 0).next().unwrap_or_default();
    let mut bytes = text.iter().copied().peekable();
    let mut used = 0;
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            continue;
        }
        if bytes.next_if_eq(&b'%').is_some() {
            continue;
        }
        while bytes.next_if(|byte| b"-+ #0".contains(byte)).is_some() {}
        while bytes.next_if(u8::is_ascii_digit).is_some() {}
        if bytes.next_if_eq(&b'.').is_some() {
            while bytes.next_if(u8::is_ascii_digit).is_some() {}
        }
        let mut length = Vec::new();
        while let Some(modifier) = bytes.next_if(|byte| b"hlzj".contains(byte)) {
            length.push(modifier);
        }
        if !matches!(
            length.as_slice(),
            b"" | b"h" | b"hh" | b"l" | b"ll" | b"z" | b"j"
        ) {
            return Err(format!(
                "`{}` is no length of a number",
                String::from_utf8_lossy(&length)
            ));
        }
        match bytes.next() {
            Some(b'd' | b'i' | b'u' | b'x' | b'X' | b'o' | b'c') => used += 1,
            Some(b's') => {
                return Err("`%s` would read memory through a number".to_owned());
            }
            Some(b'p') => return Err("`%p` would print an address".to_owned()),
            Some(b'n') => return Err("`%n` would write memory".to_owned()),
            Some(b'*') => return Err("a width or precision of `*` is not supported".to_owned()),
            Some(other) => {
                return Err(format!(
                    "`%{}` does not print a number",
                    char::from(other).escape_default()
                ));
            }
            None => return Err("it ends in the middle of a conversion".to_owned()),
        }
    }
    if used > ARGUMENTS {
        return Err(format!(
            "it uses {used} arguments; the helper takes {ARGUMENTS}"
        ));
    }
    Ok(used)
}

#[cfg(test)]
mod tests {
    use super::arguments;

    #[test]
    fn numbers_are_counted() {
        assert_eq!(arguments(b"plain\0"), Ok(0));
        assert_eq!(arguments(b"100%% %d %lu\0%s"), Ok(2));
        assert_eq!(arguments(b"%08llx %-5hhd %.3zu"), Ok(3));
        assert_eq!(arguments(b"%c%X%o"), Ok(3));
    }

    #[test]
    fn everything_else_is_refused() {
        for format in [
            "%s",
            "%p",
            "%n",
            "%f",
            "%",
            "%5",
            "%lll",
            "%q",
            "%*d",
            "%ld %d %d %d",
            "%hs",
            "%llld",
        ] {
            assert!(arguments(format.as_bytes()).is_err(), "{format}");
        }
    }
}
