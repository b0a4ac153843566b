//! The terminal while the table is live. However the program ends, it is left as it was found.

use std::io::{self, Stdout, Write as _};
use std::sync::Once;

use crossterm::cursor::{Hide, MoveTo, MoveToNextLine, Show};
use crossterm::style::{Attribute, Print, SetAttribute};
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, size,
};
use crossterm::{execute, queue};

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
        let mut screen = Self { to: io::stdout() };
        execute!(screen.to, EnterAlternateScreen, Hide)?;
        Ok(screen)
    }

    /// Draws as many lines as fit, in one go.
    pub(super) fn draw(&mut self, lines: &[Line]) -> io::Result<()> {
        let (width, height) = size()?;
        queue!(self.to, BeginSynchronizedUpdate, MoveTo(0, 0))?;
        for (row, line) in lines.iter().take(height.into()).enumerate() {
            if row > 0 {
                queue!(self.to, MoveToNextLine(1))?;
            }
            let text: String = line.text.chars().take(width.into()).collect();
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

fn restore() {
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
