//! What a pool is called.

use std::str::FromStr;

use acequia_wire::QueueName;

use crate::place::host_name;

/// The longest name, in bytes: with the number of a process behind it, it is one of a worker.
const BYTES_MAX: usize = 58;

/// The name of a pool: 1 to 58 of `[A-Za-z0-9._-]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolName(String);

impl PoolName {
    /// A name for the pool of a queue on this machine.
    pub fn here(queue: &QueueName) -> Self {
        Self::made_of(queue.as_str(), &host_name())
    }

    /// A name for the pool of a queue on a machine.
    fn made_of(queue: &str, host: &str) -> Self {
        let host: String = host.chars().filter(|c| is_of_name(*c)).collect();
        let whole = format!("{queue}-{host}");
        Self(whole.trim_end_matches('-').chars().take(BYTES_MAX).collect())
    }
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

impl FromStr for PoolName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !(1..=BYTES_MAX).contains(&text.len()) {
            return Err(format!(
                "a pool's name has 1 to {BYTES_MAX} bytes, this one {}",
                text.len()
            ));
        }
        match text.chars().find(|c| !is_of_name(*c)) {
            Some(c) => Err(format!("{c:?} cannot be in a pool's name: use [A-Za-z0-9._-]")),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl From<PoolName> for String {
    fn from(name: PoolName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for good in ["a", "thumbs-web1", "A.b_c-9", &"n".repeat(58)] {
            assert_eq!(good.parse(), Ok(PoolName(good.to_owned())));
        }
        for bad in ["", "a b", "a/b", "\u{e4}", &"n".repeat(59)] {
            assert!(bad.parse::<PoolName>().is_err(), "{bad}");
        }
        assert_eq!(PoolName::made_of("wc", "web1").0, "wc-web1");
        assert_eq!(PoolName::made_of("wc", "").0, "wc");
        let made = PoolName::made_of(&"q".repeat(64), "web 1/x").0;
        assert!(made.parse::<PoolName>().is_ok(), "{made}");
    }
}
