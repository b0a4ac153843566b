//! The terminal while the table is live. However the program ends, it is left as it was found.

use std::io::{self, Stdout, Write as _};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::{Hide, MoveTo, MoveToNextLine, Show};
use crossterm::style::{Attribute, Print, SetAttribute};
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, size,
};
use crossterm::{execute, queue};

use crate::visible::shown;

/// Whether the terminal has to be given back.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal's other screen, without echo and cursor. Dropping it brings the first one back.
pub(super) struct Screen {
    to: Stdout,
}

/// A line of the screen.
pub(super) struct Line {
    pub(super) text: String,
    pub(super) style: Attribute,
}

impl Screen {
    pub(super) fn new() -> io::Result<Self> {
        restore_before_panics();
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let mut screen = Self { to: io::stdout() };
        execute!(screen.to, EnterAlternateScreen, Hide)?;
        Ok(screen)
    }

    /// Draws as many lines as fit, in one go.
    pub(super) fn draw(&mut self, lines: &[Line]) -> io::Result<()> {
        let (width, height) = known(size()?);
        queue!(self.to, BeginSynchronizedUpdate, MoveTo(0, 0))?;
        for (row, line) in lines.iter().take(height.into()).enumerate() {
            if row > 0 {
                queue!(self.to, MoveToNextLine(1))?;
            }
            let text = shown(line.text.as_bytes());
            let text: String = text.chars().take(width.into()).collect();
            queue!(
                self.to,
                SetAttribute(line.style),
                Print(text),
                SetAttribute(Attribute::Reset),
                Clear(ClearType::UntilNewLine)
            )?;
        }
        queue!(
            self.to,
            Clear(ClearType::FromCursorDown),
            EndSynchronizedUpdate
        )?;
        self.to.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Terminals that do not know their size, as those of containers and scripts, say that it is nothing.
fn known(size: (u16, u16)) -> (u16, u16) {
    match size {
        (0, _) | (_, 0) => (80, 24),
        size => size,
    }
}

/// Once: leaving a screen puts the cursor where it was, over what has been written since.
fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    // Nobody is left to tell when the terminal itself is gone.
    let _ = execute!(io::stdout(), Show, LeaveAlternateScreen);
    let _ = disable_raw_mode();
}

/// So that a panic's message is seen.
fn restore_before_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            before(panic);
        }));
    });
}

#[cfg(test)]
#[path = "../../../tests/terminal/pty.rs"]
mod pty;

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Says to this test, run once more, that it is the program on the terminal.
    const ON_TERMINAL: &str = "JBPF_TEST_ON_TERMINAL";

    #[test]
    fn a_panic_leaves_the_terminal_as_it_was_and_is_read_on_it() {
        if std::env::var_os(ON_TERMINAL).is_some() {
            let mut screen = Screen::new().unwrap();
            screen.draw(&[]).unwrap();
            panic!("the table is lost");
        }
        let mut program = Command::new(std::env::current_exe().unwrap());
        program
            .args(["--exact", "--nocapture", "--test-threads=1"])
            .arg(concat!(
                "commands::top::screen::tests::",
                "a_panic_leaves_the_terminal_as_it_was_and_is_read_on_it"
            ))
            .env(ON_TERMINAL, "");
        let mut program = pty::Pty::start(program, (80, 24));
        program.wait_for(pty::OTHER_SCREEN);
        let said = program.ends_and_restores(Some(101));
        assert!(said.contains("the table is lost"), "{said}");
    }
}
