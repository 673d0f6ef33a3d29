//! What the two ends tell each other first.

/// What a connection of a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Frames about clients.
    Sessions,
    /// Frames about workers.
    Lanes,
    /// HTTP/1.1, for what the door asks the owner on behalf of somebody who calls it.
    Calls,
}

/// Who a door is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// What the connection is for.
    pub role: Role,
    /// The door: random bytes, the same for all connections of a link.
    pub door: [u8; 16],
    /// The link: rises each time the door links anew.
    pub link: u64,
    /// What people call the door; what is longer than 128 bytes is cut off.
    pub name: String,
}

/// What the owner answers to a door that it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// Which owner this is: rises from one to the next.
    pub epoch: u64,
    /// Its name and version.
    pub server: String,
    /// The largest result that it takes, in bytes.
    pub result_bytes_max: u64,
    /// For how many milliseconds a new owner waits for what doors declare.
    pub adoption_ms: u32,
}

/// Why the owner does not take a door.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The door does not know the token.
    #[error(
        "it has another token, or somebody sits between; give both the same --cluster-token-file"
    )]
    Token,
    /// There is no version that both speak.
    #[error(
        "it speaks versions {min} to {max} of links, and this one does not; upgrade the older of the two"
    )]
    Version {
        /// The oldest that the owner speaks.
        min: u16,
        /// The newest.
        max: u16,
    },
    /// It is not the owner.
    #[error("it is not the owner{}", owner.as_deref().map(|it| format!("; {it} is")).unwrap_or_default())]
    NotOwner {
        /// Where the owner's links are answered, if it is known.
        owner: Option<String>,
    },
    /// Something else, for people.
    #[error("{0}")]
    Other(String),
}

impl Refused {
    /// The same for the owner's log, about the door.
    pub(crate) fn of_door(&self) -> String {
        match self {
            Self::Token => self.to_string(),
            Self::Version { min, max } => format!(
                "it speaks none of the versions {min} to {max} of links; upgrade the older of the two"
            ),
            Self::NotOwner { .. } => "it looks for the owner, which is another".to_owned(),
            Self::Other(why) => why.clone(),
        }
    }
}
