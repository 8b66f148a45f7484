//! Lines for people on stdout. A pipe that is closed (`| head`) is the reader's choice, and no failure.

macro_rules! say {
    ($($said:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), $($said)*);
    }};
}
pub(super) use say;
