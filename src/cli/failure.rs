//! Errors for people: what failed and what to do.

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};

use crate::aws;
use crate::config::ConfigError;
use crate::config::suffix::BadSuffix;
use crate::engine::StepError;
use crate::engine::graph::GraphError;
use crate::engine::selection::BadSelection;
use crate::report::words::step_error;
use crate::sandbox::SandboxError;
use crate::state::{EditError, StateError};
use crate::traffic::history::HistoryError;
use crate::traffic::levers::NoLevers;
use crate::traffic::share::BadSteps;

/// An error that ends a command.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    message: String,
    help: Option<String>,
}

impl Diagnostic for Failure {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn std::fmt::Display>)
    }
}

impl Failure {
    /// A failure with advice.
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Failure { message: message.into(), help: Some(help.into()) }
    }

    /// Prints it on stderr.
    pub fn print(&self) {
        let theme = if console::colors_enabled_stderr() {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        let mut text = String::new();
        let handler = GraphicalReportHandler::new_themed(theme).with_width(110).with_break_words(false);
        match handler.render_report(&mut text, self) {
            Ok(()) => eprint!("{text}"),
            Err(_) => eprintln!("{}", self.message),
        }
    }
}

impl From<aws::Error> for Failure {
    fn from(error: aws::Error) -> Self {
        StepError::from(error).into()
    }
}

impl From<BadSelection> for Failure {
    fn from(error: BadSelection) -> Self {
        let hint = error.hint.as_ref().map(|hint| format!("{hint}\n"));
        let help = format!(
            "{}nothing was changed: `provisioner graph` shows the desired steps, `provisioner state list` the existing ones",
            hint.unwrap_or_default()
        );
        Failure::new(error.to_string(), help)
    }
}

impl From<StepError> for Failure {
    fn from(error: StepError) -> Self {
        Failure { message: step_error(&error), help: error.help }
    }
}

/// Errors whose message contains the advice.
macro_rules! plain {
    ($($error:ty)*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Failure { message: error.to_string(), help: None }
            }
        })*
    };
}

plain! { ConfigError BadSuffix HistoryError NoLevers BadSteps GraphError EditError StateError SandboxError std::io::Error }
