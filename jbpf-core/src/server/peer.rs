//! The users that may operate the application, and the places that they may take.

use std::os::unix::net::UnixStream;

use jbpf_channel::credentials::is_anybody;

/// Clients at a time.
const PLACES: usize = 64;

/// The places among those that listed users cannot take.
const OWN_PLACES: usize = 16;

/// The most places that one listed user can take.
const PLACES_OF_A_LISTED_USER: usize = 16;

/// A client that may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) user: u32,
    pub(super) standing: Standing,
}

/// The standing of a user with the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its own user, or root.
    Own,
    /// A user that it lists.
    Listed,
}

impl Standing {
    /// The most clients that there may be with one more client of this standing.
    pub(super) const fn places(self) -> usize {
        match self {
            Self::Own => PLACES,
            Self::Listed => PLACES - OWN_PLACES,
        }
    }

    /// How many clients one user may have.
    pub(super) const fn places_of_a_user(self) -> usize {
        match self {
            Self::Own => PLACES,
            Self::Listed => PLACES_OF_A_LISTED_USER,
        }
    }
}

/// Users that may connect: the application's own, root, and those that it lists.
#[derive(Debug, Clone)]
pub(super) struct Admission {
    own: u32,
    listed: Vec<u32>,
}

impl Admission {
    pub(super) fn new(listed: Vec<u32>) -> Self {
        Self {
            own: rustix::process::geteuid().as_raw(),
            listed,
        }
    }

    /// The user whose process connected, if it may stay.
    pub(super) fn peer(&self, stream: &UnixStream) -> Option<Peer> {
        // Credentials are those of the moment of connecting. A client without them cannot stay.
        let credentials = rustix::net::sockopt::socket_peercred(stream).ok()?;
        let user = credentials.uid.as_raw();
        // Also when it is this process's own number: strangers would have it as well.
        if is_anybody(user) {
            return None;
        }
        let standing = self.standing_of(user)?;
        Some(Peer { user, standing })
    }

    fn standing_of(&self, user: u32) -> Option<Standing> {
        const ROOT: u32 = 0;
        if user == self.own || user == ROOT {
            return Some(Standing::Own);
        }
        self.listed.contains(&user).then_some(Standing::Listed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_user_root_and_listed_ones_are_admitted() {
        let admission = Admission {
            own: 1000,
            listed: vec![1002],
        };
        let standings = [0, 1000, 1001, 1002, u32::MAX].map(|user| admission.standing_of(user));
        let (own, listed) = (Some(Standing::Own), Some(Standing::Listed));
        assert_eq!(standings, [own, own, None, listed, None]);
    }

    #[test]
    fn who_connects_from_this_process_is_admitted() {
        let (near, _far) = UnixStream::pair().unwrap();
        let peer = Admission::new(Vec::new()).peer(&near).unwrap();
        let user = rustix::process::geteuid().as_raw();
        let standing = Standing::Own;
        assert_eq!(peer, Peer { user, standing });
    }
}
