//! A terminal that is one: programs on it see a screen and keys.
#![allow(dead_code, reason = "each test takes of it what it needs")]

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use rustix::time::Timespec;

/// How long a program may take for what is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// The behaviour of a terminal that has another screen, and when it is back on the first one.
pub const OTHER_SCREEN: &str = "\u{1b}[?1049h";
pub const FIRST_SCREEN: &str = "\u{1b}[?1049l";
const CURSOR_SHOWN: &str = "\u{1b}[?25h";

/// A pseudo-terminal with one program on it.
pub struct Pty {
    keyboard: OwnedFd,
    /// Open, so that the terminal outlives its program.
    screen: OwnedFd,
    program: Child,
    /// How the program found the terminal.
    found: String,
    shown: Vec<u8>,
}

impl Pty {
    /// Starts a program on a terminal of this many columns and rows.
    pub fn start(mut command: Command, (columns, rows): (u16, u16)) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let path = ptsname(&keyboard, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let screen = open(path.as_c_str(), flags, Mode::empty()).unwrap();
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&screen, size).unwrap();
        let found = settings(&screen);
        let end = || Stdio::from(screen.try_clone().unwrap());
        command.stdin(end()).stdout(end()).stderr(end());
        let program = command.spawn().unwrap();
        Self {
            keyboard,
            screen,
            program,
            found,
            shown: Vec::new(),
        }
    }

    /// Whether keys reach the program as they are pressed, and are not echoed.
    pub fn is_raw(&self) -> bool {
        let modes = tcgetattr(&self.screen).unwrap().local_modes;
        !modes.intersects(LocalModes::ICANON | LocalModes::ECHO)
    }

    pub fn press(&self, keys: &str) {
        assert_eq!(
            rustix::io::write(&self.keyboard, keys.as_bytes()).unwrap(),
            keys.len()
        );
    }

    pub fn kill(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.program), signal).unwrap();
    }

    /// Waits until this is shown, and forgets what was shown up to there.
    pub fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let shown = String::from_utf8_lossy(&self.shown).into_owned();
            if let Some(at) = shown.find(text) {
                self.shown = shown.as_bytes()[at + text.len()..].to_vec();
                return shown[..at].to_owned();
            }
            let last: String = shown.chars().rev().take(1000).collect();
            let last: String = last.chars().rev().collect();
            assert!(
                self.read_until(deadline),
                "in vain: {text:?}; shown at last is {last:?}"
            );
        }
    }

    /// Waits until the program ends, and until then reads what it shows.
    fn wait_for_end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.program.try_wait().unwrap() {
                // All that it has written is there.
                while self.read_until(Instant::now()) {}
                return status;
            }
            let soon = Instant::now() + Duration::from_millis(10);
            assert!(
                self.read_until(soon) || soon < deadline,
                "the program does not end"
            );
        }
    }

    /// The program ends, with this status, and leaves the terminal as it found it. Its last
    /// screen.
    pub fn ends_and_restores(mut self, status: Option<i32>) -> String {
        let ended = self.wait_for_end();
        let shown = String::from_utf8_lossy(&self.shown).into_owned();
        assert_eq!(ended.code(), status, "{shown:?}");
        assert_eq!(
            settings(&self.screen),
            self.found,
            "the terminal's settings"
        );
        assert!(!self.is_raw());
        let back = shown.rfind(FIRST_SCREEN).expect("the first screen is back");
        assert!(shown.rfind(OTHER_SCREEN).is_none_or(|other| other < back));
        assert!(shown.contains(CURSOR_SHOWN), "{shown:?}");
        shown[back + FIRST_SCREEN.len()..].to_owned()
    }

    /// Whether something came before the deadline.
    fn read_until(&mut self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut descriptors = [PollFd::from_borrowed_fd(
            self.keyboard.as_fd(),
            PollFlags::IN,
        )];
        let left = Timespec::try_from(left).unwrap();
        if poll(&mut descriptors, Some(&left)).unwrap() == 0 {
            return false;
        }
        let mut bytes = [0; 4096];
        let read = rustix::io::read(&self.keyboard, &mut bytes).map_err(io::Error::from);
        self.shown.extend_from_slice(&bytes[..read.unwrap()]);
        true
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        // Fails when it has ended.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// All settings of a terminal.
fn settings(terminal: &OwnedFd) -> String {
    let found = tcgetattr(terminal).unwrap();
    format!("{found:?}")
}
