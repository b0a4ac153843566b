//! `${NAME}` in paths.

use super::error::{RequestError, Subject};

/// Replaces each `${NAME}` once; a variable's value is not expanded again.
pub(super) fn expand(
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
    subject: &Subject,
    field: &'static str,
) -> Result<String, RequestError> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, behind)) = after.split_once('}') else {
            return Err(RequestError::UnclosedVariable {
                subject: subject.clone(),
                field,
            });
        };
        let value = variable(name).ok_or_else(|| RequestError::UnsetVariable {
            subject: subject.clone(),
            field,
            variable: name.to_owned(),
        })?;
        expanded.push_str(before);
        expanded.push_str(&value);
        rest = behind;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, String> {
        let variables = |name: &str| match name {
            "HOME" => Some("/home/op".to_owned()),
            "NESTED" => Some("${HOME}".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        expand(
            text,
            &variables,
            &Subject::Codeletset("set".into()),
            "codelet_path",
        )
        .map_err(|e| e.to_string())
    }

    #[test]
    fn variables_are_replaced_once() {
        assert_eq!(expanded("plain.o").unwrap(), "plain.o");
        assert_eq!(expanded("${HOME}/a.o").unwrap(), "/home/op/a.o");
        assert_eq!(
            expanded("${HOME}${EMPTY}/${HOME}").unwrap(),
            "/home/op//home/op"
        );
        assert_eq!(expanded("${NESTED}/a.o").unwrap(), "${HOME}/a.o");
        assert_eq!(expanded("$HOME and } stay").unwrap(), "$HOME and } stay");
    }

    #[test]
    fn what_cannot_be_replaced_is_named() {
        assert_eq!(
            expanded("${MISSING}/a.o").unwrap_err(),
            "codeletset `set`: `codelet_path` uses the environment variable `MISSING`, which is not set"
        );
        assert_eq!(
            expanded("${HOME/a.o").unwrap_err(),
            "codeletset `set`: `codelet_path` has a `${` without a closing `}`"
        );
    }
}
