//! What is said of an error.

/// The error with its causes, each thing once: some tell their cause themselves.
pub(crate) fn told(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if said.contains(&cause) {
            continue;
        }
        if !said.is_empty() {
            said += ": ";
        }
        said += &cause;
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("no server answers: {source}")]
    struct TellsItsCause {
        source: std::io::Error,
    }

    #[test]
    fn nothing_is_said_twice() {
        let source = std::io::Error::other("refused");
        let error = anyhow::Error::new(TellsItsCause { source }).context("--server");
        assert_eq!(told(&error), "--server: no server answers: refused");
        let error = anyhow::anyhow!("no such file").context("--token-file x");
        assert_eq!(told(&error), "--token-file x: no such file");
    }
}
