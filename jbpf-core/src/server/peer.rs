//! Who may operate the application.

use std::os::unix::net::UnixStream;

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

    /// Whether the process that connected may stay.
    pub(super) fn admits(&self, peer: &UnixStream) -> bool {
        // Credentials are those of the moment of connecting; without them nobody stays.
        rustix::net::sockopt::socket_peercred(peer)
            .is_ok_and(|credentials| self.admits_user(credentials.uid.as_raw()))
    }

    fn admits_user(&self, user: u32) -> bool {
        const ROOT: u32 = 0;
        user == self.own || user == ROOT || self.listed.contains(&user)
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
        let admitted = [0, 1000, 1001, 1002, u32::MAX].map(|user| admission.admits_user(user));
        assert_eq!(admitted, [true, true, false, true, false]);
    }

    #[test]
    fn who_connects_from_this_process_is_admitted() {
        let (near, _far) = UnixStream::pair().unwrap();
        assert!(Admission::new(Vec::new()).admits(&near));
    }
}
